-- The identifier that initdb gave the server, and that its replicas share.
SELECT s.system_identifier::pg_catalog.text AS system_identifier
FROM pg_catalog.pg_control_system() AS s;
