-- Keys and rules of the relations in :relation_ids, and unique indexes that no constraint owns, in the order in which
-- they can be added. Copies that PostgreSQL makes for partitions are left out (conparentid), NOT NULL (PostgreSQL 18
-- lists it here) and trigger constraints, too.
-- \set relation_ids '{1259}'
SELECT * FROM (
    SELECT
        k.conrelid::pg_catalog.int8                               AS relation_id,
        k.conname                                                 AS name,
        CASE k.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique' WHEN 'x' THEN 'exclusion'
                       WHEN 'c' THEN 'check' WHEN 'f' THEN 'foreign key' END AS kind,
        pg_catalog.pg_get_constraintdef(k.oid)                    AS definition,
        ARRAY(SELECT a.attname::pg_catalog.text
              FROM unnest(k.conkey) WITH ORDINALITY AS c(attnum, position)
              JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = c.attnum
              ORDER BY c.position)                                AS columns,
        k.condeferrable                                           AS is_deferrable,
        k.condeferred                                             AS is_deferred,
        k.convalidated                                            AS is_validated
    FROM pg_catalog.pg_constraint AS k
    WHERE k.conrelid = ANY (:'relation_ids'::pg_catalog.oid[])
      AND k.contype IN ('p', 'u', 'x', 'c', 'f')
      AND k.conparentid = 0
    UNION ALL
    SELECT
        i.indrelid::pg_catalog.int8, c.relname, 'unique index', pg_catalog.pg_get_indexdef(i.indexrelid), '{}', false, false, true
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indrelid = ANY (:'relation_ids'::pg_catalog.oid[])
      AND i.indisunique
      AND i.indisvalid
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
) AS c
ORDER BY c.relation_id,
    pg_catalog.array_position(ARRAY['primary key', 'unique', 'exclusion', 'unique index', 'check', 'foreign key'], c.kind), c.name;
