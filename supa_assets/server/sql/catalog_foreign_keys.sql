-- FOREIGN KEY constraints of the relations in :relation_ids, those of leaf partitions under their root.
-- PostgreSQL repeats a key for each leaf it concerns; conparentid tells the copies.
-- \set relation_ids '{1259}'
SELECT
    coalesce(pg_catalog.pg_partition_root(k.conrelid), k.conrelid)::pg_catalog.oid::pg_catalog.int8 AS relation_id,
    k.conname                                                 AS constraint_name,
    n.nspname                                                 AS referenced_schema,
    r.relname                                                 AS referenced_table,
    ARRAY(SELECT a.attname::pg_catalog.text
          FROM unnest(k.conkey) WITH ORDINALITY AS c(attnum, position)
          JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = c.attnum
          ORDER BY c.position)                                AS columns,
    ARRAY(SELECT a.attname::pg_catalog.text
          FROM unnest(k.confkey) WITH ORDINALITY AS c(attnum, position)
          JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = c.attnum
          ORDER BY c.position)                                AS referenced_columns
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_class AS r
  ON r.oid = coalesce(pg_catalog.pg_partition_root(k.confrelid), k.confrelid)
JOIN pg_catalog.pg_namespace AS n ON n.oid = r.relnamespace
WHERE k.contype = 'f'
  AND k.conparentid = 0
  AND coalesce(pg_catalog.pg_partition_root(k.conrelid), k.conrelid)::pg_catalog.oid
      = ANY (:'relation_ids'::pg_catalog.oid[])
ORDER BY relation_id, constraint_name, referenced_schema, referenced_table;
