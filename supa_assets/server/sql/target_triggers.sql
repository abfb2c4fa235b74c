-- Users' triggers on the relations in :relation_ids that fire on INSERT or UPDATE, unless they are disabled.
-- \set relation_ids '{1259}'
SELECT
    t.tgrelid::pg_catalog.int8                                AS relation_id,
    t.tgname                                                  AS name,
    t.tgenabled IN ('O', 'A')                                 AS fires_at_origin,
    t.tgenabled IN ('R', 'A')                                 AS fires_at_replica
FROM pg_catalog.pg_trigger AS t
WHERE NOT t.tgisinternal
  AND t.tgenabled <> 'D'
  AND t.tgtype::pg_catalog.int4 & (4 | 16) <> 0
  AND t.tgrelid = ANY (:'relation_ids'::pg_catalog.oid[])
ORDER BY t.tgrelid, t.tgname;
