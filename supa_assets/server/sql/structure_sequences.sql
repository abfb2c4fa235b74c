-- Sequences of the relations in :relation_ids: owned by a column ('a' of serial and OWNED BY, 'i' of identity) or drawn
-- from by a default; and those in the same schemas that no table has to do with.
-- \set relation_ids '{1259}'
WITH owned AS (
    SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid AS attnum, d.deptype = 'i' AS is_identity
    FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
),
used AS (
    SELECT d.refobjid AS sequence, f.adrelid AS relation, f.adnum AS attnum
    FROM pg_catalog.pg_depend AS d
    JOIN pg_catalog.pg_attrdef AS f ON f.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
)
SELECT
    n.nspname                                                 AS schema_name,
    c.relname                                                 AS name,
    pg_catalog.format_type(s.seqtypid, NULL)                  AS type,
    s.seqstart::pg_catalog.text                               AS start,
    s.seqincrement::pg_catalog.text                           AS increment,
    s.seqmin::pg_catalog.text                                 AS minimum,
    s.seqmax::pg_catalog.text                                 AS maximum,
    s.seqcache::pg_catalog.text                               AS cache,
    s.seqcycle                                                AS is_cycling,
    coalesce(o.is_identity, false)                            AS is_identity,
    coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE')
             AND pg_catalog.has_sequence_privilege(c.oid, 'SELECT'), false) AS is_readable,
    o.relation::pg_catalog.int8                               AS owner_id,
    (SELECT a.attname FROM pg_catalog.pg_attribute AS a
     WHERE a.attrelid = o.relation AND a.attnum = o.attnum)   AS owner_column,
    coalesce((SELECT pg_catalog.json_agg(pg_catalog.json_build_array(a.attrelid::pg_catalog.int8, a.attname)
                                         ORDER BY a.attrelid, a.attnum)
              FROM used AS u
              JOIN pg_catalog.pg_attribute AS a ON a.attrelid = u.relation AND a.attnum = u.attnum
              WHERE u.sequence = c.oid AND u.relation = ANY (:'relation_ids'::pg_catalog.oid[])), '[]') AS used_by
FROM pg_catalog.pg_sequence AS s
JOIN pg_catalog.pg_class AS c ON c.oid = s.seqrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN owned AS o ON o.sequence = c.oid
WHERE c.relpersistence <> 't'
  AND CASE WHEN o.relation IS NOT NULL
           THEN o.relation = ANY (:'relation_ids'::pg_catalog.oid[])
                OR EXISTS (SELECT FROM used AS u
                           WHERE u.sequence = c.oid AND u.relation = ANY (:'relation_ids'::pg_catalog.oid[]))
           WHEN EXISTS (SELECT FROM used AS u WHERE u.sequence = c.oid)
           THEN EXISTS (SELECT FROM used AS u
                        WHERE u.sequence = c.oid AND u.relation = ANY (:'relation_ids'::pg_catalog.oid[]))
           ELSE n.nspname IN (SELECT m.nspname FROM pg_catalog.pg_class AS r
                              JOIN pg_catalog.pg_namespace AS m ON m.oid = r.relnamespace
                              WHERE r.oid = ANY (:'relation_ids'::pg_catalog.oid[]))
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                                WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                                  AND d.deptype = 'e')
      END
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C";
