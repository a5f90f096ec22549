package greenplum

import (
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/change"
)

func TestRowsAreMergedLikeThis(t *testing.T) {
	table := func(keys int, w apply.Wishes) *apply.Table {
		table := tableOf("orders", keys, "tenant", int4Type, "id", &change.Type{OID: 95001, Schema: "app", Name: "citext", Kind: change.KindBase, Extension: "citext", Modifier: -1},
			"note", textType, "doc", textType)
		table.Wishes = w
		return table
	}
	for _, c := range []struct {
		file   string
		server *server
		table  *apply.Table
	}{
		{"merge_greenplum6.sql", greenplum6(), table(2, apply.Wishes{DistributedBy: []string{"tenant"}, Rename: map[string]string{"doc": `the "doc"`}})},
		{"merge_postgres18.sql", pretended(postgreSQL, "18", 180000), table(1, apply.Wishes{})},
	} {
		p, err := c.server.newPlan(c.table, &Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := &stage{plan: p, name: "pg_temp.stage_1"}
		s.reset()
		s.count.moved = 1
		unchanged := change.Datum{Format: change.Unchanged}
		for range maxGaps { // as if there were more columns
			s.sets, s.count.byGap = append(s.sets, []int{3}), append(s.count.byGap, 1)
		}
		if gap := s.gap([]change.Datum{{}, {}, unchanged, unchanged}); gap != maxGaps+1 || s.gap([]change.Datum{{}, {}, unchanged, unchanged}) != gap {
			t.Fatalf("the set of columns got the numbers %d and another", gap)
		}
		golden(t, c.file, strings.Join([]string{
			s.create(c.server), s.fillSQL(1, s.sets[1]), s.deleteSQL(),
			s.updateSQL(s.filter(0), nil), s.updateSQL(s.filter(1), s.sets[1]), s.updateSQL(s.filter(2), []int{1, 2, 3}), s.updateCasesSQL(), s.insertSQL(),
			strings.Join(p.joinAside(), ";\n"),
		}, ";\n\n")+";\n")
	}
}
