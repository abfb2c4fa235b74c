-- A table's row type is a composite, without its dropped columns.
CREATE TABLE lines (a int, gone text, b numeric, c int8);
ALTER TABLE lines DROP COLUMN gone;
CREATE TABLE cases (id int PRIMARY KEY, l lines, gone int, ls lines[]);
ALTER TABLE cases DROP COLUMN gone;
INSERT INTO cases VALUES (1, ROW(1, 1.10, 9007199254740993), ARRAY[ROW(2, -0.00, NULL)]::lines[]), (2, NULL, NULL);
