package sync

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/replication"
)

func TestASpoolGivesBackWhatItWasGiven(t *testing.T) {
	for _, size := range []int{10, 5000} { // in memory, and in a file
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			dir := t.TempDir()
			s := &spool{dir: dir}
			first, second := &replication.RelationMessage{OID: 1}, &replication.RelationMessage{OID: 2}
			var want []string
			keep := func(what string, err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, what)
			}
			keep("A1", s.announce(first))
			for i := range 200 {
				r := spoolRowOf(i, size)
				keep(describeRow(r), s.add(r))
				if i%7 == 0 {
					keep("end", s.end())
				}
				if i == 100 {
					p := change.Position{Commit: 9, Seq: 8}
					keep("truncate "+p.String(), s.truncate(p))
					keep("A2", s.announce(second))
				}
			}
			keep("end", s.end())
			if err := s.end(); err != nil { // nothing has come since
				t.Fatal(err)
			}
			if got := readSpool(t, s); strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("%d entries, want %d", len(got), len(want))
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("another process would see %v", left)
			}
			if inFile := s.file != nil; inFile != (size > 10) {
				t.Errorf("in a file: %v", inFile)
			}
			s.close()
		})
	}
}

func spoolRowOf(i, size int) *change.Row {
	r := &change.Row{Op: change.Insert, Position: change.Position{Commit: change.LSN(1000 + i), Seq: uint64(i)}}
	large := bytes.Repeat([]byte{byte(i)}, size)
	r.New = []change.Datum{{Format: change.Text, Bytes: large}, {}, {Format: change.Unchanged}, {Format: change.Binary, Bytes: []byte{}}}
	switch i % 3 {
	case 1:
		r.Op, r.Old, r.OldFull = change.Update, []change.Datum{{Format: change.Binary, Bytes: large}, {}, {}, {}}, i%2 == 0
	case 2:
		r.Op, r.Old, r.New = change.Delete, r.New, nil
	}
	return r
}

func describeRow(r *change.Row) string {
	return fmt.Sprintf("%c %s %v old %v new %v", r.Op, r.Position, r.OldFull, r.Old, r.New)
}

func readSpool(t *testing.T, s *spool) (got []string) {
	t.Helper()
	r, err := s.read()
	if err != nil {
		t.Fatal(err)
	}
	for {
		e, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case e == nil:
			return got
		case e.kind == spoolAnnouncement:
			got = append(got, fmt.Sprintf("A%d", e.message.OID))
		case e.kind == spoolRow:
			got = append(got, describeRow(&e.row))
		case e.kind == spoolTruncate:
			got = append(got, "truncate "+e.position.String())
		case e.kind == spoolEnd:
			got = append(got, "end")
		}
	}
}
