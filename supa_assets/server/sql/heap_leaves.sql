-- The relations that hold the rows of :schema.:table, itself or its leaf partitions, in the order of their names: whether
-- each is a heap, whose pages can be read by range (a foreign table is none), how many pages, and the bytes of its TOAST.
-- \set schema 'pg_catalog'
-- \set table 'pg_class'
SELECT
    n.nspname                                                 AS schema_name,
    c.relname                                                 AS name,
    a.is_heap                                                 AS has_pages,
    CASE WHEN a.is_heap THEN
        pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::pg_catalog.int4
    ELSE 0 END                                                AS page_count,
    CASE WHEN c.reltoastrelid <> 0 THEN pg_catalog.pg_relation_size(c.reltoastrelid) ELSE 0 END AS toast_bytes
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN (
    SELECT r.oid, r.relkind FROM pg_catalog.pg_class AS r
    JOIN pg_catalog.pg_namespace AS m ON m.oid = r.relnamespace
    WHERE m.nspname = :'schema' AND r.relname = :'table'
) AS root
CROSS JOIN LATERAL (
    SELECT coalesce((SELECT m.amname = 'heap' FROM pg_catalog.pg_am AS m WHERE m.oid = c.relam), false) AS is_heap
) AS a
WHERE c.relkind <> 'p'
  AND (c.oid = root.oid
       OR root.relkind = 'p' AND c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(root.oid)))
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C";
