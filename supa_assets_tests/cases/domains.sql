-- A domain is as its base type, also over an array, in an array, and around a composite.
CREATE DOMAIN positive AS int8 CHECK (VALUE > 0);
CREATE DOMAIN very_positive AS positive CHECK (VALUE > 10);
CREATE DOMAIN price AS numeric(10,2);
CREATE DOMAIN at AS timestamp;
CREATE DOMAIN label AS char(4);
CREATE DOMAIN doc AS json;
CREATE DOMAIN bigs AS int8[];
CREATE DOMAIN docs AS jsonb[];
CREATE TYPE pair AS (x int, y label);
CREATE DOMAIN good_pair AS pair CHECK ((VALUE).x IS DISTINCT FROM 0);
CREATE DOMAIN one AS "char";
CREATE TABLE cases (id int PRIMARY KEY, p positive, vp very_positive, pr price, a at, l label, j doc, bs bigs, ds docs, gp good_pair, o one,
    ps very_positive[], prs price[], ats at[], ls label[], js doc[], bss bigs[], gps good_pair[]);
INSERT INTO cases VALUES
    (1, 1, 9223372036854775807, 1.10, '2026-01-02', 'ab', E'{"a":\n1.0}', '{1,NULL}', ARRAY['[1]', NULL]::jsonb[], ROW(1, 'a'), 'x',
        ARRAY[11, NULL]::very_positive[], ARRAY[1.10]::price[], ARRAY['infinity']::at[], ARRAY['a']::label[], ARRAY['[1, 2]']::doc[], ARRAY['{1,2}', '{}', NULL]::bigs[], ARRAY[ROW(1, NULL)::pair]::good_pair[]),
    (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
