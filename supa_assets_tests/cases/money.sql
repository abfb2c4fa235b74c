-- money as a plain decimal: its own text depends on lc_monetary.
CREATE TABLE cases (id int PRIMARY KEY, m money, ms money[]);
INSERT INTO cases VALUES
    (1, 1234.56::numeric::money, ARRAY[1.10::numeric::money, NULL]),
    (2, (-92233720368547758.08)::numeric::money, '{}'),
    (3, 92233720368547758.07::numeric::money, ARRAY[ARRAY[0::numeric::money]]),
    (4, NULL, NULL);
