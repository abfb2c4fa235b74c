-- Exports the transaction's snapshot; the clock and the WAL position are read in the same statement. A replica has no
-- WAL position of its own. In psql, BEGIN ISOLATION LEVEL REPEATABLE READ first: the snapshot ends with the transaction.
SELECT
    pg_catalog.pg_export_snapshot()                           AS id,
    pg_catalog.to_char(pg_catalog.statement_timestamp() AT TIME ZONE 'UTC',
                       'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')  AS time,
    CASE WHEN NOT pg_catalog.pg_is_in_recovery()
         THEN pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text END AS wal_lsn;
