-- The relations :schemas[i].:names[i], with what only a partitioned one has.
-- \set schemas '{public}'
-- \set names '{cases}'
SELECT
    c.oid::pg_catalog.int8                                    AS relation_id,
    n.nspname                                                 AS schema_name,
    c.relname                                                 AS table_name,
    CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END AS partition_key
FROM unnest(:'schemas'::pg_catalog.text[], :'names'::pg_catalog.text[]) AS w(schema_name, name)
JOIN pg_catalog.pg_namespace AS n ON n.nspname = w.schema_name
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = w.name
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C";
