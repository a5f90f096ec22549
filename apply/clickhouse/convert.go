package clickhouse

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/typemap"
)

// How columns of one value each are planned. What every table has goes by the
// writers of column_fixed.go, one a type; what only wishes lead to is written by
// closures, which cost a little more.

func planString(s *spec, t *typeName, _ version) error {
	s.bytes(putString)
	if verbatim(s.meaning) {
		s.put = putVerbatim
	}
	return exactArgs(t, 0)
}

func planBool(s *spec, t *typeName, _ version) error {
	s.fixed(1, putBool)
	return exactArgs(t, 0)
}

func planUUID(s *spec, t *typeName, _ version) error {
	s.fixed(16, putUUID)
	return exactArgs(t, 0)
}

func planFloat(s *spec, t *typeName, _ version) error {
	whole := s.meaning.Class <= typemap.Uint64
	switch {
	case t.name == "Float32" && s.meaning.Class == typemap.Float64:
		s.edge("what a Float32 does not hold exactly", "the nearest Float32")
		s.fixed(4, putNarrowFloat)
	case t.name == "Float32" && whole:
		s.fixed(4, putWholeFloat32)
	case t.name == "Float32":
		s.fixed(4, putFloat32)
	case whole:
		s.fixed(8, putWholeFloat64)
	default:
		s.fixed(8, putFloat64)
	}
	return exactArgs(t, 0)
}

func planDecimal(s *spec, t *typeName, _ version) error {
	p, okP := t.number(0, 1, typemap.MaxPrecision)
	scale, okS := t.number(1, 0, p)
	if !okP || !okS && len(t.args) > 1 || len(t.args) > 2 {
		return fmt.Errorf("a Decimal is Decimal(p, s) with p from 1 to %d and s from 0 to p", typemap.MaxPrecision)
	}
	s.typ = sized("Decimal", p, scale)
	s.sent = s.typ
	m := s.meaning
	if m.Class == typemap.Decimal && m.Precision == p && m.Scale == scale {
		if isNumeric(m, version{}) {
			s.infinities(fmt.Sprintf("±(10^%d - 1) / 10^%d", p, scale))
			s.edge("NaN", "")
		}
		s.ownDecimal(p)
		return nil
	}
	return s.planOtherDecimal(p, scale)
}

// ownDecimal is the writer of a Decimal that the declaration leads to.
func (s *spec) ownDecimal(precision int) {
	puts := map[int]putter{4: putDecimal32, 8: putDecimal64, 16: putDecimal128, 32: putDecimal256}
	width := decimalWidth(precision)
	s.fixed(width, puts[width])
}

// decimalWidth is how many bytes a Decimal of so many digits takes.
func decimalWidth(precision int) int {
	switch {
	case precision <= 9:
		return 4
	case precision <= 18:
		return 8
	case precision <= 38:
		return 16
	}
	return 32
}

func (s *spec) infinities(nearest string) {
	s.edge("infinity, -infinity", nearest)
}

func planDate32(s *spec, t *typeName, v version) error {
	s.days(v.days())
	s.fixed(4, putDate32)
	return exactArgs(t, 0)
}

// planDate is for the type of 2 bytes.
func planDate(s *spec, t *typeName, _ version) error {
	s.days(bounds{0, 1<<16 - 1})
	s.fixed(2, func(c *column, d change.Datum) (typemap.Edge, error) {
		v, edge, err := c.meaning.Date(d)
		v, edge = c.limit(v, edge)
		c.data = binary.LittleEndian.AppendUint16(c.data, uint16(v))
		return edge, err
	})
	return exactArgs(t, 0)
}

func (s *spec) days(limits bounds) {
	s.limits = limits
	lo, hi := dayText(limits.lo), dayText(limits.hi)
	s.infinities(hi + ", " + lo)
	s.edge("before "+lo+", after "+hi, lo+", "+hi)
}

func dayText(days int64) string { return time.Unix(days*24*60*60, 0).UTC().Format(time.DateOnly) }

func momentText(micros int64) string {
	return time.UnixMicro(micros).UTC().Format("2006-01-02 15:04:05.999999")
}

// zoned gives a type of moments its zone: UTC, unless another one is only how
// readers see an instant.
func (s *spec) zoned(t *typeName, place int) error {
	switch {
	case len(t.args) == place:
		t = t.in("UTC")
	case len(t.args) != place+1 || t.args[place].kind != argText:
		return fmt.Errorf("%s takes a time zone last, in single quotes", t.name)
	case s.meaning.Class == typemap.Timestamp && t.args[place].text != "UTC":
		return fmt.Errorf("a timestamp without time zone reads the same everywhere only with the zone 'UTC'")
	}
	s.typ, s.sent = t, t
	return nil
}

func planDateTime64(s *spec, t *typeName, v version) error {
	digits, ok := t.number(0, 0, 9)
	if !ok {
		return fmt.Errorf("a DateTime64 is DateTime64(digits) with 0 to 9 digits of a second, or DateTime64(digits, 'zone')")
	}
	if err := s.zoned(t, 1); err != nil {
		return err
	}
	s.limits = v.micros(digits)
	s.momentEdges()
	if digits == 6 {
		s.fixed(8, putDateTime64)
		return nil
	}
	ticks := s.ticks(digits)
	s.fixed(8, func(c *column, d change.Datum) (typemap.Edge, error) {
		v, edge, err := c.moment(d, ticks)
		c.data = binary.LittleEndian.AppendUint64(c.data, uint64(v))
		return edge, err
	})
	return nil
}

func (s *spec) momentEdges() {
	lo, hi := momentText(s.limits.lo), momentText(s.limits.hi)
	s.infinities(hi + ", " + lo)
	s.edge("before "+lo+", after "+hi, lo+", "+hi)
}

// planDateTime is for the type of 4 bytes.
func planDateTime(s *spec, t *typeName, _ version) error {
	if err := s.zoned(t, 0); err != nil {
		return err
	}
	s.limits = bounds{0, (1<<32-1)*1e6 + 999999}
	s.momentEdges()
	s.edge("fractions of a second", "the second before")
	s.fixed(4, func(c *column, d change.Datum) (typemap.Edge, error) {
		v, edge, err := c.moment(d, ticksOf(0))
		c.data = binary.LittleEndian.AppendUint32(c.data, uint32(v))
		return edge, err
	})
	return nil
}

// unit says how microseconds become ticks.
type unit struct{ divide, multiply int64 }

func ticksOf(digits int) unit {
	u := unit{1, 1}
	for ; digits < 6; digits++ {
		u.divide *= 10
	}
	for ; digits > 6; digits-- {
		u.multiply *= 10
	}
	return u
}

// ticks is the unit of a type with so many digits of a second, and the edge that
// comes with fewer than PostgreSQL's.
func (s *spec) ticks(digits int) unit {
	if digits < 6 {
		s.edge(fmt.Sprintf("more than %d digits of a second", digits), "the moment before")
	}
	return ticksOf(digits)
}

// of turns microseconds into ticks, towards the past.
func (u unit) of(micros int64, edge typemap.Edge) (int64, typemap.Edge) {
	rest := micros % u.divide
	if rest < 0 {
		rest += u.divide
	}
	if rest != 0 && edge == typemap.Fits {
		edge = typemap.Inexact
	}
	return (micros - rest) / u.divide * u.multiply, edge
}

// moment decodes a timestamp as ticks.
func (c *column) moment(d change.Datum, ticks unit) (int64, typemap.Edge, error) {
	v, edge, err := c.meaning.Timestamp(d)
	v, edge = c.limit(v, edge)
	v, edge = ticks.of(v, edge)
	return v, edge, err
}

// planTime64 is for Time, in seconds, too.
func planTime64(s *spec, t *typeName, _ version) error {
	digits, width := 0, 4
	if t.name == "Time64" {
		var ok bool
		if digits, ok = t.number(0, 0, 9); !ok || len(t.args) != 1 {
			return fmt.Errorf("a Time64 is Time64(digits) with 0 to 9 digits of a second")
		}
		width = 8
	} else if err := exactArgs(t, 0); err != nil {
		return err
	}
	if digits == 6 {
		s.fixed(8, putTime64)
		return nil
	}
	ticks := s.ticks(digits)
	s.fixed(width, func(c *column, d change.Datum) (typemap.Edge, error) {
		v, err := c.meaning.Time(d)
		v, edge := ticks.of(v, typemap.Fits)
		c.data = appendLittle(c.data, uint64(v), width)
		return edge, err
	})
	return nil
}

func appendLittle(dst []byte, v uint64, width int) []byte {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	return append(dst, b[:width]...)
}

// maxFixedString is the server's default for what is not suspicious.
const maxFixedString = 256

func planFixedString(s *spec, t *typeName, _ version) error {
	width, ok := t.number(0, 1, maxFixedString)
	if !ok || len(t.args) != 1 {
		return fmt.Errorf("a FixedString is FixedString(n) with n from 1 to %d bytes: ClickHouse refuses more", maxFixedString)
	}
	s.edge(fmt.Sprintf("any other length than %d bytes", width), "")
	s.fixed(width, func(c *column, d change.Datum) (typemap.Edge, error) {
		from := len(c.data)
		var err error
		if c.data, err = c.meaning.AppendText(c.data, d); err != nil {
			return typemap.Fits, err
		}
		if len(c.data)-from == width {
			return typemap.Fits, nil
		}
		c.data = append(c.data[:from], make([]byte, width)...)
		return typemap.NoCounterpart, nil
	})
	return nil
}

// Types that the server reads from their text. The text is looked at here: what
// it refuses, it refuses with the whole block.

// checkedText writes texts that have passed a check. zero stands where there is
// no value, under a NULL too: it is read all the same.
func (s *spec) checkedText(zero string, check func(text []byte) bool) {
	s.sent, s.zero = named("String"), zero
	s.bytes(func(c *column, d change.Datum) (typemap.Edge, error) {
		from := len(c.data)
		if edge, err := putString(c, d); err != nil || edge != typemap.Fits {
			return edge, err
		}
		_, room := binary.Uvarint(c.data[from:])
		if check(c.data[from+room:]) {
			return typemap.Fits, nil
		}
		c.data = c.data[:from]
		return typemap.NoCounterpart, nil
	})
}

func planEnum(s *spec, t *typeName, _ version) error {
	labels := map[string]bool{}
	if len(t.args) == 0 {
		return fmt.Errorf("an %s lists its labels: %s('label' = 1, …)", t.name, t.name)
	}
	for _, a := range t.args {
		if a.kind != argLabel {
			return fmt.Errorf("an %s lists its labels: %s('label' = 1, …)", t.name, t.name)
		}
		labels[a.label] = true
	}
	for _, l := range s.meaning.Labels {
		if !labels[l] {
			s.edge("the label "+l, "")
		}
	}
	s.edge("a label that is added later", "")
	s.checkedText(t.args[0].label, func(text []byte) bool { return labels[string(text)] })
	return nil
}
