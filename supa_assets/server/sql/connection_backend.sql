-- What the server does for a transaction of another connection, in one word.
--
-- Sessions of the same role are seen whole, but where track_activities is off. Another server, as a pooler may lead to,
-- knows nothing of it.
-- \set process_id '1'
-- \set transaction_began '0'
-- \set server_began '0'
SELECT
    CASE
        WHEN EXTRACT(EPOCH FROM pg_catalog.pg_postmaster_start_time()) <> :'server_began'::pg_catalog.numeric
            THEN 'unknown'
        WHEN a.pid IS NULL THEN 'is gone'
        WHEN a.state IS NULL OR a.state = 'disabled' THEN 'unknown'
        WHEN EXTRACT(EPOCH FROM a.xact_start) IS DISTINCT FROM :'transaction_began'::pg_catalog.numeric
            THEN 'is gone'
        WHEN a.wait_event_type = 'Client' THEN 'waits for this side'
        ELSE 'at work'
    END AS finding
FROM (VALUES (:'process_id'::pg_catalog.int4)) AS sought (pid)
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = sought.pid;
