-- The name of every schema.
SELECT n.nspname AS schema_name
FROM pg_catalog.pg_namespace AS n;
