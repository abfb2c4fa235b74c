"""Tables of every kind that a restore meets: a cycle of keys, sequences, a trigger, partitions, no column at all."""

from __future__ import annotations

__all__ = ["ROWS", "SCHEMA"]

SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE organizations (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, budget numeric(12,2),
    doubled numeric GENERATED ALWAYS AS (budget * 2) STORED, changed timestamptz DEFAULT '2026-01-01');
CREATE TABLE people (id serial PRIMARY KEY, organization int NOT NULL REFERENCES organizations,
    boss int REFERENCES people, mood mood, docs jsonb[], "odd %s ""name" json);
CREATE TABLE eggs (id int PRIMARY KEY, hen int);
CREATE TABLE hens (id int PRIMARY KEY, egg int REFERENCES eggs);
ALTER TABLE eggs ADD CONSTRAINT laid_by FOREIGN KEY (hen) REFERENCES hens;
CREATE TABLE nothing ();
CREATE TABLE parts (at date, n int, PRIMARY KEY (at, n)) PARTITION BY RANGE (at);
CREATE TABLE part PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE part_default PARTITION OF parts DEFAULT;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.changed = now(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON organizations FOR EACH ROW EXECUTE FUNCTION touch();
"""
ROWS = """
INSERT INTO organizations (name, budget) SELECT 'n' || n, n * 1.10 FROM generate_series(1, 50) n;
INSERT INTO people (organization, boss, mood, docs, "odd %s ""name")
    SELECT 1 + n % 50, CASE WHEN n < 3000 THEN n + 1 END, 'ok', ARRAY['[1]', 'null', NULL]::jsonb[], '"\\u00e9"'
    FROM generate_series(1, 3000) n;
INSERT INTO eggs VALUES (1), (2);
INSERT INTO hens VALUES (1, 1), (2, NULL);
UPDATE eggs SET hen = 1 WHERE id = 2;
INSERT INTO nothing SELECT FROM generate_series(1, 3);
INSERT INTO parts VALUES ('2026-05-01', 1), ('2020-01-01', 2);
SELECT setval('people_id_seq', 5000, false);
"""
