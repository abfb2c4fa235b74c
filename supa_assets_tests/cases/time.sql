-- Times in ISO 8601 with microseconds and an explicit zone; infinity, BC and years beyond 9999 in the server's own text.
CREATE TABLE cases (id int PRIMARY KEY, tz timestamptz, ts timestamp, d date, t time, ttz timetz, i interval, tz0 timestamptz(0), ts3 timestamp(3));
INSERT INTO cases VALUES
    (1, '2026-01-02 03:04:05.123456+02', '2026-01-02 03:04:05.123456', '2026-01-02', '03:04:05.000001', '03:04:05.1+02', '1 year 2 mons -3 days 04:05:06.7', '2026-01-02 03:04:05+00', '2026-01-02 03:04:05.120'),
    (2, 'infinity', 'infinity', 'infinity', '24:00:00', '24:00:00-15:59', '0', 'infinity', 'infinity'),
    (3, '-infinity', '-infinity', '-infinity', '00:00:00', '00:00:00+15:59:59', '-178000000 years', '-infinity', '-infinity'),
    (4, '0044-03-15 12:00:00+00 BC', '0044-03-15 12:00:00.5 BC', '0044-03-15 BC', '23:59:59.999999', '00:00+00', '-00:00:00.000001', NULL, NULL),
    (5, '4714-11-24 00:00:00+00 BC', '4714-11-24 00:00:00 BC', '4714-11-24 BC', NULL, NULL, '1 day -1 hour', NULL, NULL),
    (6, '294276-12-31 23:59:59.999999+00', '294276-12-31 23:59:59.999999', '5874897-12-31', NULL, NULL, '100 days', NULL, NULL),
    (7, '10000-01-01 00:00:00+00', '10000-01-01 00:00:00', '10000-01-01', '12:00', '12:00+05:30', '-1 mons +1 day', NULL, NULL),
    (8, '0001-01-01 00:00:00+00', '0001-01-01 00:00:00', '0001-01-01', NULL, NULL, NULL, NULL, NULL),
    (9, '1900-01-01 00:00:00+00:19:32', '1999-12-31 23:59:60', '1582-10-10', '23:59:60', NULL, 'P1Y2M3DT4H5M6S', NULL, NULL),
    (10, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
