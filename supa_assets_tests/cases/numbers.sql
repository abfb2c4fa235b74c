-- Numbers keep their digits: int8 and numeric as strings, floats in the shortest form that gives the same float back.
CREATE TABLE cases (id int PRIMARY KEY, b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, n_5_2 numeric(5,2));
INSERT INTO cases VALUES
    (1, true, -32768, -2147483648, -9223372036854775808, 'NaN', 'NaN', 'NaN', 'NaN'),
    (2, false, 32767, 2147483647, 9223372036854775807, 'Infinity', 'Infinity', 'Infinity', 1.10),
    (3, NULL, NULL, NULL, NULL, '-Infinity', '-Infinity', '-Infinity', NULL),
    (4, true, 0, 0, 9007199254740993, '-0', '-0', '-0.00', -0.00),
    (5, true, 1, 1, 1, 0.1, 0.1, 1.10, 999.99),
    (6, true, 1, 1, 1, 1.17549435e-38, 5e-324, 1e-20, 1.1),
    (7, true, 1, 1, 1, 3.4028235e38, 1.7976931348623157e308, 1e30, 1),
    (8, true, 1, 1, 1, 16777216, 0.30000000000000004, 123456789012345678901234567890.123456789012345678901234567890, 1),
    (9, true, 1, 1, 1, 1e15, 1e22, 0.000, 1);
