-- The database by its own word, and whether the current role may ask what identity_system.sql asks. Asked alone: to
-- name a function that the role may not call is an error, even where CASE would not call it.
SELECT
    d.datname::pg_catalog.text  AS database,
    d.oid::pg_catalog.int8      AS database_oid,
    pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
    AND pg_catalog.has_function_privilege('pg_catalog.pg_walfile_name(pg_catalog.pg_lsn)', 'EXECUTE')
    AND pg_catalog.has_function_privilege('pg_catalog.pg_current_wal_insert_lsn()', 'EXECUTE')  AS may_ask
FROM pg_catalog.pg_database AS d
WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database();
