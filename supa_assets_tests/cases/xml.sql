-- needs: xml
-- xml is text, document or content.
CREATE TABLE cases (id int PRIMARY KEY, x xml, xs xml[]);
INSERT INTO cases VALUES (1, '<?xml version="1.0"?><a b="c">&lt;ü</a>', ARRAY['<a/>', NULL]::xml[]), (2, 'only <b/> content', '{}'), (3, NULL, NULL);
