package integration

import "fmt"

// generator is an expression of PostgreSQL that gives a random value of a type;
// n is the row's number.
type generator struct {
	typ        string
	since      int
	form       form
	expression string
	single     bool // no array of it is made
}

// generatorsSetup creates the functions that the expressions call: spread gives
// whole numbers of every magnitude, real8 and real4 floats of every exponent,
// word a text with characters of all planes.
const generatorsSetup = samplesSetup + `
CREATE SCHEMA rnd;
CREATE FUNCTION rnd.upto(n bigint) RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT floor(random() * (n + 1))::bigint';
CREATE FUNCTION rnd.hex() RETURNS text LANGUAGE sql VOLATILE AS 'SELECT md5(random()::text || random()::text)';
CREATE FUNCTION rnd.bits() RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT ('x' || left(rnd.hex(), 16))::bit(64)::bigint $$;
CREATE FUNCTION rnd.spread(bits int) RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT rnd.bits() >> (64 - bits + (random() * (bits - 1))::int)';
CREATE FUNCTION rnd.bytes() RETURNS bytea LANGUAGE sql VOLATILE AS $$ SELECT decode(left(rnd.hex() || rnd.hex() || rnd.hex(), 2 * (random() * random() * 48)::int), 'hex') $$;
CREATE FUNCTION rnd.word(most int) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT coalesce(string_agg(chr((CASE WHEN p < 0.4 THEN 32 + q * 94 WHEN p < 0.55 THEN 1 + q * 126
		WHEN p < 0.65 THEN ascii(substr('",\(){}[]=>:;''%', 1 + (q * 14)::int, 1))
		WHEN p < 0.75 THEN 128 + q * 1919 WHEN p < 0.85 THEN 2048 + q * 53247 WHEN p < 0.9 THEN 57344 + q * 8191 ELSE 65536 + q * 1048575 END)::int), ''), '')
	FROM (SELECT random() AS p, random() AS q FROM generate_series(1, (random() * most)::int)) x $$;
CREATE FUNCTION rnd.plain() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT 'w' || left(rnd.hex(), 1 + (random() * 8)::int) $$;
CREATE FUNCTION rnd.clean(t text) RETURNS text LANGUAGE sql AS 'SELECT t';
CREATE FUNCTION rnd.digits(most int) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT left(CASE WHEN random() < 0.5 THEN translate(h, 'abcdef', '000000') ELSE translate(h, 'abcdef', '999999') END, (random() * most)::int)
	FROM (SELECT rnd.hex() || rnd.hex() AS h) x $$;
CREATE FUNCTION rnd.number(whole int, fraction int) RETURNS numeric LANGUAGE sql VOLATILE AS $$
	SELECT ((CASE WHEN random() < 0.5 THEN '-0' ELSE '0' END) || rnd.digits(whole) || '.' || rnd.digits(fraction) || '0')::numeric(1000, 80) $$;
CREATE FUNCTION rnd.any_number() RETURNS numeric LANGUAGE sql VOLATILE AS $$
	SELECT CASE WHEN random() < 0.02 THEN 'NaN' WHEN random() < 0.01 THEN translate(repeat(rnd.hex(), 4096), 'abcdef', '123456')::numeric
		WHEN random() < 0.01 THEN ('0.' || translate(repeat(rnd.hex(), 500), 'abcdef', '000000'))::numeric
		ELSE ((CASE WHEN random() < 0.5 THEN '-0' ELSE '0' END) || rnd.digits(60) || '.' || rnd.digits(60) || '0')::numeric END $$;
CREATE FUNCTION rnd.finite() RETURNS float8 LANGUAGE sql VOLATILE AS 'SELECT rnd.spread(53)::float8 * power(2::float8, rnd.upto(2045) - 1074)';
CREATE FUNCTION rnd.real8() RETURNS float8 LANGUAGE sql VOLATILE AS $$
	SELECT CASE WHEN random() < 0.05 THEN (ARRAY['NaN', 'Infinity', '-Infinity', '-0', '5e-324'])[1 + rnd.upto(4)]::float8
		WHEN random() < 0.3 THEN (rnd.spread(20) || 'e' || rnd.spread(6))::float8 ELSE rnd.finite() END $$;
CREATE FUNCTION rnd.real4() RETURNS float4 LANGUAGE sql VOLATILE AS $$
	SELECT CASE WHEN random() < 0.05 THEN (ARRAY['NaN', 'Infinity', '-Infinity', '-0', '1e-45'])[1 + rnd.upto(4)]::float4
		WHEN random() < 0.3 THEN (rnd.spread(20) || 'e' || rnd.spread(5))::float4 ELSE (rnd.spread(24)::float8 * power(2::float8, rnd.upto(253) - 149))::float4 END $$;
CREATE FUNCTION rnd.clock() RETURNS interval LANGUAGE sql VOLATILE AS 'SELECT make_interval(hours => rnd.upto(23)::int, mins => rnd.upto(59)::int, secs => rnd.upto(59999999) / 1e6)';
CREATE FUNCTION rnd.stamp() RETURNS timestamp LANGUAGE sql VOLATILE AS $$ SELECT '0001-01-01'::date + rnd.upto(3652058)::int + rnd.clock() $$;
CREATE FUNCTION rnd.span() RETURNS interval LANGUAGE sql VOLATILE AS
	'SELECT make_interval(months => rnd.spread(31)::int, days => rnd.spread(31)::int, hours => rnd.spread(25)::int, mins => rnd.spread(7)::int, secs => rnd.spread(30) / 1e6)';
CREATE FUNCTION rnd.json() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT CASE WHEN random() < 0.2 THEN to_json(rnd.word(20))::text WHEN random() < 0.2 THEN rnd.number(60, 60)::text
		ELSE '{' || to_json(rnd.word(5)) || ':[' || rnd.number(30, 30) || ', null ,true],  ' || to_json(rnd.word(5)) || ' : {"a":' || to_json(rnd.bytes()::text) || '} }' END $$;
CREATE FUNCTION rnd.six() RETURNS inet LANGUAGE sql VOLATILE AS $$
	SELECT string_agg(CASE WHEN random() < 0.5 THEN '0' ELSE to_hex(rnd.upto(65535)) END, ':')::inet FROM generate_series(1, 8) $$;
CREATE FUNCTION rnd.inet() RETURNS inet LANGUAGE sql VOLATILE AS $$
	SELECT CASE WHEN random() < 0.5 THEN set_masklen('0.0.0.0'::inet + rnd.upto(4294967295), rnd.upto(32)::int) ELSE set_masklen(rnd.six(), rnd.upto(128)::int) END $$;
CREATE FUNCTION rnd.point() RETURNS point LANGUAGE sql VOLATILE AS 'SELECT point(rnd.real8(), rnd.real8())';
CREATE FUNCTION rnd.pair() RETURNS tv.pair LANGUAGE sql VOLATILE AS 'SELECT ROW(nullif(rnd.spread(32)::int, 0), nullif(rnd.word(6), ''a''))::tv.pair';
CREATE FUNCTION rnd.mood() RETURNS tv.mood LANGUAGE sql VOLATILE AS 'SELECT (enum_range(NULL::tv.mood))[1 + rnd.upto(6)]';
CREATE FUNCTION rnd.nest() RETURNS tv.nest LANGUAGE sql VOLATILE AS $$
	SELECT ROW(rnd.pair(), rnd.real8(), rnd.number(8, 2), rnd.stamp() AT TIME ZONE 'UTC', ARRAY[rnd.word(4), NULL, rnd.word(4)], rnd.bytes(), rnd.mood(), chr(1 + rnd.upto(126)::int)::"char", rnd.json()::jsonb)::tv.nest $$;
`

// cleanXML is for targets that read what they are given: what xmlelement makes of
// some characters is no XML to them, nor to the server that has made it.
const cleanXML = `CREATE OR REPLACE FUNCTION rnd.clean(t text) RETURNS text LANGUAGE sql AS $$
	SELECT regexp_replace(t, '[\x01-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]', '', 'g') $$`

// rangeBetween is a range of two values of an expression, sometimes empty or without
// an end. It looks at n, so that it is evaluated for every row.
func rangeBetween(typ, expression string) string {
	return fmt.Sprintf(`(SELECT CASE WHEN random() < 0.05 THEN 'empty'::%[1]s ELSE %[1]s(CASE WHEN random() < 0.9 THEN least(a, b) END, CASE WHEN random() < 0.9 THEN greatest(a, b) END,
		(ARRAY['[]', '[)', '(]', '()'])[1 + rnd.upto(3)]) END FROM (SELECT %[2]s AS a, %[2]s AS b, n AS row) x)`, typ, expression)
}

const (
	wordExpression  = "rnd.word(12)"
	stampExpression = "rnd.stamp()"
	zonedExpression = "rnd.stamp() AT TIME ZONE 'UTC'"
	dateExpression  = "'0001-01-01'::date + rnd.upto(3652058)::int"
	clockExpression = "CASE WHEN random() < 0.03 THEN '24:00' ELSE '00:00'::time + rnd.clock() END"
	oidExpression   = "rnd.upto(4294967295)::oid"
)

var generators = []generator{
	{typ: "smallint", expression: "rnd.spread(16)::smallint"},
	{typ: "integer", expression: "rnd.spread(32)::int"},
	{typ: "bigint", expression: "rnd.spread(64)"},
	{typ: "oid", expression: oidExpression},
	{typ: "xid", expression: "rnd.upto(4294967295)::text::xid"},
	{typ: "cid", expression: "rnd.upto(4294967295)::text::cid"},
	{typ: "xid8", since: 13, expression: "(rnd.upto(1844674407370955) || left(translate(rnd.hex(), 'abcdef', '012345'), 4))::xid8"},
	{typ: "pg_lsn", expression: "(to_hex(rnd.upto(4294967295)) || '/' || to_hex(rnd.upto(4294967295)))::pg_lsn"},
	{typ: "tid", expression: "format('(%s,%s)', rnd.upto(4294967295), rnd.upto(65535))::tid"},
	{typ: "boolean", expression: "random() < 0.5"},
	{typ: "real", expression: "rnd.real4()"},
	{typ: "double precision", expression: "rnd.real8()"},
	{typ: "numeric", expression: "rnd.any_number()"},
	{typ: "numeric(9,2)", expression: "rnd.number(6, 3)"},
	{typ: "numeric(18,4)", expression: "rnd.number(13, 4)"},
	{typ: "numeric(18,18)", expression: "rnd.number(0, 17)"},
	{typ: "numeric(38,10)", expression: "rnd.number(27, 12)"},
	{typ: "numeric(76,38)", expression: "rnd.number(37, 38)"},
	{typ: "numeric(100,20)", expression: "rnd.number(60, 20)"},
	{typ: "numeric(5,-3)", since: 15, expression: "rnd.number(6, 2)"},
	{typ: "money", expression: "(rnd.spread(64) / 100.0)::numeric::money"},
	{typ: "text", expression: "rnd.word(60)"},
	{typ: "varchar(8)", expression: wordExpression + "::varchar(8)"},
	{typ: "char(6)", expression: wordExpression + "::char(6)"},
	{typ: "name", expression: "rnd.word(30)::name"},
	{typ: `"char"`, expression: `chr(1 + rnd.upto(126)::int)::"char"`},
	{typ: "refcursor", expression: wordExpression + "::refcursor"},
	{typ: "bytea", expression: "rnd.bytes()"},
	{typ: "uuid", expression: "rnd.hex()::uuid"},
	{typ: "xml", expression: "xmlelement(name a, xmlattributes(rnd.clean(rnd.word(5)) AS b), rnd.clean(rnd.word(9)))"},
	{typ: "json", expression: "rnd.json()::json"},
	{typ: "jsonb", expression: "rnd.json()::jsonb"},
	{typ: "jsonpath", expression: "('$.' || to_json(rnd.plain()) || '[' || rnd.upto(100) || '] ? (@ > ' || rnd.upto(9) || ')')::jsonpath"},
	{typ: "bit(9)", expression: "rnd.bits()::bit(64)::bit(9)"},
	{typ: "varbit", expression: "substring(rnd.bits()::bit(64) from 1 for rnd.upto(64)::int)::varbit"},
	{typ: "tsvector", expression: "array_to_tsvector(ARRAY['x' || rnd.word(5), 'y' || rnd.word(5)]) || setweight(to_tsvector('simple', rnd.plain() || ' ' || rnd.plain()), 'B')"},
	{typ: "tsquery", form: readAsText, expression: "plainto_tsquery('simple', rnd.plain() || ' ' || rnd.plain()) || !!(to_tsquery('simple', rnd.plain() || ':*AB'))"},
	{typ: "date", expression: dateExpression},
	{typ: "timestamp", expression: stampExpression},
	{typ: "timestamp(3)", expression: stampExpression},
	{typ: "timestamptz", expression: zonedExpression},
	{typ: "time", expression: clockExpression},
	{typ: "timetz", expression: "(('00:00'::time + rnd.clock()) || to_char(rnd.upto(30) - 15, 'SG00') || ':' || to_char(rnd.upto(59), 'FM00'))::timetz"},
	{typ: "interval", expression: "rnd.span()"},
	{typ: "inet", expression: "rnd.inet()"},
	{typ: "cidr", expression: "network(rnd.inet())"},
	{typ: "macaddr", expression: "left(rnd.hex(), 12)::macaddr"},
	{typ: "macaddr8", expression: "left(rnd.hex(), 16)::macaddr8"},
	{typ: "point", expression: "rnd.point()"},
	{typ: "line", expression: "format('{%s,1,%s}', rnd.finite(), rnd.finite())::line"},
	{typ: "lseg", expression: "lseg(rnd.point(), rnd.point())"},
	{typ: "box", expression: "box(rnd.point(), rnd.point())"},
	{typ: "path", expression: "format(CASE WHEN random() < 0.5 THEN '[%s,%s]' ELSE '(%s,%s)' END, rnd.point(), rnd.point())::path"},
	{typ: "polygon", expression: "format('(%s,%s)', rnd.point(), rnd.point())::polygon"},
	{typ: "circle", expression: "circle(rnd.point(), abs(rnd.finite()))"},
	{typ: "int4range", expression: rangeBetween("int4range", "rnd.spread(31)::int")},
	{typ: "int8range", expression: rangeBetween("int8range", "rnd.spread(63)")},
	{typ: "numrange", expression: rangeBetween("numrange", "rnd.number(30, 30)")},
	{typ: "daterange", expression: rangeBetween("daterange", dateExpression)},
	{typ: "tsrange", expression: rangeBetween("tsrange", stampExpression)},
	{typ: "tstzrange", expression: rangeBetween("tstzrange", zonedExpression)},
	{typ: "tv.textrange", expression: rangeBetween("tv.textrange", "rnd.word(4)")},
	{typ: "tv.float8range", expression: rangeBetween("tv.float8range", "rnd.real8()")},
	{typ: "int4multirange", since: 14, expression: "int4multirange(" + rangeBetween("int4range", "rnd.spread(31)::int") + ", int4range(5, 9))"},
	{typ: "int8multirange", since: 14, expression: "int8multirange(" + rangeBetween("int8range", "rnd.spread(63)") + ")"},
	{typ: "nummultirange", since: 14, expression: "nummultirange(" + rangeBetween("numrange", "rnd.number(30, 30)") + ", numrange(0.5, 0.75))"},
	{typ: "datemultirange", since: 14, expression: "datemultirange(" + rangeBetween("daterange", dateExpression) + ")"},
	{typ: "tsmultirange", since: 14, expression: "tsmultirange(" + rangeBetween("tsrange", stampExpression) + ")"},
	{typ: "tstzmultirange", since: 14, expression: "tstzmultirange(" + rangeBetween("tstzrange", zonedExpression) + ", tstzrange('2024-01-01', NULL))"},
	{typ: "tv.textmultirange", since: 14, expression: "tv.textmultirange(" + rangeBetween("tv.textrange", "rnd.word(4)") + ")"},
	{typ: "tv.mood", expression: "rnd.mood()"},
	{typ: "tv.cost", expression: "rnd.number(6, 3)"},
	{typ: "tv.pair", expression: "rnd.pair()"},
	{typ: "tv.nest", expression: "rnd.nest()"},
	{typ: "tv.deep", expression: "ROW(rnd.nest(), ARRAY[rnd.pair(), NULL, rnd.pair()], NULL)::tv.deep"},
	{typ: "tv.parts", expression: "ROW(" + rangeBetween("int4range", "rnd.spread(31)::int") + ", rnd.span(), NULL, " + dateExpression + ", rnd.hex()::uuid, random() < 0.5, rnd.real4(), rnd.inet())::tv.parts"},
	{typ: "tv.altered", expression: "ROW(rnd.spread(32)::int, " + dateExpression + ", rnd.word(6), rnd.number(4, 1))::tv.altered"},
	{typ: "tv.shut", form: readAsText, expression: "ROW(rnd.spread(32)::int, rnd.upto(3000)::oid::regclass)::tv.shut"},
	{typ: "tv.bag", form: readAsText, expression: "ROW(tv.hstore(rnd.word(4), rnd.word(4)), rnd.word(4), rnd.plain()::tv.ltree)::tv.bag"},
	{typ: "tv.hstore", single: true, expression: "tv.hstore(ARRAY[rnd.word(4), 'k' || rnd.word(4), 'l' || rnd.word(4)], ARRAY[rnd.word(9), nullif(rnd.word(1), ''), 'NULL'])"},
	{typ: "tv.citext", expression: wordExpression + "::tv.citext"},
	{typ: "tv.ltree", expression: "(rnd.plain() || '.' || rnd.plain())::tv.ltree"},
	{typ: "tv.lquery", expression: "(rnd.plain() || '.*{1,' || 1 + rnd.upto(9) || '}.' || rnd.plain() || '|' || rnd.plain())::tv.lquery"},
	{typ: "tv.cube", form: readAsText, expression: "tv.cube(ARRAY[rnd.finite(), rnd.finite()])"},
	{typ: "tv.seg", form: sentText, expression: "(rnd.upto(1000) || ' .. ' || 1000 + rnd.upto(1000))::tv.seg"},
	{typ: "tv.lo", expression: oidExpression},
	{typ: "own.note", form: sentText, expression: wordExpression + "::own.note"},
	{typ: "own.sent", form: readAsText, expression: wordExpression + "::own.sent"},
	{typ: "own.small", form: sentText, expression: "rnd.spread(16)::text::own.small"},
	{typ: "txid_snapshot", expression: "format('%s:%s:%s', n + 1, 5000 + n, n + 2)::txid_snapshot"},
	{typ: "pg_snapshot", since: 13, expression: "format('%s:%s:%s', n + 1, 5000 + n, n + 2)::pg_snapshot"},
	{typ: "regtype", form: readAsText, expression: "(ARRAY[16, 17, 20, 23, 25, 1184, 1700, 1007, 4000000000]::oid[])[1 + rnd.upto(8)]::regtype"},
	{typ: "regclass", form: readAsText, expression: "rnd.upto(3000)::oid::regclass"},
}
