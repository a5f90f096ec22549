package sync

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	stdsync "sync"
	"time"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/replication"
	"github.com/pgsluice/pgsluice/snapshot"
)

// simSource is a PostgreSQL database in maps: tables, a log of committed
// transactions, slots and publications. It keeps what its tables held after every
// commit, so that it can be asked for the state at any LSN.
type simSource struct {
	version int // server_version_num

	mu      stdsync.Mutex
	end     change.LSN // of the log
	changed chan struct{}
	xid     uint32
	oid     uint32
	row     int64
	text    int

	log     []*simTx
	moments []simMoment
	// attnums is the last attribute number that a table has given out, files where
	// it keeps its rows, emptied when a commit last took rows away that older
	// snapshots should see: neither TRUNCATE nor a rewrite is held to a snapshot.
	attnums map[uint32]int16
	files   map[uint32]uint32
	emptied map[uint32]change.LSN
	// born is the commit of every row of a table without a key, by its first column,
	// which no two have alike.
	born map[string]change.LSN
	// catalogChanges counts what can make the catalog show something else.
	catalogChanges int

	open      []*simOpen
	slots     map[string]*simSlot
	published map[string]map[uint32]bool // tables by publication
	snapshots map[string]change.LSN
	conns     map[*simConn]bool
	claims    map[string]*simConn
	asked     map[string][]string // of who has a claim
	simTimelines
}

// simTable is what a table was at one moment. It is never changed.
type simTable struct {
	relation *change.Relation
	rows     map[int64]*simRow
}

// simRow is one version of a row, never changed. Values are by attribute number:
// a column that is not among them was added after the row was written. nil is
// NULL.
type simRow struct {
	id     int64 // its place in the heap
	values map[int16]*string
}

// simMoment is what the source held after the commit whose record starts at
// commit.
type simMoment struct {
	commit change.LSN
	tables map[uint32]*simTable
}

// simTx is a committed transaction in the log.
type simTx struct {
	xid         uint32
	commit, end change.LSN
	time        time.Time
	events      []*simEvent
}

// simEvent is a row of a table as it then was, or a TRUNCATE of some.
type simEvent struct {
	op        change.Op // 0 for a TRUNCATE
	relations []*change.Relation
	old, new  *simRow
	// published are the publications that had the tables when it happened, each
	// with those that it had.
	published map[string][]bool
}

type simSlot struct {
	// confirmed: what starts below it is forgotten.
	confirmed change.LSN
	temporary bool
	reader    *simConn
	busy      time.Time // until when the server takes it for in use
}

func newSimSource(version int) *simSource {
	return &simSource{
		version: version, end: 0x1000, changed: make(chan struct{}), xid: 700, oid: 16384, moments: []simMoment{{tables: map[uint32]*simTable{}}},
		attnums: map[uint32]int16{}, files: map[uint32]uint32{}, emptied: map[uint32]change.LSN{}, born: map[string]change.LSN{},
		slots: map[string]*simSlot{}, published: map[string]map[uint32]bool{}, snapshots: map[string]change.LSN{}, conns: map[*simConn]bool{}, claims: map[string]*simConn{}, asked: map[string][]string{},
		simTimelines: simTimelines{timeline: 1, left: map[int32]change.LSN{}, standing: 0x2000},
	}
}

// now is what the last commit has left.
func (s *simSource) now() map[uint32]*simTable { return s.moments[len(s.moments)-1].tables }

// at is what transactions have left whose commit record starts before an LSN.
func (s *simSource) at(lsn change.LSN) map[uint32]*simTable {
	i, _ := slices.BinarySearchFunc(s.moments, lsn, func(m simMoment, lsn change.LSN) int {
		if m.commit < lsn {
			return -1
		}
		return 1
	})
	return s.moments[max(i-1, 0)].tables
}

// write moves the log on.
func (s *simSource) write(records int) { s.end += change.LSN(8 * records) }

// tell wakes whoever waits for the log.
func (s *simSource) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// oids are the tables of a moment in the order in which they were made.
func oids(tables map[uint32]*simTable) []uint32 { return slices.Sorted(maps.Keys(tables)) }

var simTypes = map[uint32]string{23: "int4", 25: "text"}

func simType(oid uint32) *change.Type {
	return &change.Type{OID: oid, Schema: "pg_catalog", Name: simTypes[oid], Kind: change.KindBase, Modifier: -1}
}

// describe is a table as the catalog shows it.
func (s *simSource) describe(t *simTable) *snapshot.Table {
	r := *t.relation
	r.Columns = slices.Clone(r.Columns)
	pages := int64(s.row/simPageRows + 1)
	return &snapshot.Table{
		Relation: &r, Rows: int64(len(t.rows)), Bytes: pages * 8192,
		Dropped: s.dropped(&r),
		Leaves:  []snapshot.Leaf{{OID: r.OID, Schema: r.Schema, Name: r.Name, Bytes: pages * 8192, Identity: r.Identity, File: s.files[r.OID]}},
	}
}

const simPageRows = 16

// dropped are the numbers that the table has given out to columns that are gone.
func (s *simSource) dropped(r *change.Relation) (attnums []int16) {
	for attnum := int16(1); attnum <= s.attnums[r.OID]; attnum++ {
		if !slices.ContainsFunc(r.Columns, func(c change.Column) bool { return c.Attnum == attnum }) {
			attnums = append(attnums, attnum)
		}
	}
	return attnums
}

// announcement is a relation as pgoutput describes it.
func announcement(r *change.Relation, xid uint32) *replication.RelationMessage {
	m := &replication.RelationMessage{OID: r.OID, Schema: r.Schema, Name: r.Name, Identity: r.Identity, XID: xid}
	for i, c := range r.Columns {
		m.Columns = append(m.Columns, replication.RelationColumn{
			Name: c.Name, TypeOID: c.Type.OID, Modifier: c.Type.Modifier,
			Key: r.Identity == change.IdentityFull || slices.Contains(r.Key, i),
		})
	}
	return m
}

// value is what a row reads in a column.
func (r *simRow) value(c *change.Column) *string {
	if v, ok := r.values[c.Attnum]; ok {
		return v
	}
	return c.Missing
}

// key is what tells a row of the relation from others.
func (r *simRow) key(rel *change.Relation) string {
	if !rel.Keyed() {
		return fmt.Sprint("at ", r.id)
	}
	var parts []string
	for _, i := range rel.Key {
		parts = append(parts, *r.value(&rel.Columns[i]))
	}
	return strings.Join(parts, "\x00")
}

// large values are kept out of the row, and not in the log when they are left as
// they are.
const simLarge = 30

func large(v *string) bool { return v != nil && len(*v) >= simLarge }
