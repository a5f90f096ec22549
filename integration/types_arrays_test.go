package integration

import "strings"

// arraySamples are arrays of more than one dimension, with lower bounds, and
// whose elements need quotes. Of every other sample an array is made by
// [carrier].
var arraySamples = []sample{
	{typ: "int[]", single: true, column: "Array(Nullable(Int32))", values: printed("{}", "[]", "{1}", "[1]", "{NULL}", "[NULL]", "{1,NULL,-3}", "[1,NULL,-3]",
		"[0:1]={1,2}", "[1,2]", "[-5:-4]={1,NULL}", "[1,NULL]", "{ 1 , 2 }", "[1,2]"), beyond: []string{"{{1,2},{3,4}}", "[-1:0][5:5]={{1},{2}}", "{{{1},{2}},{{3},{NULL}}}"}},
	{typ: "int[3]", single: true, column: "Array(Nullable(Int32))", values: printed("{1,2,3,4}", "[1,2,3,4]")},
	{typ: "int[][]", single: true, column: "Array(Array(Nullable(Int32)))", values: printed("{}", "[]", "{{1,2},{3,NULL}}", "[[1,2],[3,NULL]]", "[-1:0][5:5]={{1},{2}}", "[[1],[2]]"), beyond: []string{"{1,2}", "{{{1}}}"}},
	{typ: "int[][][]", single: true, column: "Array(Array(Array(Nullable(Int32))))", values: printed("{{{1},{2}},{{3},{NULL}}}", "[[[1],[2]],[[3],[NULL]]]", "{}", "[]")},
	{typ: "text[][][][]", single: true, column: "Array(Array(Array(Array(Nullable(String)))))", values: printed(`{{{{a,NULL}},{{"b c","{"}}}}`, "[[[['a',NULL]],[['b c','{']]]]")},
	{typ: "smallint[][][][][]", single: true, column: "Array(Array(Array(Array(Array(Nullable(Int16))))))", values: printed("{{{{{1,2},{3,4}}}}}", "[[[[[1,2],[3,4]]]]]")},
	{typ: "int[][][][][][]", single: true, column: "Array(Array(Array(Array(Array(Array(Nullable(Int32)))))))", values: printed("{{{{{{1,NULL}}}}}}", "[[[[[[1,NULL]]]]]]",
		"{{{{{{1},{2}},{{3},{4}}}}}}", "[[[[[[1],[2]],[[3],[4]]]]]]", "[2:2][2:2][2:2][2:2][2:2][2:3]={{{{{{7,8}}}}}}", "[[[[[[7,8]]]]]]")},
	{typ: "text[]", single: true, column: "Array(Nullable(String))", values: printed("{}", "[]", `{a,NULL,"NULL","null",""}`, "['a',NULL,'NULL','null','']", `{"a,b","{c}","d\"e","f\\g"," h ",é}`, `['a,b','{c}','d"e','f\\g',' h ','é']`,
		`[2:3]={"=","[0:1]={}"}`, "['=','[0:1]={}']", "{\"new\nline\",\"t\tab\"}", `['new\nline','t\tab']`, `{it's}`, `['it\'s']`), beyond: []string{`{{a,b},{"c;d",e}}`}},
	{typ: "box[]", single: true, column: "Array(Nullable(String))", values: printed("{(3,4),(1,2);(1,1),(0,0)}", "['(3,4),(1,2)','(1,1),(0,0)']", "{}", "[]", "{NULL;(1,1),(0,0)}", "[NULL,'(1,1),(0,0)']")},
	{typ: "box[][]", single: true, column: "Array(Array(Nullable(String)))", values: printed("{{(3,4),(1,2)};{(1,1),(0,0)}}", "[['(3,4),(1,2)'],['(1,1),(0,0)']]")},
	{typ: "tv.boxed[]", single: true, column: "Array(Nullable(String))", values: printed("{(3,4),(1,2);NULL;(1,1),(0,0)}", "['(3,4),(1,2)',NULL,'(1,1),(0,0)']")},
	{typ: "numeric(6,2)[]", single: true, column: "Array(Nullable(Decimal(6, 2)))", values: printed("{1.5,NULL,-9999.99}", "[1.5,NULL,-9999.99]"), beyond: []string{"{1.5,NULL,-9999.99,NaN}"}},
	{typ: "numeric[][]", single: true, column: "Array(Array(Nullable(String)))", values: printed("{{1.50,NaN},{NULL,1e30}}", "[['1.50','NaN'],[NULL,'1"+zeroes(30)+"']]")},
	{typ: "date[]", single: true, column: "Array(Nullable(Date32))", values: printed("{2020-01-01,NULL}", "['2020-01-01',NULL]"), beyond: []string{"{2020-01-01,infinity,NULL}"}},
	{
		typ: "timestamptz[]", single: true, column: "Array(Nullable(DateTime64(6, 'UTC')))", values: printed(`{"2024-02-29 12:00:00+02"}`, "['2024-02-29 10:00:00.000000']"),
		beyond: []string{`{"2020-01-01 00:00:00+00",infinity,"0044-03-15 12:00:00+00 BC"}`},
	},
	{typ: "bytea[]", single: true, column: "Array(Nullable(String))", values: printed(`{"\\x6162",NULL,""}`, "['ab',NULL,'']", `{"\\x00ff"}`, "['\\0\xff']")},
	{typ: "jsonb[]", single: true, column: "Array(Nullable(String))", values: printed(`{"{\"a\": [1, 2]}",null,NULL,"null"}`, `['{"a": [1, 2]}',NULL,NULL,'null']`)},
	{typ: "tv.pair[]", single: true, column: "Array(Nullable(String))", values: printed(`{"(1,x)","(2,\"y, \\\"z\\\"\")",NULL,"(,)"}`, `['(1,x)','(2,"y, ""z""")',NULL,'(,)']`)},
	{typ: "tv.pair[][]", single: true, column: "Array(Array(Nullable(String)))", values: printed(`{{"(1,x)"},{"(2,)"}}`, `[['(1,x)'],['(2,)']]`)},
	{typ: "tv.hstore[]", single: true, column: "Array(Nullable(String))", values: printed(`{"a=>1, b=>NULL",""}`, `['"a"=>"1", "b"=>NULL','']`, "{NULL}", "[NULL]")},
	{typ: "money[]", single: true, column: "Array(Nullable(Decimal(19, 2)))", values: printed(`{"$1,000.00",-5}`, "[1000,-5]")},
	{typ: "tv.numbers", single: true, column: "Array(Nullable(Int32))", values: printed("{}", "[]", "{1,2,NULL}", "[1,2,NULL]"), beyond: []string{"{{1},{2}}"}},
	{typ: "tv.named", single: true, column: "Array(Nullable(Int32))", values: printed("{4}", "[4]")},
	{typ: "tv.grid", single: true, column: "Array(Array(Nullable(Int32)))", values: printed("{{1,2},{3,4}}", "[[1,2],[3,4]]")},
	{typ: "tv.numbers[]", single: true, column: "Array(Nullable(String))", values: printed(`{"{1,2}","{}",NULL,"{NULL}"}`, "['{1,2}','{}',NULL,'{NULL}']")},
	{typ: "tv.grid[]", single: true, column: "Array(Nullable(String))", values: printed(`{"{{1,2},{3,4}}"}`, "['{{1,2},{3,4}}']")},
	{typ: "varchar(3)[]", single: true, column: "Array(Nullable(String))", values: printed("{abcd,é}", "['abc','é']")},
	{typ: "bit(2)[]", single: true, column: "Array(Nullable(String))", values: printed("{10,NULL}", "['10',NULL]")},
	{typ: "text[]", single: true, column: "Array(Nullable(String))", values: printed("{"+strings.Repeat("a,", 2000)+"a}", "["+strings.Repeat("'a',", 2000)+"'a']")},
}
