-- needs: hstore, citext, ltree, cube
-- An extension's types are PostgreSQL's text, also where the extension has a cast to json that row_to_json would take.
CREATE SCHEMA extensions;
CREATE EXTENSION hstore SCHEMA extensions;
CREATE EXTENSION citext SCHEMA extensions;
CREATE EXTENSION ltree SCHEMA extensions;
CREATE EXTENSION cube SCHEMA extensions;
SET search_path = public, extensions;
CREATE DOMAIN attributes AS hstore;
CREATE TYPE thing AS (name text, attributes hstore);
CREATE TABLE cases (id int PRIMARY KEY, h hstore, hs hstore[], d attributes, ds attributes[], th thing, ths thing[], c citext, cs citext[], l ltree, lq lquery, cu cube);
INSERT INTO cases VALUES
    (1, '"a b"=>"1", c=>NULL, "q\"u"=>"\\"', ARRAY['a=>1', NULL]::hstore[], 'a=>1', ARRAY['a=>"1,2"', NULL]::attributes[], ROW('n', 'a=>NULL'), ARRAY[ROW('n', 'a=>"\""'), NULL]::thing[], 'MiXed', ARRAY['A', 'b', NULL]::citext[], 'Top.Science', 'Top.*{1,2}.a|b', '(1,2),(3,4.5)'),
    (2, '', '{}', '', '{}', ROW(NULL, NULL), '{}', '', '{}', '', '*', '(0)'),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
