-- Partitions that are called so, by schema.name or by name alone, each with the root that it is read through.
-- \set given 'public.events_2026'
WITH RECURSIVE above(leaf, oid) AS (
    SELECT c.oid, i.inhparent
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = c.oid
    WHERE c.relispartition AND c.relkind IN ('r', 'p', 'f')
      AND :'given' IN (n.nspname || '.' || c.relname, c.relname::pg_catalog.text)
    UNION ALL
    SELECT above.leaf, i.inhparent
    FROM above
    JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = above.oid
    JOIN pg_catalog.pg_class AS c ON c.oid = above.oid AND c.relispartition
)
SELECT ln.nspname AS schema_name, l.relname AS name, rn.nspname AS root_schema, r.relname AS root_name
FROM above
JOIN pg_catalog.pg_class AS l ON l.oid = above.leaf
JOIN pg_catalog.pg_namespace AS ln ON ln.oid = l.relnamespace
JOIN pg_catalog.pg_class AS r ON r.oid = above.oid AND NOT r.relispartition
JOIN pg_catalog.pg_namespace AS rn ON rn.oid = r.relnamespace
ORDER BY ln.nspname COLLATE "C", l.relname COLLATE "C";
