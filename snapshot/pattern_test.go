package snapshot

import "testing"

func TestPatternsSelectTables(t *testing.T) {
	cases := []struct {
		name          string
		patterns      []string
		schema, table string
		want          bool
	}{
		{"a name selects itself", []string{"public.orders"}, "public", "orders", true},
		{"a name selects nothing else", []string{"public.orders"}, "public", "orders2", false},
		{"names fold to lower case", []string{"Public.Orders"}, "public", "orders", true},
		{"quoted names do not fold", []string{`"Public"."Orders"`}, "public", "orders", false},
		{"a star stands for any run", []string{"public.a*z"}, "public", "abcz", true},
		{"a star can stand for nothing", []string{"public.a*z"}, "public", "az", true},
		{"stars do not overlap", []string{"public.ab*ba"}, "public", "aba", false},
		{"several stars", []string{"*.*_log_*"}, "x", "app_log_2020", true},
		{"a star in quotes is a star", []string{`public."*"`}, "public", "x", false},
		{"dots, spaces and quotes in names", []string{`"My Schema"."a.""b"""`}, "My Schema", `a."b"`, true},
		{"unicode", []string{`"схема"."таблица"`}, "схема", "таблица", true},
		{"an exclusion takes away", []string{"public.*", "!public.audit_*"}, "public", "audit_log", false},
		{"an exclusion counts wherever it stands", []string{"!public.audit_*", "public.*"}, "public", "audit_log", false},
		{"an exclusion alone selects nothing", []string{"!public.audit_*"}, "public", "orders", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var patterns []Pattern
			for _, text := range c.patterns {
				p, err := ParsePattern(text)
				if err != nil {
					t.Fatal(err)
				}
				patterns = append(patterns, p)
			}
			if got := Selected(patterns, c.schema, c.table); got != c.want {
				t.Fatalf("selected: %v", got)
			}
		})
	}
}

func TestBadPatternsAreRefused(t *testing.T) {
	for _, text := range []string{"", "orders", "public.", ".orders", "a.b.c", `"public.orders`, `""."x"`, "public.my table", "!", `"a"b.c`, "public.x;drop"} {
		if p, err := ParsePattern(text); err == nil {
			t.Errorf("%q is taken as %+v", text, p)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, s := range []string{"public.*", `"a""b"."c.d"`, "!x.y*z", "*.*"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, s string) {
		if p, err := ParsePattern(s); err == nil {
			p.Match(s, s)
		}
	})
}
