-- Tables and partitioned tables of the schemas in $schemas, and the relations named one by one in $named.
-- Leaf partitions are read through their root; what belongs to an extension isn't the user's.
SELECT
    c.oid::pg_catalog.int8                                    AS relation_id,
    n.nspname                                                 AS schema_name,
    c.relname                                                 AS table_name,
    c.relkind = 'p'                                           AS is_partitioned,
    pg_catalog.obj_description(c.oid, 'pg_class')             AS comment,
    storage.estimated_row_count                               AS estimated_row_count,
    storage.byte_count                                        AS byte_count,
    coalesce(key.columns, '{}')                               AS primary_key
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    -- reltuples is -1 where nothing was ever analyzed; as the planner does, it is scaled to today's number of pages.
    SELECT
        CASE WHEN bool_or(s.reltuples < 0 AND s.heap_bytes > 0) THEN NULL
             ELSE sum(CASE WHEN s.relpages > 0
                           THEN s.reltuples / s.relpages * (s.heap_bytes / s.page_bytes)
                           ELSE greatest(s.reltuples, 0) END)::pg_catalog.int8
        END                                                   AS estimated_row_count,
        sum(s.table_bytes)::pg_catalog.int8                   AS byte_count
    FROM (
        SELECT p.reltuples, p.relpages,
               coalesce(pg_catalog.pg_relation_size(p.oid), 0) AS heap_bytes,
               coalesce(pg_catalog.pg_table_size(p.oid), 0)    AS table_bytes,
               pg_catalog.current_setting('block_size')::pg_catalog.int4 AS page_bytes
        FROM pg_catalog.pg_class AS p
        WHERE p.relkind <> 'p'
          AND (p.oid = c.oid
               OR c.relkind = 'p' AND p.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid)))
    ) AS s
) AS storage
LEFT JOIN LATERAL (
    SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY k.position) AS columns
    FROM pg_catalog.pg_constraint AS p
    CROSS JOIN LATERAL unnest(p.conkey) WITH ORDINALITY AS k(attnum, position)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = p.conrelid AND a.attnum = k.attnum
    WHERE p.conrelid = c.oid AND p.contype = 'p'
) AS key ON true
WHERE c.relkind IN ('r', 'p')
  AND NOT c.relispartition
  AND c.relpersistence <> 't'
  AND (n.nspname = ANY (%(schemas)s) OR n.nspname || '.' || c.relname = ANY (%(named)s))
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend AS d
      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
  )
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
