-- needs: vector
-- pgvector's types are PostgreSQL's text: a JSON array of floats would not go back by itself.
CREATE SCHEMA extensions;
CREATE EXTENSION vector SCHEMA extensions;
SET search_path = public, extensions;
CREATE TABLE cases (id int PRIMARY KEY, v vector(3), h halfvec(2), s sparsevec(5), vs vector[]);
INSERT INTO cases VALUES
    (1, '[1,2.5,-0.1]', '[1,0.5]', '{1:1,5:2.5}/5', ARRAY['[1,2]', NULL]::vector[]),
    (2, '[1e-10,1e10,0]', '[65504,-1]', '{}/5', '{}'),
    (3, NULL, NULL, NULL, NULL);
