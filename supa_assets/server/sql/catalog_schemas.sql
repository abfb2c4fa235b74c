-- Those of the schemas in :schemas that exist.
-- \set schemas '{public}'
SELECT n.nspname AS schema_name
FROM pg_catalog.pg_namespace AS n
WHERE n.nspname = ANY (:'schemas');
