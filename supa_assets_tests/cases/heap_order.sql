-- Without a primary key, rows come as they lie; two equal rows are two rows.
CREATE TABLE cases (n int, t text);
INSERT INTO cases VALUES (3, 'c'), (1, 'a'), (2, NULL), (1, 'a'), (NULL, NULL);
DELETE FROM cases WHERE n = 3;
