-- Who keeps the relations in :schemas and :tables from being read: sessions that have, or wait for, the one lock mode that
-- no reader can share. For a partitioned table its leaves count, too.
-- \set schemas '{public}'
-- \set tables '{cases}'
WITH RECURSIVE wanted AS (
    SELECT c.oid AS root, c.oid, n.nspname, c.relname
    FROM unnest(:'schemas'::pg_catalog.text[], :'tables'::pg_catalog.text[]) AS w(schema_name, name)
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = w.schema_name
    JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = w.name
    UNION ALL
    -- pg_partition_tree() would wait for the very lock.
    SELECT w.root, i.inhrelid, w.nspname, w.relname
    FROM wanted AS w
    JOIN pg_catalog.pg_inherits AS i ON i.inhparent = w.oid
    JOIN pg_catalog.pg_class AS c ON c.oid = w.oid AND c.relkind = 'p'
)
SELECT DISTINCT
    w.nspname                                                 AS schema_name,
    w.relname                                                 AS name,
    l.pid                                                     AS process_id,
    l.granted                                                 AS is_granted,
    a.usename                                                 AS role_name,
    a.application_name                                        AS application_name,
    a.state                                                   AS state
FROM wanted AS w
JOIN pg_catalog.pg_locks AS l
  ON l.locktype = 'relation'
 AND l.mode = 'AccessExclusiveLock'
 AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
 AND l.relation = w.oid
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
ORDER BY is_granted DESC, process_id;
