-- Of each column of the primary key of :schema.:table, in order: the five comparisons of its btree operator class, from
-- smaller to greater; and the column's type, of a domain what it is of. The table's column tells it: an index can store
-- another type (of `name` cstring).
-- \set schema 'pg_catalog'
-- \set table 'pg_class'
WITH RECURSIVE based(oid, base) AS (
    SELECT t.oid, t.typbasetype FROM pg_catalog.pg_type AS t WHERE t.typtype = 'd'
    UNION ALL
    SELECT b.oid, t.typbasetype FROM based AS b JOIN pg_catalog.pg_type AS t ON t.oid = b.base WHERE t.typtype = 'd'
)
SELECT
    k.position                                                AS position,
    pg_catalog.format_type(coalesce(
        (SELECT b.base FROM based AS b JOIN pg_catalog.pg_type AS t ON t.oid = b.base
         WHERE b.oid = f.atttypid AND t.typtype <> 'd'), f.atttypid), -1) AS base_type,
    n.nspname                                                 AS schema_name,
    o.oprname                                                 AS name
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
CROSS JOIN LATERAL unnest(i.indclass::pg_catalog.oid[]) WITH ORDINALITY AS k(opclass, position)
JOIN pg_catalog.pg_attribute AS f ON f.attrelid = i.indrelid AND f.attnum = i.indkey[k.position - 1]
JOIN pg_catalog.pg_opclass AS b ON b.oid = k.opclass
JOIN pg_catalog.pg_amop AS a
  ON a.amopfamily = b.opcfamily
 AND a.amoplefttype = b.opcintype
 AND a.amoprighttype = b.opcintype
JOIN pg_catalog.pg_operator AS o ON o.oid = a.amopopr
JOIN pg_catalog.pg_namespace AS n ON n.oid = o.oprnamespace
WHERE i.indisprimary
  AND s.nspname = :'schema'
  AND c.relname = :'table'
ORDER BY k.position, a.amopstrategy;
