package integration

import "strings"

func nines(n int) string  { return strings.Repeat("9", n) }
func zeroes(n int) string { return strings.Repeat("0", n) }

var numberSamples = []sample{
	{typ: "smallint", column: "Nullable(Int16)", values: words("0 1 -1 7 32767 -32768")},
	{typ: "integer", column: "Nullable(Int32)", values: words("0 1 -1 1000000 2147483647 -2147483648")},
	{typ: "bigint", column: "Nullable(Int64)", values: words("0 1 -1 4294967296 9223372036854775807 -9223372036854775808")},
	{typ: "oid", column: "Nullable(UInt32)", values: words("0 1 2147483648 4294967295")},
	{typ: "xid", column: "Nullable(UInt32)", values: words("0 3 4294967295")},
	{typ: "cid", column: "Nullable(UInt32)", values: words("0 7 4294967295")},
	{typ: "xid8", since: 13, column: text, values: words("0 3 4294967296 18446744073709551615")},
	{typ: "pg_lsn", column: "Nullable(UInt64)", values: printed("0/0", "0", "0/A", "10", "16/B374D848", "97500059720", "FFFFFFFF/FFFFFFFF", "18446744073709551615")},
	{typ: "tid", column: text, values: words("(0,1) (7,65535) (4294967295,65535)")},
	{typ: "boolean", column: "Nullable(Bool)", values: printed("t", "true", "f", "false", "yes", "true", "0", "false")},
	{typ: "real", column: "Nullable(Float32)", values: both(words("0 -0 1 -1 1.5 0.1 123.456 -2.25 33554432 999999 1e-45 -1e-45 3.4028235e38 -3.4028235e38"), printed(
		"NaN", "nan", "Infinity", "inf", "-Infinity", "-inf", "1e5", "100000", "1e6", "1000000", "1e-4", "0.0001",
		"1.17549435e-38", "1.1754944e-38", "16777217", "16777216", "0.30000001192", "0.3"))},
	{typ: "double precision", column: "Nullable(Float64)", values: both(words("0 -0 1 -1 0.1 123.456 999999999999999 9007199254740992 5e-324 -5e-324 2.2250738585072014e-308 1.7976931348623157e308 -1.7976931348623157e308"), printed(
		"NaN", "nan", "Infinity", "inf", "-Infinity", "-inf", "1e14", "100000000000000", "1e15", "1000000000000000", "1e-4", "0.0001", "0.00012", "0.00012",
		"1e22", "1e22", "1e23", "1e23", "9007199254740993", "9007199254740992", "5.684341886080802e-14", "5.684341886080802e-14", "0.1000000000000000055511151231257827", "0.1"))},
	{typ: "float(10)", column: "Nullable(Float32)", values: words("2.5 -0.125")},
	{typ: "money", column: "Nullable(Decimal(19, 2))", values: printed("0", "0", "$1,234.56", "1234.56", "-1", "-1", "-0.05", "-0.05", "999", "999", "1000000", "1000000",
		"92233720368547758.07", "92233720368547758.07", "-92233720368547758.08", "-92233720368547758.08")},
	{typ: "uuid", column: "Nullable(UUID)", values: both(words("00000000-0000-0000-0000-000000000000 ffffffff-ffff-ffff-ffff-ffffffffffff a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 01020304-0506-0708-090a-0b0c0d0e0f10"),
		printed("{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A12}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12"))},
	{typ: "bit(1)", column: text, values: words("0 1")},
	{typ: "bit(3)", column: text, values: words("101 000 111")},
	{typ: "bit(10)", column: text, values: words("0101010101 1111111111 0000000001")},
	{typ: "bit(64)", column: text, values: same(strings.Repeat("01", 32))},
	{typ: "varbit", column: text, values: both(same(""), words("1 0 11111111 010101011 1000000000000000000000000000000001"))},
	{typ: "varbit(5)", column: text, values: words("10101 0")},
}

var numericSamples = []sample{
	{typ: "numeric(1,0)", column: "Nullable(Decimal(1, 0))", values: words("0 9 -9"), beyond: []string{"NaN"}},
	{typ: "numeric(9,9)", column: "Nullable(Decimal(9, 9))", values: words("0.999999999 -0.000000001 0")},
	{typ: "numeric(9,2)", column: "Nullable(Decimal(9, 2))", values: both(words("9999999.99 -9999999.99 0.01"), printed("0.005", "0.01"))},
	{typ: "numeric(10,2)", column: "Nullable(Decimal(10, 2))", values: both(words("0.01 -0.01 99999999.99 -99999999.99 0"), printed("12.30", "12.3")), beyond: []string{"NaN"}},
	{typ: "numeric(12,3)", column: "Nullable(Decimal(12, 3))", values: words("-123456789.123 1.5 0 0.001")},
	{typ: "numeric(18,4)", column: "Nullable(Decimal(18, 4))", values: words("0 1 10000 1234.5 0.0001 -0.0001 99999999999999.9999 -99999999999999.9999"), beyond: []string{"NaN"}},
	{typ: "numeric(18,0)", column: "Nullable(Decimal(18, 0))", values: words("0 -1 100000000 999999999999999999 -999999999999999999")},
	{typ: "numeric(18,18)", column: "Nullable(Decimal(18, 18))", values: words("0 0.0001 0.999999999999999999 -0.000000000000000001")},
	{typ: "numeric(19,0)", column: "Nullable(Decimal(19, 0))", values: words("9999999999999999999 -9999999999999999999 0")},
	{typ: "numeric(38,10)", column: "Nullable(Decimal(38, 10))", values: words("9999999999999999999999999999.9999999999 -9999999999999999999999999999.9999999999 -0.0000000001 1 0"), beyond: []string{"NaN"}},
	{typ: "numeric(39,0)", column: "Nullable(Decimal(39, 0))", values: same(nines(39), "-"+nines(39), "0")},
	{typ: "numeric(76,38)", column: "Nullable(Decimal(76, 38))", values: same(nines(38)+"."+nines(38), "-"+nines(38), "0", "-0."+zeroes(37)+"1"), beyond: []string{"NaN"}},
	{typ: "numeric(76,0)", column: "Nullable(Decimal(76, 0))", values: same(nines(76), "-"+nines(76), "1"+zeroes(75))},
	{typ: "numeric(76,76)", column: "Nullable(Decimal(76, 76))", values: same("0."+nines(76), "-0."+zeroes(75)+"1", "0")},
	{typ: "numeric(77,0)", column: text, values: same("1", nines(77), "-"+nines(77), "NaN")},
	{typ: "numeric(80,2)", column: text, values: printed("1.5", "1.50", "-0.01", "-0.01", "NaN", "NaN")},
	{typ: "numeric(1000,500)", column: text, values: printed("1", "1."+zeroes(500), "-"+nines(500)+"."+nines(500), "-"+nines(500)+"."+nines(500))},
	{typ: "numeric(3,-2)", since: 15, column: "Nullable(Decimal(5, 0))", values: both(words("99900 100 0"), printed("-12345", "-12300", "50", "100"))},
	{typ: "numeric(3,5)", since: 15, column: "Nullable(Decimal(5, 5))", values: words("0.00999 -0.00001 0")},
	{typ: "numeric(70,-10)", since: 15, column: text, values: printed("12345678901", "10000000000", nines(70)+zeroes(10), nines(70)+zeroes(10))},
	{typ: "numeric(5,80)", since: 15, column: text, values: printed("0."+zeroes(75)+"99999", "0."+zeroes(75)+"99999", "0", "0."+zeroes(80))},
	{typ: "numeric", column: text, values: both(words("0 0.0 0.000 -0.0001 1 -5 10 100 1000 10000 9999 9999.9999 0.00001 1.50 1.500 100000000 12345678901234567890.1234567890 NaN"), printed(
		"1e100", "1"+zeroes(100), "1e-100", "0."+zeroes(99)+"1", "-1e30", "-1"+zeroes(30), "1.5e-3", "0.0015", "+7", "7", "-0", "0", "00012.3400", "12.3400", "1e0", "1"))},
	{typ: "numeric", since: 14, held: infiniteNumerics, column: text, values: words("Infinity -Infinity")},
	{typ: "numeric(10,3)", since: 14, column: "Nullable(Decimal(10, 3))", values: words("1.125"), beyond: []string{"NaN"}},
}
