-- What stands under the names :schemas[i].:names[i] in the target, and what the current role may do with it.
-- \set schemas '{public}'
-- \set names '{cases}'
SELECT
    c.oid::pg_catalog.int8                                    AS relation_id,
    n.nspname                                                 AS schema_name,
    c.relname                                                 AS table_name,
    CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table'
                   WHEN 'm' THEN 'materialized view' WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence'
                   WHEN 'c' THEN 'composite type' ELSE 'index' END AS kind,
    coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE'), false) AS has_usage,
    coalesce(pg_catalog.has_table_privilege(c.oid, 'SELECT'), false) AS has_select,
    coalesce(pg_catalog.has_table_privilege(c.oid, 'INSERT'), false) AS has_insert,
    coalesce(pg_catalog.has_table_privilege(c.oid, 'UPDATE'), false) AS has_update,
    pg_catalog.pg_has_role(c.relowner, 'USAGE')               AS is_owner,
    pg_catalog.row_security_active(c.oid)                     AS has_hidden_rows
FROM unnest(:'schemas'::pg_catalog.text[], :'names'::pg_catalog.text[]) AS w(schema_name, name)
JOIN pg_catalog.pg_namespace AS n ON n.nspname = w.schema_name
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = w.name
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C";
