-- Geometric, network and range types are PostgreSQL's text.
CREATE TYPE span AS RANGE (subtype = numeric, multirange_type_name = spans);
CREATE TABLE cases (id int PRIMARY KEY, pt point, l line, s lseg, bx box, pa path, po polygon, ci circle,
    ip inet, net cidr, m macaddr, m8 macaddr8, r4 int4range, rn numrange, rts tsrange, rtz tstzrange, rd daterange, own span,
    mr4 int4multirange, mtz tstzmultirange, owns spans, pts point[], bxs box[], rs numrange[]);
INSERT INTO cases VALUES
    (1, '(1.5,-0)', '{1,2,3}', '[(0,0),(1,1)]', '(1,1),(0,0)', '[(0,0),(1,1e-10)]', '((0,0),(1,1),(1,0))', '<(0,0),0.1>',
        '192.168.0.1/24', '192.168.0.0/24', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '[1,10]', '(1.10,2.0]', '[2026-01-01,infinity)', '[2026-01-01 00:00+02,)', '[2026-01-01,2026-01-02]', '[1.10,2.00]',
        '{[1,3),[5,7)}', '{[2026-01-01 00:00+00,2026-01-02 00:00+00)}', '{[1.10,2),(3,)}', ARRAY['(1,2)', NULL]::point[], ARRAY['(1,1),(0,0)', '(2,2),(0,0)']::box[], ARRAY['[1,2)', 'empty']::numrange[]),
    (2, '(NaN,Infinity)', NULL, NULL, NULL, '((0,0))', NULL, NULL, '::1', '::/0', NULL, NULL, 'empty', '(,)', 'empty', '(,)', '[,]', 'empty', '{}', '{}', '{}', '{}', '{}', '{}'),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '10.0.0.1', '10.0.0.0/8', NULL, NULL, NULL, NULL, '[0044-03-15 12:00 BC,10000-01-01)', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
