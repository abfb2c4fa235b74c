-- Casts of somebody's own to whatever a value could be cast to, of types and of their arrays: no text of theirs is the
-- value, and none of them is called. Each would end the statement.
CREATE FUNCTION caught(what text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'a cast was called for %', what; END $$;
CREATE TYPE mood AS ENUM ('sad', 'so so', 'NULL', 'a,"b"\{}');
CREATE TYPE pair AS (a int, b text);
CREATE TYPE span AS RANGE (subtype = mood);
CREATE DOMAIN own_mood AS mood;
CREATE TABLE cases (id int PRIMARY KEY, m mood, ms mood[], o own_mood, os own_mood[], p pair, ps pair[], s span, ss span[]);
DO $do$
DECLARE of text; target text;
BEGIN
    FOREACH of IN ARRAY ARRAY['mood', 'pair', 'span', 'mood[]', 'own_mood[]', 'pair[]', 'span[]'] LOOP
        FOREACH target IN ARRAY ARRAY['json', 'jsonb', 'text', 'varchar', 'bpchar', 'text[]', 'varchar[]'] LOOP
            EXECUTE format('CREATE FUNCTION to_%s(value %s) RETURNS %s LANGUAGE sql AS $$ SELECT public.caught(%L)::%s $$',
                           translate(target, '[]', '_s'), of, target, of, target);
            EXECUTE format('CREATE CAST (%s AS %s) WITH FUNCTION to_%s(%s) AS ASSIGNMENT',
                           of, target, translate(target, '[]', '_s'), of);
        END LOOP;
    END LOOP;
END $do$;
INSERT INTO cases VALUES
    (1, 'sad', '{sad,NULL,"NULL",so so,"a,\"b\"\\{}"}', 'so so', '{{sad},{so so}}', ROW(1, 'a "b"'), ARRAY[ROW(1, NULL), NULL, ROW(NULL, '')]::pair[],
     '[sad,"so so")', ARRAY['empty', '(,sad]']::span[]),
    (2, 'a,"b"\{}', '{}', NULL, '{}', ROW(NULL, NULL), '{}', 'empty', '{}'),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
