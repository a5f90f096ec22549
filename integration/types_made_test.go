package integration

// madeSamples are types that users make: enums, domains, composites.
var madeSamples = []sample{
	{typ: "tv.mood", column: "LowCardinality(Nullable(String))", values: same("sad", "so, so", `a "happy" one`, "NULL", "", `back\slash`, "ä")},
	{typ: `"Sch ema.""x"."Ty pe"`, column: "LowCardinality(Nullable(String))", values: same("A b", `c"d`, "e'f")},
	{typ: `"Sch ema.""x"."do main"`, column: "LowCardinality(Nullable(String))", values: same("A b", `c"d`)},
	{typ: `"Sch ema.""x"."Co.mp"`, column: text, values: same(`(1,"A b")`, `(,"c""d")`, "(2,e'f)", "(,)")},
	{typ: "tv.feeling", column: "LowCardinality(Nullable(String))", values: same("sad", "")},
	{typ: "tv.amount", column: "Nullable(Decimal(10, 2))", values: printed("12.34", "12.34", "1.005", "1.01")},
	{typ: "tv.price", column: "Nullable(Decimal(10, 2))", values: printed("1.5", "1.5", "-99999999.99", "-99999999.99", "-0.5", "-0.5"), beyond: []string{"NaN"}},
	{typ: "tv.cost", column: "Nullable(Decimal(10, 2))", values: words("1 99999999.99")},
	{typ: "tv.boxed", column: text, values: words("(3,4),(1,2)"), single: true},
	{typ: "tv.code", column: text, values: printed("AB", "AB  ", "ABCD", "ABCD")},
	{typ: "tv.label", column: text, values: same("", "label ", "ä")},
	{typ: "tv.moment", column: moment, values: printed("2024-01-01 00:00:00.0006+00", "2024-01-01 00:00:00.001000"), beyond: []string{"infinity"}},
	{typ: "tv.pair", column: text, values: both(same(`(1,x)`, `(,)`, `(1,"")`, `(1,"a b")`, `(1,"a,b")`, `(1,"(")`, `(1,"q""q")`, `(1,"b\\b")`, `(1,{x})`, `(1,[x])`, "(1,\"\n\")", "(1,\"\v\")", `(1,NULL)`, `(1,é)`),
		printed(`( 7 , y )`, `(7," y ")`, `(2,a\,b)`, `(2,"a,b")`))},
	{typ: "tv.positive", column: text, values: same("(1,x)", "(,x)")},
	{typ: "tv.one", column: text, values: same("()", `("")`, "(a)", `("a b")`)},
	{typ: "tv.none", column: text, values: same("()"), form: readAsText},
	{typ: "tv.nest", column: text, values: both(same(`(,,,,,,,,)`, `("(,)",-0,NaN,infinity,{},"\\x","","",null)`), printed(
		`("(1,""a b"")",1e22,1.5,"2020-01-01 00:00:00+00","{a,""b c"",NULL}","\\x00ff","so, so",a,"{""k"": ""v w""}")`,
		`("(1,""a b"")",1e+22,1.50,"2020-01-01 00:00:00+00","{a,""b c"",NULL}","\\x00ff","so, so",a,"{""k"": ""v w""}")`))},
	{typ: "tv.deep", column: text, values: same("(,,)", `("(""(1,""""x y"""")"",,,,,,,,)","{""(1,a)"",NULL,""(,\\""\\"")""}","(2,)")`)},
	{typ: "tv.parts", column: text, values: both(same("(,,,,,,,)", `("[1,5)",P1DT2H,101,2020-01-01,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,t,0.1,10.0.0.1/8)`), printed(
		`(empty,"-1 day",000,infinity,,f,1e6,::1/128)`, "(empty,P-1D,000,infinity,,f,1e+06,::1)"))},
	{typ: "tv.bag", column: text, form: readAsText, values: same(`("""a""=>""1 2"", ""b""=>NULL",Text,a.b)`, "(,,)")},
	{typ: "tv.shut", column: text, form: readAsText, values: words("(1,pg_class) (,)")},
	{typ: "tv.altered", column: text, values: words("(1,2020-01-01,x,1.5) (,,,)")},
}

// ownSamples are base types of the user's own, and types that are called like
// those of extensions and are not.
var ownSamples = []sample{
	{typ: "own.note", column: text, form: sentText, values: same("", "a note", "漢字", `"q"`)},
	{typ: "own.sent", column: text, form: readAsText, values: same("", "sent", "漢字")},
	{typ: "own.small", column: text, form: sentText, values: words("0 -32768 32767")},
	{typ: "own.hstore", column: text, form: readAsText, values: same(`a=>1`, "no pairs at all", "")},
	{typ: "own.geometry", column: text, form: sentText, values: words("(1,2) (-0.5,1e+20)")},
	{typ: "own.vector", column: "LowCardinality(Nullable(String))", values: words("[1,2] {3}")},
	{typ: "own.halfvec", column: text, values: words("(1,2.5) (,)")},
	{typ: "own.citext", column: "Nullable(Int32)", values: words("1 -5")},
	{typ: "own.text", column: "LowCardinality(Nullable(String))", values: words("a b")},
	{typ: "own.int4", column: text, values: words("a 17")},
	{typ: "own.notes", column: text, form: readAsText, values: same(`("a note",5)`, "(,)")},
}

const pairsColumn = "Map(String, Nullable(String))"

var extensionSamples = []sample{
	{typ: "tv.hstore", single: true, column: pairsColumn, values: printed("", "{}", "a=>1", "{'a':'1'}", `a=>NULL, "b c"=>"d\"\\e"`, `{'a':NULL,'b c':'d"\\e'}`, `""=>""`, "{'':''}", `a=>"NULL"`, "{'a':'NULL'}",
		"bb=>1, a=>2, a=>3", "{'a':'2','bb':'1'}", `"it's"=>"漢字 =>,"`, `{'it\'s':'漢字 =>,'}`)},
	{typ: "tv.citext", column: text, values: same(awkward[:14]...)},
	{typ: "tv.ltree", column: text, values: words("a a.b.c Top.Science_2")},
	{typ: "tv.lquery", column: text, values: words("a.*.b *{1,2}.x a|b.c")},
	{typ: "tv.ltxtquery", column: text, values: printed("a & b*@", "a & b@*", "!c|d", "!c | d")},
	{typ: "tv.cube", column: text, form: readAsText, values: both(same("(1, 2)", "(0)", "(1, 2),(3, 4)"), printed("1e22", "(1e+22)"))},
	{typ: "tv.seg", column: text, form: sentText, values: both(same("1.5", "1 .. 2.50", "~3"), printed("1..", "1 .."))},
	{typ: "tv.isbn", column: text, form: sentText, values: same("0-393-04002-X")},
	{typ: "tv.isbn13", column: text, form: sentText, values: same("978-0-393-04002-9")},
	{typ: "tv.issn", column: text, form: sentText, values: same("1436-4522")},
	{typ: "tv.issn13", column: text, form: sentText, values: same("977-1436-452-00-8")},
	{typ: "tv.ismn", column: text, form: sentText, values: same("M-2306-7118-7")},
	{typ: "tv.ismn13", column: text, form: sentText, values: same("979-0-2306-7118-7")},
	{typ: "tv.upc", column: text, form: sentText, values: same("220356483481")},
	{typ: "tv.ean13", column: text, form: sentText, values: same("022-035648348-1")},
	{typ: "tv.lo", column: "Nullable(UInt32)", values: words("16409")},
	{typ: "tv.query_int", column: text, form: sentText, values: printed("1&(2|3)", "1 & ( 2 | 3 )")},
}

// catalogSamples are what system tables are made of. The names that stand for
// numbers are PostgreSQL's to print.
var catalogSamples = []sample{
	{typ: "regclass", column: text, form: readAsText, values: printed("pg_class", "pg_class", "tv.altered", "tv.altered")},
	{typ: "tv.class", column: text, form: readAsText, values: words("pg_type")},
	{typ: "regtype", column: text, form: readAsText, values: both(same("integer", "tv.mood", `"Sch ema.""x"."Ty pe"`, "timestamp with time zone", "text[]", "-"), printed("int8", "bigint", "4000000000", "4000000000"))},
	{typ: "regproc", column: text, form: readAsText, values: words("now tv.hstore_in")},
	{typ: "regprocedure", column: text, form: readAsText, values: words("abs(integer) now()")},
	{typ: "regoper", column: text, form: readAsText, values: words("||/")},
	{typ: "regoperator", column: text, form: readAsText, values: words("+(integer,integer)")},
	{typ: "regcollation", since: 13, column: text, form: readAsText, values: same(`"C"`)},
	{typ: "regrole", column: text, form: readAsText, values: words("postgres pg_monitor")},
	{typ: "regnamespace", column: text, form: readAsText, values: same("pg_catalog", `"Sch ema.""x"`)},
	{typ: "regconfig", column: text, form: readAsText, values: words("english simple")},
	{typ: "regdictionary", column: text, form: readAsText, values: words("simple")},
	{typ: "int2vector", column: text, form: readAsText, values: same("", "1", "1 2 -3"), single: true},
	{typ: "oidvector", column: text, form: readAsText, values: same("", "1 2 4294967295"), single: true},
	{typ: "int2vector[]", column: "Array(Nullable(String))", form: readAsText, single: true, values: printed(`{"1 2",NULL}`, "['1 2',NULL]")},
	{typ: "oidvector[]", column: "Array(Nullable(String))", form: readAsText, single: true, values: printed(`{"1 2",7}`, "['1 2','7']")},
	{typ: "aclitem", column: text, form: sentText, values: words("postgres=r/postgres =X/postgres")},
	{typ: "txid_snapshot", column: text, values: words("10:20: 10:20:12,14,19")},
	{typ: "pg_snapshot", since: 13, column: text, values: words("10:20: 10:20:12,14,19")},
}
