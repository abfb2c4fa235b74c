-- The types in :type_ids and every type they are made of, but for PostgreSQL's own, arrays, and multiranges, which come
-- with their range. Oldest first: a type is younger than those it was made of.
-- \set type_ids '{16}'
WITH RECURSIVE used(oid) AS (
    SELECT unnest(:'type_ids'::pg_catalog.oid[])
    UNION
    SELECT part.oid
    FROM used
    JOIN pg_catalog.pg_type AS t ON t.oid = used.oid
    CROSS JOIN LATERAL (
        SELECT t.typbasetype AS oid
        UNION ALL SELECT t.typelem
        UNION ALL SELECT f.atttypid FROM pg_catalog.pg_attribute AS f
                  WHERE f.attrelid = t.typrelid AND t.typtype = 'c' AND f.attnum > 0 AND NOT f.attisdropped
        UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range AS r WHERE r.rngtypid = t.oid
        UNION ALL SELECT r.rngtypid FROM pg_catalog.pg_range AS r WHERE r.rngmultitypid = t.oid
    ) AS part
    WHERE part.oid <> 0
)
SELECT
    n.nspname                                                 AS schema_name,
    t.typname                                                 AS name,
    CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite' WHEN 'r' THEN 'range'
                   ELSE 'base' END                            AS kind,
    (SELECT e.extname
     FROM pg_catalog.pg_depend AS d
     JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
     WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = t.oid AND d.deptype = 'e'
       AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
     LIMIT 1)                                                 AS extension,
    ARRAY(SELECT l.enumlabel::pg_catalog.text FROM pg_catalog.pg_enum AS l
          WHERE l.enumtypid = t.oid ORDER BY l.enumsortorder) AS labels,
    CASE WHEN t.typtype = 'd' THEN pg_catalog.format_type(t.typbasetype, t.typtypmod) END AS base_type,
    NOT t.typnotnull                                          AS is_nullable,
    t.typdefault                                              AS default,
    CASE WHEN t.typtype = 'd' AND t.typcollation <> coalesce(b.typcollation, 0)
           OR t.typtype = 'r' AND r.rngcollation <> coalesce(s.typcollation, 0)
         THEN (SELECT pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname)
               FROM pg_catalog.pg_collation AS co
               JOIN pg_catalog.pg_namespace AS cn ON cn.oid = co.collnamespace
               WHERE co.oid = CASE t.typtype WHEN 'd' THEN t.typcollation ELSE r.rngcollation END) END AS collation,
    coalesce((SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                  'name', k.conname, 'definition', pg_catalog.pg_get_constraintdef(k.oid)) ORDER BY k.conname)
              FROM pg_catalog.pg_constraint AS k WHERE k.contypid = t.oid AND k.contype = 'c'), '[]') AS checks,
    coalesce((SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                  'name', f.attname, 'type', pg_catalog.format_type(f.atttypid, f.atttypmod),
                  'collation', CASE WHEN f.attcollation <> ft.typcollation THEN
                      (SELECT pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname)
                       FROM pg_catalog.pg_collation AS co
                       JOIN pg_catalog.pg_namespace AS cn ON cn.oid = co.collnamespace
                       WHERE co.oid = f.attcollation) END) ORDER BY f.attnum)
              FROM pg_catalog.pg_attribute AS f
              JOIN pg_catalog.pg_type AS ft ON ft.oid = f.atttypid
              WHERE f.attrelid = t.typrelid AND t.typtype = 'c' AND f.attnum > 0 AND NOT f.attisdropped), '[]') AS attributes,
    pg_catalog.format_type(r.rngsubtype, NULL)                AS subtype,
    (SELECT m.typname FROM pg_catalog.pg_type AS m WHERE m.oid = r.rngmultitypid) AS multirange,
    CASE WHEN r.rngcanonical <> 0 THEN r.rngcanonical::pg_catalog.regproc::pg_catalog.text END AS canonical,
    CASE WHEN r.rngsubdiff <> 0 THEN r.rngsubdiff::pg_catalog.regproc::pg_catalog.text END     AS subtype_diff
FROM pg_catalog.pg_type AS t
JOIN used ON used.oid = t.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_type AS b ON b.oid = t.typbasetype
LEFT JOIN pg_catalog.pg_range AS r ON r.rngtypid = t.oid
LEFT JOIN pg_catalog.pg_type AS s ON s.oid = r.rngsubtype
WHERE n.nspname <> 'pg_catalog'
  AND t.typsubscript <> 'pg_catalog.array_subscript_handler'::pg_catalog.regproc
  AND t.typtype <> 'm'
ORDER BY t.oid;
