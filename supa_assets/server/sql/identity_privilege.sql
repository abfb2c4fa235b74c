-- Whether the current role may ask for the server's identifier. Asked alone: to name a function that the role may not
-- call is an error, even where CASE would not call it.
SELECT pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') AS may_ask;
