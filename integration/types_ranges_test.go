package integration

// rangeSamples are ranges and multiranges.
var rangeSamples = []sample{
	{typ: "int4range", column: text, values: both(words("empty [1,5) (,) [-2147483648,2147483647)"), printed("[,5]", "(,6)", "(1,]", "[2,)", "[1,5]", "[1,6)", "(3,4)", "empty"))},
	{typ: "int8range", column: text, values: both(words("empty [1,5) [-9223372036854775808,)"), printed("(0,9]", "[1,10)"))},
	{typ: "numrange", column: text, values: both(words("empty [1.50,2] (1,2) [0.1,NaN] (,)"), printed("(,1e20)", "(,100000000000000000000)"))},
	{typ: "daterange", column: text, values: both(words("empty [2020-01-01,2020-02-01) [2020-01-01,infinity] (,)"), printed("(,-infinity]", "(,-infinity]", "[2020-01-01,2020-01-31]", "[2020-01-01,2020-02-01)"))},
	{typ: "tsrange", column: text, values: both(same("empty", "(,infinity)", `["2020-01-01 00:00:00","2020-01-02 00:00:00.5")`), printed("[2020-01-01,)", `["2020-01-01 00:00:00",)`))},
	{typ: "tstzrange", column: text, values: printed("empty", "empty", "[2020-01-01 00:00:00+02,2020-01-02 00:00:00.5+00)", `["2019-12-31 22:00:00+00","2020-01-02 00:00:00.5+00")`,
		"[0044-01-01 00:00:00+00 BC,)", `["0044-01-01 00:00:00+00 BC",)`, "(,)", "(,)")},
	{typ: "tv.float8range", column: text, values: both(words("empty (-0,0.1) [-Infinity,Infinity]"), printed("[1e22,1e24]", "[1e+22,1e+24]"))},
	{typ: "tv.textrange", column: text, values: both(same("[a,b]", `["",z]`, `["a b","c""d"]`, `["(","\\"]`, `["[",{]`, `["a,","z)"]`, "(,é)", "empty"), printed(`("a",é)`, "(a,é)"))},
	{typ: "tv.pricerange", column: text, values: printed("[1,2)", "[1.00,2.00)", "(,)", "(,)")},
	{typ: "own.ltree", column: text, values: words("[2020-01-01,2020-01-02] empty")},
	{typ: "tv.span", column: text, values: words("[1,2) empty")},
	{typ: "int4multirange", since: 14, column: text, values: both(words("{} {(,)} {[1,5),[7,9)}"), printed("{[1,3),[2,5]}", "{[1,6)}", "{empty}", "{}"))},
	{typ: "int8multirange", since: 14, column: text, values: words("{} {[1,5),[70000000000,)}")},
	{typ: "nummultirange", since: 14, column: text, values: words("{} {[1.50,2],(3,NaN]}")},
	{typ: "datemultirange", since: 14, column: text, values: words("{} {[2020-01-01,2020-02-01),[2021-01-01,infinity)}")},
	{typ: "tsmultirange", since: 14, column: text, values: same("{}", `{["2020-01-01 00:00:00","2020-01-02 00:00:00"]}`)},
	{typ: "tstzmultirange", since: 14, column: text, values: both(same("{}"), printed("{[2020-01-01 00:00:00+01,2020-01-02 00:00:00+00),[2021-01-01 00:00:00+00,)}",
		`{["2019-12-31 23:00:00+00","2020-01-02 00:00:00+00"),["2021-01-01 00:00:00+00",)}`))},
	{typ: "tv.textmultirange", since: 14, column: text, values: same("{}", `{[a,b],["c ","d,"]}`, `{[{,}]}`)},
	{typ: "tv.float8multirange", since: 14, column: text, values: words("{[0.1,0.2)} {(-Infinity,0]}")},
}
