-- A composite is an object; within it the server's own JSON stands, which PostgreSQL reads back. Where it could not
-- (an array in an array, json in an array, a cast to json), the composite is its own text.
CREATE TYPE inner_pair AS (x int, "Y ""q" text);
CREATE TYPE outer_pair AS (label text, pair inner_pair, pairs inner_pair[], at timestamptz, tags text[], raw bytea);
CREATE TYPE with_docs AS (label text, docs jsonb[]);
CREATE DOMAIN few AS int[] CHECK (cardinality(VALUE) < 5);
CREATE TYPE with_few AS (fews few[]);
CREATE TYPE with_vector AS (v int2vector);
CREATE TYPE empty_pair AS ();
CREATE TABLE cases (id int PRIMARY KEY, p inner_pair, ps inner_pair[], o outer_pair, docs with_docs, docses with_docs[], fews with_few, vec with_vector, e empty_pair);
INSERT INTO cases VALUES
    (1, ROW(1, 'a,"b)'), ARRAY[ROW(1, 'a'), NULL, ROW(NULL, NULL)]::inner_pair[],
        ROW('o', ROW(2, E'\n'), ARRAY[ROW(3, '')]::inner_pair[], '2026-01-02 03:04:05+00', '{a,NULL}', '\x00ff'),
        ROW('d', ARRAY['[1, 2]', 'null', NULL]::jsonb[]), ARRAY[ROW('d', ARRAY['{"a": "\""}']::jsonb[])]::with_docs[],
        ROW(ARRAY['{1,2}', '{3}']::few[]), ROW('1 2'), ROW()),
    (2, ROW(NULL, NULL), '{}', ROW(NULL, NULL, NULL, NULL, NULL, NULL), ROW(NULL, NULL), '{}', ROW(NULL), ROW(NULL), NULL),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
