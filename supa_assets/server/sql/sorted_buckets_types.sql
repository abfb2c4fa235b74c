-- Whether width_bucket() takes the type :type: not arrays, which have no arrays, nor domains. Nor types whose elements
-- don't lie side by side in an array (macaddr, timetz): there it compares what isn't a value, in all versions up to 18.
-- \set type 'uuid'
SELECT
    t.typarray <> 0 AND t.typtype IN ('b', 'e') AND (t.typlen < 0 OR t.typlen %
        CASE t.typalign WHEN 'd' THEN 8 WHEN 'i' THEN 4 WHEN 's' THEN 2 ELSE 1 END = 0) AS is_bucketable
FROM pg_catalog.pg_type AS t
WHERE t.oid = :'type'::pg_catalog.regtype;
