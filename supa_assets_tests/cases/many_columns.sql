-- 1600 columns, PostgreSQL's limit.
DO $$ BEGIN
    EXECUTE 'CREATE TABLE cases (' || (SELECT string_agg('c' || n || ' ' || CASE n % 3 WHEN 0 THEN 'int8' WHEN 1 THEN 'bool' ELSE 'date' END, ', ') FROM generate_series(1, 1600) n) || ')';
    INSERT INTO cases (c1, c3, c1600) VALUES (true, 9007199254740993, false);
END $$;
