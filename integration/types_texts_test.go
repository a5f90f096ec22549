package integration

import "strings"

// awkward are texts that something on the way could take for something else.
var awkward = []string{
	"", " ", "a", "NULL", "null", `\N`, `"`, `'`, `\`, `\\`, `\x41`, `\0`, "é ü 漢字 🙂", "tab\tnew\nline\r", "{a,b}", "(a,b)", "[a,b]", "a=>b", "%s", "`", "\u00a0", "\u200b\ufeff", "e\u0301", "\x01\x7f",
}

var textSamples = []sample{
	{typ: "text", column: text, values: same(append(awkward, strings.Repeat("long ", 20), "NaN", "infinity", "true")...)},
	{typ: "varchar", column: text, values: same(awkward[:14]...)},
	{typ: "varchar(20)", column: text, values: both(same("", "x y ", "漢字", "12345678901234567890"), printed("123456789012345678901", "12345678901234567890"))},
	{typ: "char(5)", column: text, values: printed("ab", "ab   ", "", "     ", "abcde", "abcde", " b ", " b   ", "é", "é    ", "漢字🙂", "漢字🙂  ", "abcdefg", "abcde")},
	{typ: "char", column: text, values: printed("a", "a", "", " ", "🙂", "🙂")},
	{typ: "name", column: text, values: both(same(awkward[:12]...), printed(strings.Repeat("n", 70), strings.Repeat("n", 63)))},
	{typ: `"char"`, column: text, values: both(same("a", "", `\`, " ", `"`, "'", "0"), printed("long", "l"))},
	{typ: `"char"`, held: never, column: text, values: printed("é", `\303`)},
	{typ: `"char"`, since: 16, held: never, column: text, values: words(`\351 \200 \377`)},
	{typ: "bytea", column: text, values: printed(`\x`, "", `\x616263`, "abc", `\x00`, "\x00", `\x00ff00fe`, "\x00\xff\x00\xfe", `\xC3A9`, "é", `\xc3`, "\xc3", `\\`, `\`, `a\001\377b`, "a\x01\xffb", `\x5c78`, `\x`)},
	{typ: "refcursor", column: text, values: same(awkward[:8]...)},
	{typ: "xml", column: text, values: both(same("<a>b</a>", "<a b=\"c\">d &amp; e</a>", "", "just text", `<?xml version="1.0" standalone="yes"?><é/>`, "<![CDATA[<x>]]>"),
		printed(`<?xml version="1.0" encoding="UTF-8"?><a/>`, "<a/>"))},
	{typ: "tsvector", column: text, values: both(same("", "'a':1A,2B 'b':3C,4", `'back\\slash' 'it''s' 'two words':16383`), printed("a b c", "'a' 'b' 'c'", "b:2 a:1 b:3", "'a':1 'b':2,3"))},
	{typ: "tsquery", held: phrases, column: text, form: readAsText, values: printed("'it''s':*A <-> b", "'it''s':*A <-> 'b'")},
	{typ: "tsquery", column: text, form: readAsText, values: printed("a & b | !c", "'a' & 'b' | !'c'", "a:bc", "'a':BC", "!(a | b)", "!( 'a' | 'b' )", "", "")},
}

const (
	digits100 = "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
	aDocument = `{"b": 1, "a": [1, 2.50, "x"], "b": 2}`
)

var documentSamples = []sample{
	{typ: "json", column: text, values: same("null", "true", `""`, "[]", "{}", aDocument, `{"b": 1, "a" : [1, 2.50], "b": 2}`, ` { "k" : true } `, "123456789012345678901234567890.10", "1e400", "-0.0",
		`"a\u00e9\n\"\\"`, `"\ud83d\ude42"`, `{"": {"": [[[]]]}}`, `{"a": "漢字 🙂"}`, "["+digits100+"."+digits100+"]", "[1,\n2]")},
	{typ: "jsonb", column: text, values: both(same("null", "true", `""`, "[]", "{}", "123456789012345678901234567890.10", `{"a": "漢字 🙂"}`, `{"": {"": [[[]]]}}`, digits100), printed(
		aDocument, `{"a": [1, 2.50, "x"], "b": 2}`, ` { "k" : true } `, `{"k": true}`, `"a\u00e9\n\"\\"`, `"aé\n\"\\"`, "1e3", "1000", "-0.0", "0.0", "1.50e-2", "0.0150",
		`{"b": 1, "a": 123456789012345678901234567890.10}`, `{"a": 123456789012345678901234567890.10, "b": 1}`, `{"bb": 1, "a": 2, "c": 3}`, `{"a": 2, "c": 3, "bb": 1}`))},
	{typ: "jsonpath", column: text, values: printed("$", "$", "$.a[*] ? (@ > 1)", `$."a"[*]?(@ > 1)`, "strict $.a.b", `strict $."a"."b"`, `$."x y"[0 to last]`, `$."x y"[0 to last]`)},
}
