-- The server's clock at this moment: sequences are read as they are now, not as a snapshot has them.
SELECT
    pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC',
                       'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')  AS read_at;
