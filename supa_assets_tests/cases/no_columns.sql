-- A table without columns has rows all the same.
CREATE TABLE cases ();
INSERT INTO cases DEFAULT VALUES;
INSERT INTO cases DEFAULT VALUES;
