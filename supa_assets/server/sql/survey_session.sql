-- The current role, and how many large objects the database holds.
SELECT
    current_user::pg_catalog.text                             AS role,
    (SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata) AS large_object_count;
