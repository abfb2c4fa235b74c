-- needs: PostgreSQL 18
-- A virtual column is computed as it is read, and left out on the way back.
CREATE TABLE cases (id int PRIMARY KEY, price numeric(10,2), double_price numeric GENERATED ALWAYS AS (price * 2) VIRTUAL, doc json, big int8 GENERATED ALWAYS AS (id::int8 * 9007199254740993) VIRTUAL);
INSERT INTO cases (id, price, doc) VALUES (1, 1.10, E'[\n]'), (2, NULL, NULL);
