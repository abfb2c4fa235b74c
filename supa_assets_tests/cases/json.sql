-- json and jsonb are the server's text: digits, duplicate keys and key order of json stay; its line breaks become spaces.
CREATE TYPE boxed AS (label text, doc json);
CREATE TABLE cases (id int PRIMARY KEY, j json, jb jsonb, js json[], jbs jsonb[], jp jsonpath, box boxed, boxes boxed[]);
INSERT INTO cases VALUES
    (1, '{"b": 1.10, "a": 1e400, "b": -0}', '{"b": 1.10, "a": 12345678901234567890.50, "c": -0}', ARRAY['[1, 2]', '{"a": "b\"c"}', NULL]::json[], ARRAY['[1, 2]', '"x"', NULL]::jsonb[], '$.a[*] ? (@ > 1)', ROW('a', '{"x": [1, {"y": null}]}'), ARRAY[ROW('a', '[1]'), NULL]::boxed[]),
    (2, E'{\n  "a":\r\n\t1,\n"b": "x\\ny"}', E'{\n"a": "x\\ny"}', ARRAY[E'[1,\n2]']::json[], ARRAY[E'[1,\n2]']::jsonb[], 'strict $."a b"', ROW(E'line\nline', E'[\n1\n]'), ARRAY[ROW(NULL, E'{\r\n}')]::boxed[]),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (4, '""', '""', '{}', '{}', '$', ROW(NULL, NULL), '{}'),
    (5, '["\u0041\ud83d\ude42\u2028"]', '"A🙂"', ARRAY[ARRAY['1', '2'], ARRAY['3', '{}']]::json[], ARRAY[ARRAY['1', '2'], ARRAY['3', '{}']]::jsonb[], NULL, ROW('', '{"k": "\u0041"}'), NULL),
    (6, ' [ ] ', '[]', ARRAY['null', NULL]::json[], ARRAY['null', NULL]::jsonb[], NULL, NULL, NULL),
    (7, 'true', 'false', NULL, NULL, NULL, NULL, NULL);
