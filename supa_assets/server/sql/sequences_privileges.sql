-- Which of the sequences :schemas[i].:names[i] the current role may set.
-- \set schemas '{public}'
-- \set names '{cases}'
SELECT n.nspname AS schema_name, c.relname AS name,
       coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                AND pg_catalog.has_sequence_privilege(c.oid, 'UPDATE'), false) AS has_update
FROM unnest(:'schemas'::pg_catalog.text[], :'names'::pg_catalog.text[]) AS w(schema_name, name)
JOIN pg_catalog.pg_namespace AS n ON n.nspname = w.schema_name
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = w.name AND c.relkind = 'S';
