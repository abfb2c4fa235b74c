-- What the current session may do, and what limits it; before anything is pinned.
SELECT
    current_user::pg_catalog.text                             AS role,
    r.rolsuper                                                AS is_superuser,
    r.rolbypassrls                                            AS bypasses_rls,
    pg_catalog.pg_is_in_recovery()                            AS is_replica,
    pg_catalog.pg_backend_pid()                               AS backend_pid,
    pg_catalog.current_setting('statement_timeout')           AS statement_timeout,
    pg_catalog.current_setting('idle_in_transaction_session_timeout') AS idle_timeout,
    coalesce(pg_catalog.current_setting('transaction_timeout', true), '0') AS transaction_timeout,
    pg_catalog.current_setting('max_connections')::pg_catalog.int4
        - pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int4
        - coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::pg_catalog.int4
        - (SELECT coalesce(pg_catalog.sum(d.numbackends), 0) FROM pg_catalog.pg_stat_database AS d)::pg_catalog.int4
                                                              AS free_connections
FROM pg_catalog.pg_roles AS r
WHERE r.rolname = current_user;
