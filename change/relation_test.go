package change

import "testing"

func TestTypesAreDeclaredAsInSQL(t *testing.T) {
	core := func(name string, modifier int32) *Type {
		return &Type{Schema: "pg_catalog", Name: name, Kind: KindBase, Modifier: modifier}
	}
	for want, typ := range map[string]*Type{
		"integer":          core("int4", -1),
		"numeric(10,2)":    core("numeric", (10<<16|2)+4),
		"numeric(3,-2)":    core("numeric", (3<<16|0x7fe)+4),
		"varchar(20)":      core("varchar", 24),
		"char(5)":          core("bpchar", 9),
		`"char"`:           core("char", -1),
		"bit varying(8)":   core("varbit", 8),
		"timestamptz(3)":   core("timestamptz", 3),
		`"My Types"."a b"`: {Schema: "My Types", Name: "a b", Kind: KindEnum, Modifier: -1},
		"public.int4":      {Schema: "public", Name: "int4", Kind: KindBase, Modifier: -1},
		"numeric(5,1)[][]": {Kind: KindArray, Elem: core("numeric", -1), Modifier: (5<<16 | 1) + 4, Dimensions: 2},
		"public.d[]":       {Kind: KindArray, Elem: &Type{Schema: "public", Name: "d", Kind: KindDomain, Modifier: -1}, Modifier: -1},
	} {
		if got := typ.Declared(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
