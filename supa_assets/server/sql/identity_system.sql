-- The identifier that initdb gave the server and that its physical copies share, and the timeline, which a promotion
-- raises. The timeline is that of the WAL being written: the control file's lags behind until a checkpoint. A replica
-- writes none.
SELECT
    s.system_identifier::pg_catalog.text AS system_identifier,
    CASE WHEN NOT pg_catalog.pg_is_in_recovery()
         THEN ('x' OPERATOR(pg_catalog.||) pg_catalog.substr(
                  pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8))::bit(32)::pg_catalog.int4
    END AS timeline
FROM pg_catalog.pg_control_system() AS s;
