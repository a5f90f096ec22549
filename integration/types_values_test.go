package integration

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/snapshot"
	"github.com/pgsluice/pgsluice/typemap"
)

// TestValuesMeanTheSameInBothForms asks PostgreSQL for each literal in both
// wire forms. The two decoders have to agree, and their text has to be what
// PostgreSQL prints.
func TestValuesMeanTheSameInBothForms(t *testing.T) {
	onEverySource(t, 12, func(s *scene) {
		conn := s.connectUnderSettings()
		s.execOn(conn, samplesSetup)
		catalog, err := snapshot.NewCatalog(s.ctx, conn)
		if err != nil {
			s.Fatal(err)
		}
		for i := range samples {
			if samples[i].known(s.major) {
				s.Run(samples[i].typ, func(t *testing.T) { checkValues(s.ctx, t, conn.PgConn(), catalog, &samples[i]) })
			}
		}
	})
}

// connectUnderSettings connects as every reader of values does.
func (s *scene) connectUnderSettings() *pgx.Conn {
	s.Helper()
	config, err := pgx.ParseConfig(s.sourceDSN())
	if err != nil {
		s.Fatal(err)
	}
	maps.Copy(config.RuntimeParams, change.Settings())
	conn, err := pgx.ConnectConfig(s.ctx, config)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func checkValues(ctx context.Context, t *testing.T, conn *pgconn.PgConn, catalog *snapshot.Catalog, v *sample) {
	param := arrayLiteral(v.literals())
	sql := "SELECT v::" + v.typ + " FROM unnest($1::text[]) WITH ORDINALITY u(v, n) ORDER BY n"
	text, modifier := column(ctx, t, conn, sql, param, 0)
	// The type is asked for by name: a result's description speaks of domains as
	// their base type.
	oid, _ := column(ctx, t, conn, "SELECT to_regtype($1)::oid", v.typ, 0)
	number, err := strconv.ParseUint(string(oid[0]), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	types, err := catalog.Types(ctx, []uint32{uint32(number)}, []int32{modifier})
	if err != nil {
		t.Fatal(err)
	}
	m := typemap.Resolve(types[0])
	if !m.BinaryOK {
		if m.Class != typemap.Text && m.Class != typemap.Array {
			t.Errorf("a type that is read as text only has class %v", m.Class)
		}
		for _, b := range text {
			check(t, m, change.Datum{Format: change.Text, Bytes: b}, change.Datum{Format: change.Text, Bytes: b})
		}
		return
	}
	bin, _ := column(ctx, t, conn, sql, param, 1)
	exact := exactValues(ctx, t, conn, m, v, param)
	for i := range bin {
		d := change.Datum{Format: change.Text, Bytes: text[i]}
		check(t, m, change.Datum{Format: change.Binary, Bytes: bin[i]}, d)
		if exact != nil && exact[i] != nil {
			if got := wholeNumber(t, m, d); got.String() != string(exact[i]) {
				t.Errorf("%s is the number %s, PostgreSQL says %s", text[i], got, exact[i])
			}
		}
	}
}

// check compares everything that can be decoded from the two forms of a value.
func check(t *testing.T, m *typemap.Meaning, bin, text change.Datum) {
	t.Helper()
	printed := text.Bytes
	fromBinary, err := m.AppendText(nil, bin)
	if err != nil {
		t.Errorf("%s from binary: %v", printed, err)
		return
	}
	fromText, err := m.AppendText(nil, text)
	if err != nil || !bytes.Equal(fromBinary, fromText) {
		t.Errorf("%s: %q from binary, %q from text, %v", printed, fromBinary, fromText, err)
	}
	// Before PostgreSQL 16 a "char" above ASCII is printed as that byte.
	if m.Class != typemap.Bytes && utf8.Valid(printed) && !bytes.Equal(fromBinary, printed) {
		t.Errorf("%q from binary, PostgreSQL prints %q", fromBinary, printed)
	}
	b, errB := decode(m, bin)
	x, errX := decode(m, text)
	if errB != nil || errX != nil || b != x {
		t.Errorf("%s: %s from binary (%v), %s from text (%v)", printed, b, errB, x, errX)
	}
	if m.Class == typemap.Array {
		checkArray(t, m, bin, text)
	}
}

func checkArray(t *testing.T, m *typemap.Meaning, bin, text change.Datum) {
	t.Helper()
	var b, x typemap.ArrayReader
	edgeB, errB := m.Array(bin, &b)
	edgeX, errX := m.Array(text, &x)
	if errB != nil || errX != nil || edgeB != edgeX || fmt.Sprint(b.Dims()) != fmt.Sprint(x.Dims()) {
		t.Errorf("%s: %v %v %v from binary, %v %v %v from text", text.Bytes, b.Dims(), edgeB, errB, x.Dims(), edgeX, errX)
		return
	}
	for {
		db, moreB, errB := b.Next()
		dx, moreX, errX := x.Next()
		if errB != nil || errX != nil || moreB != moreX || (db.Format == change.Null) != (dx.Format == change.Null) {
			t.Errorf("%s: elements differ: %v %v %v and %v %v %v", text.Bytes, db, moreB, errB, dx, moreX, errX)
			return
		}
		if !moreB {
			return
		}
		if db.Format != change.Null {
			check(t, m.Elem, db, dx)
		}
	}
}

// decode prints what the decoder of the class returns.
func decode(m *typemap.Meaning, d change.Datum) (string, error) {
	switch m.Class {
	case typemap.Int16, typemap.Int32, typemap.Int64:
		v, err := m.Int(d)
		return fmt.Sprint(v), err
	case typemap.Uint32, typemap.Uint64:
		v, err := m.Uint(d)
		return fmt.Sprint(v), err
	case typemap.Float32, typemap.Float64:
		v, err := m.Float(d)
		return fmt.Sprintf("%x", math.Float64bits(v)), err
	case typemap.Bool:
		v, err := m.Bool(d)
		return fmt.Sprint(v), err
	case typemap.UUID:
		v, err := m.UUID(d)
		return fmt.Sprintf("%x", v), err
	case typemap.Date:
		v, e, err := m.Date(d)
		return fmt.Sprint(v, e), err
	case typemap.Timestamp, typemap.TimestampTZ:
		v, e, err := m.Timestamp(d)
		return fmt.Sprint(v, e), err
	case typemap.Time:
		v, err := m.Time(d)
		return fmt.Sprint(v), err
	case typemap.Decimal:
		v, e, err := m.Decimal256(d)
		if m.Precision > 18 || err != nil {
			return fmt.Sprint(v, e), err
		}
		w, e64, err := m.Decimal64(d)
		if e64 != e || uint64(w) != v[0] || uint64(w>>63) != v[3] {
			err = fmt.Errorf("64 bits give %d %v, 256 bits %d %v", w, e64, v, e)
		}
		return fmt.Sprint(v, e), err
	}
	return "", nil
}

// exactValues asks PostgreSQL for the whole numbers the classes stand for.
func exactValues(ctx context.Context, t *testing.T, conn *pgconn.PgConn, m *typemap.Meaning, v *sample, param string) [][]byte {
	t.Helper()
	var expr string
	switch m.Class {
	case typemap.Date:
		expr = "CASE WHEN isfinite(w) THEN w - date '1970-01-01' END"
	case typemap.Timestamp, typemap.TimestampTZ:
		// extract is exact from version 14 on only; the halves always are.
		expr = "CASE WHEN isfinite(w) AND w < '294247-01-01' THEN trunc(extract(epoch FROM date_trunc('second', w))::numeric)::numeric * 1000000" +
			" + mod(extract(microseconds FROM w)::numeric, 1000000)::int END"
	case typemap.Time:
		expr = "trunc(extract(epoch FROM date_trunc('second', w))::numeric) * 1000000 + mod(extract(microseconds FROM w)::numeric, 1000000)::int"
	case typemap.Decimal:
		if v.typ == "money" {
			return nil
		}
		expr = fmt.Sprintf("CASE WHEN w <> 'NaN' THEN trunc(w * 1e%d) END", m.Scale)
	default:
		return nil
	}
	sql := "SELECT " + expr + " FROM unnest($1::text[]) WITH ORDINALITY u(v, n), LATERAL (SELECT v::" + v.typ + ") s(w) ORDER BY n"
	list, _ := column(ctx, t, conn, sql, param, 0)
	return list
}

func wholeNumber(t *testing.T, m *typemap.Meaning, d change.Datum) *big.Int {
	t.Helper()
	var v int64
	var err error
	switch m.Class {
	case typemap.Date:
		v, _, err = m.Date(d)
	case typemap.Timestamp, typemap.TimestampTZ:
		v, _, err = m.Timestamp(d)
	case typemap.Time:
		v, err = m.Time(d)
	case typemap.Decimal:
		limbs, _, err := m.Decimal256(d)
		if err != nil {
			t.Error(err)
		}
		n := new(big.Int)
		for i := len(limbs) - 1; i >= 0; i-- {
			n.Lsh(n, 64).Add(n, new(big.Int).SetUint64(limbs[i]))
		}
		if limbs[3]>>63 == 1 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 256))
		}
		return n
	}
	if err != nil {
		t.Error(err)
	}
	return big.NewInt(v)
}

// column runs a query of one column and copies its values.
func column(ctx context.Context, t *testing.T, conn *pgconn.PgConn, sql, param string, format int16) (list [][]byte, modifier int32) {
	t.Helper()
	r := conn.ExecParams(ctx, sql, [][]byte{[]byte(param)}, nil, nil, []int16{format}).Read()
	if r.Err != nil {
		t.Fatalf("%s: %v", sql, r.Err)
	}
	for _, row := range r.Rows {
		list = append(list, row[0])
	}
	return list, r.FieldDescriptions[0].TypeModifier
}

func arrayLiteral(list []string) string {
	quoted := make([]string, len(list))
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	for i, s := range list {
		quoted[i] = `"` + escape.Replace(s) + `"`
	}
	return "{" + strings.Join(quoted, ",") + "}"
}
