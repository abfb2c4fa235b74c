-- Every relation that holds or shows rows, of every schema but PostgreSQL's own, and what the current role may do with it.
-- Leaf partitions are read through their root, by its privileges and its row security. One whose detaching is decided and
-- not finished (DETACH CONCURRENTLY) is no longer read with its root: it stands alone.
SELECT
    n.nspname                                                 AS schema_name,
    c.relname                                                 AS name,
    CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table'
                   WHEN 'm' THEN 'materialized view' WHEN 'v' THEN 'view' END AS kind,
    (SELECT e.extname
     FROM pg_catalog.pg_depend AS d
     JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
     WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
       AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
     LIMIT 1)                                                 AS extension,
    coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE'), false) AS has_usage,
    coalesce(pg_catalog.has_table_privilege(c.oid, 'SELECT'), false) AS has_select,
    -- As the server itself decides it: bypassing and owning roles see all rows, unless the owner is forced.
    pg_catalog.row_security_active(c.oid)                     AS has_hidden_rows,
    c.relforcerowsecurity AND pg_catalog.pg_has_role(c.relowner, 'USAGE') AS is_forced,
    (SELECT e.extname
     FROM pg_catalog.pg_depend AS d
     JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
     WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.objid = n.oid AND d.deptype = 'e'
       AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
     LIMIT 1)                                                 AS schema_extension
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f', 'm', 'v')
  AND (NOT c.relispartition OR EXISTS (
      SELECT FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = c.oid AND i.inhdetachpending
  ))
  AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C";
