-- The columns of the relations in :relation_ids, in attnum order.
-- \set relation_ids '{1259}'
SELECT
    a.attrelid::pg_catalog.int8                               AS relation_id,
    a.attname                                                 AS name,
    pg_catalog.format_type(a.atttypid, a.atttypmod)           AS type,
    a.atttypid::pg_catalog.int8                               AS type_id,
    NOT a.attnotnull                                          AS is_nullable,
    CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual' END AS generated,
    CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END AS identity
FROM pg_catalog.pg_attribute AS a
WHERE a.attrelid = ANY (:'relation_ids'::pg_catalog.oid[])
  AND a.attnum > 0
  AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum;
