-- bytea in hex, which PostgreSQL reads back with no decoding; bit strings as they are.
CREATE TABLE cases (id int PRIMARY KEY, b bytea, b3 bit(3), vb varbit(8), bs bytea[], bits bit(2)[]);
INSERT INTO cases VALUES
    (1, '\x', '000', '', ARRAY[''::bytea, '\x00', NULL], ARRAY[B'01', B'10']),
    (2, '\x00ff5c22270a', '101', '10101010', '{}', '{}'),
    (3, NULL, NULL, NULL, NULL, NULL);
