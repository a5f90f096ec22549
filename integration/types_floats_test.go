package integration

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/typemap"
)

// Floats with few bits are where the shortest decimal is a close call: the gap
// below a power of two is half as wide, and its exact value can lie in the
// middle of two decimals.
func closeCalls(size int) (list []float64) {
	lowest, highest := -1074, 1023
	if size == 32 {
		lowest, highest = -149, 127
	}
	for e := lowest; e <= highest; e++ {
		for _, mantissa := range []float64{1, 3, 5, 7, 9, 11, 1023, 1025, 65537} {
			f := math.Ldexp(mantissa, e)
			if size == 32 && f > math.MaxFloat32 || math.IsInf(f, 0) {
				continue
			}
			list = append(list, f)
		}
	}
	// A quarter lies in the middle of two tenths, and where floats are quarters
	// apart either tenth would do.
	quarters := math.Ldexp(1, 50)
	if size == 32 {
		quarters = math.Ldexp(1, 21)
	}
	for n := range 200 {
		list = append(list, quarters+float64(n)/4, quarters*2-float64(n+1)/4)
	}
	return list
}

func TestFloatsPrintAsPostgreSQLPrintsThem(t *testing.T) {
	onEverySource(t, 12, func(s *scene) {
		conn := s.connectUnderSettings().PgConn()
		for size, typ := range map[int]string{32: "float4", 64: "float8"} {
			m := typemap.Resolve(&change.Type{Name: typ, Kind: change.KindBase})
			floats := closeCalls(size)
			literals := make([]string, len(floats))
			for i, f := range floats {
				literals[i] = strconv.FormatFloat(f, 'e', -1, size)
			}
			// A float has no quotes in an array.
			printed, _ := column(s.ctx, s.T, conn, "SELECT v FROM unnest($1::"+typ+"[]) WITH ORDINALITY u(v, n) ORDER BY n", "{"+strings.Join(literals, ",")+"}", 0)
			for i, f := range floats {
				wire := binary.BigEndian.AppendUint64(nil, math.Float64bits(f))
				if size == 32 {
					wire = binary.BigEndian.AppendUint32(nil, math.Float32bits(float32(f)))
				}
				got, err := m.AppendText(nil, change.Datum{Format: change.Binary, Bytes: wire})
				if err != nil || string(got) != string(printed[i]) {
					s.Errorf("%s %x: %s (%v), PostgreSQL prints %s", typ, wire, got, err, printed[i])
				}
			}
		}
	})
}
