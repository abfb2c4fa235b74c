-- The foreign keys of the relations in :relation_ids, each with the operators that compare its columns.
-- \set relation_ids '{1259}'
SELECT
    k.conrelid::pg_catalog.int8                               AS relation_id,
    k.conname                                                 AS name,
    n.nspname                                                 AS referenced_schema,
    r.relname                                                 AS referenced_table,
    r.relkind = 'p'                                           AS is_partitioned,
    ARRAY(SELECT a.attname::pg_catalog.text
          FROM unnest(k.conkey) WITH ORDINALITY AS c(attnum, position)
          JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = c.attnum
          ORDER BY c.position)                                AS columns,
    ARRAY(SELECT a.attname::pg_catalog.text
          FROM unnest(k.confkey) WITH ORDINALITY AS c(attnum, position)
          JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = c.attnum
          ORDER BY c.position)                                AS referenced_columns,
    ARRAY(SELECT pg_catalog.format('OPERATOR(%I.%s)', m.nspname, o.oprname)
          FROM unnest(k.conpfeqop) WITH ORDINALITY AS c(operator, position)
          JOIN pg_catalog.pg_operator AS o ON o.oid = c.operator
          JOIN pg_catalog.pg_namespace AS m ON m.oid = o.oprnamespace
          ORDER BY c.position)                                AS operators,
    k.condeferrable                                           AS is_deferrable,
    k.confmatchtype = 'f'                                     AS is_full_match,
    -- PostgreSQL 18 has keys that are not enforced, and keys over periods, which compare otherwise.
    k.convalidated AND pg_catalog.pg_get_constraintdef(k.oid) !~ ' NOT ENFORCED$' AS is_enforced,
    pg_catalog.pg_get_constraintdef(k.oid) ~ '[,(] ?PERIOD '  AS is_of_periods
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_class AS r ON r.oid = k.confrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = r.relnamespace
WHERE k.contype = 'f'
  AND k.conparentid = 0
  AND k.conrelid = ANY (:'relation_ids'::pg_catalog.oid[])
ORDER BY k.conrelid, k.conname;
