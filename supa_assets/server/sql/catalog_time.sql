-- The server's clock, as JSON writes it in the session's time zone.
SELECT pg_catalog.to_json(pg_catalog.statement_timestamp()) #>> '{}' AS read_at;
