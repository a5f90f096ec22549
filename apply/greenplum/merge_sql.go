package greenplum

import (
	"fmt"
	"slices"
	"strings"
)

// The statements. t is the table, s the staging table.

// match compares keys: of the table, and of the staging table's columns that key
// names, c%d or b%d.
func (s *stage) match(key string) string {
	list := make([]string, len(s.plan.key))
	for place, i := range s.plan.key {
		n := place
		if key == "c%d" {
			n = i
		}
		c := s.plan.columns[i]
		list[place] = fmt.Sprintf("t.%s %s s."+key, c.name, c.equals(), n)
	}
	return strings.Join(list, " AND ")
}

// filter are the rows to be updated that leave a set of columns alone.
func (s *stage) filter(gap int) string {
	if gap == 0 && s.count.moved > 0 {
		return fmt.Sprintf("(s._how = %d AND s._gap = 0 OR s._how = %d)", howUpdate, howMove)
	}
	return fmt.Sprintf("s._how = %d AND s._gap = %d", howUpdate, gap)
}

func (s *stage) filterCases() string {
	return fmt.Sprintf("s._how = %d AND s._gap >= %d", howUpdate, maxGaps)
}

func (s *stage) fillSQL(gap int, set []int) string {
	assign := make([]string, len(set))
	for n, i := range set {
		assign[n] = fmt.Sprintf("c%d = t.%s", i, s.plan.columns[i].name)
	}
	return fmt.Sprintf("UPDATE %s s SET %s FROM %s t WHERE s._how = %d AND s._gap = %d AND %s",
		s.name, strings.Join(assign, ", "), s.plan.quoted, howMove, gap, s.match("b%d"))
}

func (s *stage) deleteSQL() string {
	return fmt.Sprintf("DELETE FROM %s t USING %s s WHERE s._how = %d AND %s", s.plan.quoted, s.name, howDelete, s.match("c%d"))
}

// updateSQL leaves a set of columns as they are.
func (s *stage) updateSQL(filter string, leave []int) string {
	var assign []string
	for i, c := range s.plan.columns {
		if !slices.Contains(s.plan.key, i) && !slices.Contains(leave, i) {
			assign = append(assign, fmt.Sprintf("%s = s.c%d", c.name, i))
		}
	}
	if len(assign) == 0 { // how many are there counts all the same
		return fmt.Sprintf("SELECT 1 FROM %s t, %s s WHERE %s AND %s", s.plan.quoted, s.name, filter, s.match("c%d"))
	}
	return fmt.Sprintf("UPDATE %s t SET %s FROM %s s WHERE %s AND %s", s.plan.quoted, strings.Join(assign, ", "), s.name, filter, s.match("c%d"))
}

func (s *stage) updateCasesSQL() string {
	var assign []string
	for i, c := range s.plan.columns {
		if slices.Contains(s.plan.key, i) {
			continue
		}
		var gaps []string
		for n, set := range s.sets[maxGaps:] {
			if slices.Contains(set, i) {
				gaps = append(gaps, fmt.Sprint(maxGaps+n))
			}
		}
		value := fmt.Sprintf("s.c%d", i)
		if len(gaps) > 0 {
			value = fmt.Sprintf("CASE WHEN s._gap IN (%s) THEN t.%s ELSE s.c%d END", strings.Join(gaps, ", "), c.name, i)
		}
		assign = append(assign, c.name+" = "+value)
	}
	return fmt.Sprintf("UPDATE %s t SET %s FROM %s s WHERE %s AND %s", s.plan.quoted, strings.Join(assign, ", "), s.name, s.filterCases(), s.match("c%d"))
}

func (s *stage) insertSQL() string {
	values := make([]string, len(s.plan.columns))
	for i := range values {
		values[i] = fmt.Sprintf("s.c%d", i)
	}
	return fmt.Sprintf("INSERT INTO %s%s SELECT %s FROM %s s WHERE %s AND NOT EXISTS (SELECT 1 FROM %s t WHERE %s)",
		s.plan.quoted, s.plan.columnList(), strings.Join(values, ", "), s.name, s.filter(0), s.plan.quoted, s.match("c%d"))
}
