-- The name of every type.
SELECT n.nspname AS schema_name, t.typname AS name
FROM pg_catalog.pg_type AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace;
