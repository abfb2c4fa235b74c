-- Text search and the server's own types are PostgreSQL's text; names of objects come out with their schema.
CREATE TABLE "Odd ""table" ();
CREATE FUNCTION odd() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TABLE cases (id int PRIMARY KEY, v tsvector, q tsquery, o oid, c regclass, p regproc, pp regprocedure, ty regtype, ns regnamespace, x xid, x8 xid8, ci cid, ti tid, lsn pg_lsn, snap pg_snapshot, cur refcursor, acl aclitem, os oid[], cl regclass[], qs tsquery[]);
INSERT INTO cases VALUES
    (1, 'a:1A fat:2B,4C ''it''''s'':3', '''it''''s'' & !cat:*AB <2> "q"', 4294967295, 'pg_class', 'now', 'odd()', 'int4', 'public', '4294967295', '18446744073709551615', '1', '(4294967295,65535)', '16/B374D848', '10:20:10,14,15', 'cur', 'postgres=r/postgres', '{1,4294967295}', ARRAY['pg_class', 'public."Odd ""table"']::regclass[], '{a}'),
    (2, '', '', 0, '0', '0', '0', 'text[]', '-', '0', '0', '0', '(0,0)', '0/0', '1:1:', '', NULL, '{}', '{}', '{}'),
    (3, NULL, NULL, NULL, 'public."Odd ""table"', 'public.odd', NULL, 'public.cases', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
