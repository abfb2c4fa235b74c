-- Text of every kind: '' stays apart from NULL, char(n) keeps its padding, nothing is escaped but what JSON wants escaped.
CREATE TYPE mood AS ENUM ('it''s "fine"', 'back\slash', '', 'naïve 🙂', 'a,b');
CREATE TABLE cases (id int PRIMARY KEY, t text, v varchar(10), c char(5), one "char", n name, u uuid, m mood, cs char(3)[], ms mood[]);
INSERT INTO cases VALUES
    (1, '', '', '', '', '', '00000000-0000-0000-0000-000000000000', '', ARRAY['', 'a'], ARRAY['', 'a,b']::mood[]),
    (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, ARRAY[NULL], NULL),
    (3, E'"quoted" back\\slash /slash', E'tab\ttab', 'ab', 'x', 'Name', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'it''s "fine"', '{}', '{}'),
    (4, E'line\nline\r\n\b\f\u0001\u001f\u007f', E'\u2028\u2029', 'é', E'\\351', 'ñ', NULL, 'back\slash', NULL, ARRAY['it''s "fine"', 'back\slash']::mood[]),
    (5, '🙂 𝄞 ‮ e' || U&'\0301' || ' null NULL {} []', '🙂', '🙂', '"', '"', NULL, 'naïve 🙂', NULL, NULL),
    (6, '  padded  ', '  ', '  a', '\', '\', NULL, 'a,b', NULL, NULL);
