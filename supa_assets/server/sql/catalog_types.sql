-- The types in :type_ids and every type they are made of: domains' bases, array elements, fields of composites.
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
    ) AS part
    WHERE part.oid <> 0
)
SELECT
    t.oid::pg_catalog.int8                                    AS type_id,
    n.nspname                                                 AS schema_name,
    t.typname                                                 AS name,
    t.typtype::pg_catalog.text                                AS kind,
    t.typbasetype::pg_catalog.int8                            AS base_type_id,
    -- A true array, as get_element_type() in lsyscache.c says it: name and point have an element type, too.
    CASE WHEN t.typsubscript = 'pg_catalog.array_subscript_handler'::pg_catalog.regproc
         THEN t.typelem::pg_catalog.int8 ELSE 0 END           AS element_type_id,
    t.typdelim::pg_catalog.text                               AS delimiter,
    -- Casts that somebody made, and that a statement would call in place of the type's output function. Of those to json,
    -- what to_json() calls for a type that isn't built in (json_categorize_type in jsonfuncs.c).
    ARRAY(SELECT g.typname::pg_catalog.text
          FROM pg_catalog.pg_cast AS k
          JOIN pg_catalog.pg_type AS g ON g.oid = k.casttarget
          JOIN pg_catalog.pg_namespace AS gn ON gn.oid = g.typnamespace AND gn.nspname = 'pg_catalog'
          WHERE k.castsource = t.oid AND k.oid >= 16384
            AND (g.typname IN ('text', 'varchar', '_text', '_varchar') AND k.castmethod <> 'i'
                 OR g.typname = 'json' AND k.castmethod = 'f' AND t.oid >= 16384)
          ORDER BY g.typname)                                 AS made_casts,
    ARRAY(SELECT f.attname::pg_catalog.text FROM pg_catalog.pg_attribute AS f
          WHERE f.attrelid = t.typrelid AND t.typtype = 'c' AND f.attnum > 0 AND NOT f.attisdropped
          ORDER BY f.attnum)                                  AS field_names,
    ARRAY(SELECT f.atttypid::pg_catalog.int8 FROM pg_catalog.pg_attribute AS f
          WHERE f.attrelid = t.typrelid AND t.typtype = 'c' AND f.attnum > 0 AND NOT f.attisdropped
          ORDER BY f.attnum)                                  AS field_type_ids
FROM pg_catalog.pg_type AS t
JOIN used ON used.oid = t.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace;
