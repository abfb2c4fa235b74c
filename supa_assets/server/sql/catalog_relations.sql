-- Tables and partitioned tables of the schemas in :schemas, and the relations named one by one in :named.
-- Leaf partitions are read through their root, but for one whose detaching is decided and not finished: the server no
-- longer reads that with its root. What belongs to an extension isn't the user's, unless it lies in one of
-- :platform_schemas: cron.job and vault.secrets are tables of extensions.
-- \set schemas '{public}'
-- \set named '{auth.users}'
-- \set platform_schemas '{}'
WITH RECURSIVE below(root, oid) AS (
    -- pg_partition_tree() would wait for who has locked a leaf.
    SELECT i.inhparent, i.inhrelid
    FROM pg_catalog.pg_inherits AS i
    JOIN pg_catalog.pg_class AS p ON p.oid = i.inhrelid AND p.relispartition
    WHERE NOT i.inhdetachpending
    UNION ALL
    SELECT below.root, i.inhrelid FROM below JOIN pg_catalog.pg_inherits AS i ON i.inhparent = below.oid
    WHERE NOT i.inhdetachpending
),
held AS MATERIALIZED (
    -- Asking for the size of what another session has locked exclusively would wait for it.
    SELECT l.relation AS oid
    FROM pg_catalog.pg_locks AS l
    WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
)
SELECT
    c.oid::pg_catalog.int8                                    AS relation_id,
    n.nspname                                                 AS schema_name,
    c.relname                                                 AS table_name,
    c.relkind = 'p'                                           AS is_partitioned,
    pg_catalog.left(pg_catalog.obj_description(c.oid, 'pg_class'), 2001) AS comment,
    storage.estimated_row_count                               AS estimated_row_count,
    storage.byte_count                                        AS byte_count,
    coalesce(key.columns, '{}')                               AS primary_key,
    lie.correlation                                           AS key_correlation
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    -- reltuples is -1 where nothing was ever analyzed; as the planner does, it is scaled to today's number of pages.
    SELECT
        CASE WHEN bool_or(s.is_held OR s.reltuples < 0 AND s.heap_bytes > 0) THEN NULL
             ELSE sum(CASE WHEN s.relpages > 0
                           THEN s.reltuples / s.relpages * (s.heap_bytes / s.page_bytes)
                           ELSE greatest(s.reltuples, 0) END)::pg_catalog.int8
        END                                                   AS estimated_row_count,
        sum(s.table_bytes)::pg_catalog.int8                   AS byte_count
    FROM (
        SELECT p.reltuples, p.relpages, h.is_held,
               CASE WHEN NOT h.is_held THEN coalesce(pg_catalog.pg_relation_size(p.oid), 0) END AS heap_bytes,
               CASE WHEN NOT h.is_held THEN coalesce(pg_catalog.pg_table_size(p.oid), 0) END    AS table_bytes,
               pg_catalog.current_setting('block_size')::pg_catalog.int4 AS page_bytes
        FROM (SELECT c.oid UNION ALL SELECT below.oid FROM below WHERE below.root = c.oid) AS part
        JOIN pg_catalog.pg_class AS p ON p.oid = part.oid
        CROSS JOIN LATERAL (SELECT p.oid IN (SELECT held.oid FROM held) AS is_held) AS h
        WHERE p.relkind <> 'p'
    ) AS s
) AS storage
LEFT JOIN LATERAL (
    SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY k.position) AS columns
    FROM pg_catalog.pg_constraint AS p
    CROSS JOIN LATERAL unnest(p.conkey) WITH ORDINALITY AS k(attnum, position)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = p.conrelid AND a.attnum = k.attnum
    WHERE p.conrelid = c.oid AND p.contype = 'p'
) AS key ON true
LEFT JOIN LATERAL (
    -- How far the heap lies in the key's order, as the last ANALYZE saw it; a guess for what will be chosen while reading.
    SELECT s.correlation::pg_catalog.float8 AS correlation
    FROM pg_catalog.pg_stats AS s
    WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = key.columns[1]
    ORDER BY s.inherited
    LIMIT 1
) AS lie ON true
WHERE c.relkind IN ('r', 'p')
  AND (NOT c.relispartition OR EXISTS (
      SELECT FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = c.oid AND i.inhdetachpending
  ))
  AND c.relpersistence <> 't'
  AND (n.nspname = ANY (:'schemas') OR n.nspname || '.' || c.relname = ANY (:'named'))
  AND (n.nspname = ANY (:'platform_schemas') OR NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend AS d
      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
  ))
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C";
