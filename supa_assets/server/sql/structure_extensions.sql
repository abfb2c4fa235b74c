-- Every extension of the database, with its version.
SELECT e.extname AS name, n.nspname AS schema_name, e.extversion AS version
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
ORDER BY e.extname COLLATE "C";
