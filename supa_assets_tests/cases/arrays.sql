-- Arrays are JSON arrays with their dimensions and nulls; elements stand as the type alone would, timestamps with a zone.
CREATE TABLE cases (id int PRIMARY KEY, i4 int4[], i8 int8[], n numeric[], f8 float8[], t text[], b bool[], ts timestamp[], tz timestamptz[], d date[], u uuid[], v varchar(3)[], ov oidvector, iv int2vector);
INSERT INTO cases VALUES
    (1, '{1,NULL,-3}', '{9223372036854775807,NULL}', '{1.10,NaN,-Infinity}', '{0.1,NaN,-0}', ARRAY['', NULL, 'NULL', '{a,b}', '"q"', E'\\', E'\n', 'ü'], '{t,f,NULL}', '{2026-01-02 03:04:05.6,infinity,NULL}', '{2026-01-02 03:04:05.6+02}', '{2026-01-02,-infinity}', '{00000000-0000-0000-0000-000000000001}', '{a,bc}', '1 2 3', '4 5'),
    (2, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '', ''),
    (3, '{{1,2},{3,NULL}}', '{{1},{2}}', '{{{1.0}}}', '{{1}}', ARRAY[ARRAY['a', 'b']], '{{t}}', '{{0044-03-15 12:00:00 BC}}', '{{10000-01-01 00:00:00+00}}', '{{0044-03-15 BC}}', NULL, '{{a}}', NULL, NULL),
    (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
