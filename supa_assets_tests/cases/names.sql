-- Columns may be called anything, also what the export's own SQL calls its parts.
CREATE TABLE cases (r int, t int8 PRIMARY KEY, n json, b text, bucket text, previous text, key_0 text, line text, ctid_ text, "%" int8, "%s" text, "%(name)s" text, "q""q" text, "back\slash" text,
    "{}" text, "{name}" text, "line
break" text, "🙂" text, "Case" int, "case" int, " " text, "select" text, "a.b" text, "\u0041" text, "row_to_json" text, "ß" timestamp, "'" money, "cases" text, "$1" text, "/*" text, "--" text, ":x" text);
INSERT INTO cases VALUES (1, 2, E'{"a":\n1}', 'b', 'bucket', 'previous', 'key_0', 'line', 'ctid', 3, '%s', '%(name)s', '"', '\', '{}', '{name}', E'\n', '🙂', 1, 2, ' ', 'select', 'a.b', 'A', 'f', '2026-01-02', 1::money, 'cases', '$1', '/*', '--', ':x');
