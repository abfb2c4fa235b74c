-- The name of every relation, whatever its kind: all kinds of a schema share its names.
SELECT n.nspname AS schema_name, c.relname AS name
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace;
