-- An empty table is an empty array.
CREATE TABLE cases (id int PRIMARY KEY, j json);
