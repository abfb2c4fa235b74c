-- A type with a cast to json of its own is text: what the cast makes need not hold the whole value.
CREATE TYPE celsius AS (degrees numeric);
CREATE FUNCTION celsius_to_json(celsius) RETURNS json LANGUAGE sql IMMUTABLE AS $$ SELECT '"warm"'::json $$;
CREATE CAST (celsius AS json) WITH FUNCTION celsius_to_json(celsius);
CREATE TYPE color AS ENUM ('red', 'blue');
CREATE FUNCTION color_to_json(color) RETURNS json LANGUAGE sql IMMUTABLE AS $$ SELECT '{"lost": true}'::json $$;
CREATE CAST (color AS json) WITH FUNCTION color_to_json(color);
CREATE TYPE shade AS ENUM ('dark', 'light');
CREATE FUNCTION shade_to_text(shade) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'lost'::text $$;
CREATE CAST (shade AS text) WITH FUNCTION shade_to_text(shade);
CREATE TYPE lossy AS ENUM ('whole');
CREATE FUNCTION lossy_to_text(lossy) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'lost'::text $$;
CREATE FUNCTION lossy_to_json(lossy) RETURNS json LANGUAGE sql IMMUTABLE AS $$ SELECT '"lost"'::json $$;
CREATE CAST (lossy AS text) WITH FUNCTION lossy_to_text(lossy);
CREATE CAST (lossy AS json) WITH FUNCTION lossy_to_json(lossy);
CREATE DOMAIN warm_color AS color CHECK (VALUE <> 'blue');
CREATE TYPE painted AS (what text, color warm_color);
CREATE TABLE cases (id int PRIMARY KEY, c celsius, co color, cs color[], w warm_color, ws warm_color[], p painted, ps painted[], s shade, ss shade[], l lossy, ls lossy[]);
INSERT INTO cases VALUES
    (1, ROW(1.10), 'blue', '{red,NULL}', 'red', '{red}', ROW('a "b"', 'red'), ARRAY[ROW('a', 'red'), NULL]::painted[], 'dark', '{dark,NULL}', 'whole', '{whole,NULL}'),
    (2, ROW(NULL), NULL, '{}', NULL, '{}', ROW(NULL, NULL), '{}', NULL, '{}', NULL, '{}'),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
