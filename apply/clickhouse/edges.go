package clickhouse

import (
	"github.com/pgsluice/pgsluice/apply"
	"github.com/pgsluice/pgsluice/typemap"
)

// adjust finishes a value that lies outside what the column can hold: put has
// appended the nearest there is.
func (c *column) adjust(edge typemap.Edge, err error) error {
	if err != nil {
		return err
	}
	switch c.policy {
	case apply.Clamp:
		switch edge {
		case typemap.NaN, typemap.WrongDimensions, typemap.NullValue, typemap.NoCounterpart:
			return &edgeError{edge, c.policy, c.spec}
		default: // the nearest is there
		}
		if c.nullable {
			c.nulls = append(c.nulls, 0)
		}
		c.rows++
	case apply.MakeNull:
		if !c.nullable && (c.shape <= shapeString || !c.mayBeNull || c.inside) {
			return &edgeError{edge, c.policy, c.spec}
		}
		if c.shape == shapeFixed {
			c.data = c.data[:len(c.data)-c.width]
		}
		c.appendDefault() // what is counted is the edge
	default:
		return &edgeError{edge, c.policy, c.spec}
	}
	c.adjusted[edge]++
	return nil
}

// limit brings v into the column's range. An infinity stays what it was called.
func (c *column) limit(v int64, edge typemap.Edge) (int64, typemap.Edge) {
	switch {
	case v > c.limits.hi:
		v = c.limits.hi
		if edge == typemap.Fits {
			edge = typemap.TooLarge
		}
	case v < c.limits.lo:
		v = c.limits.lo
		if edge == typemap.Fits {
			edge = typemap.TooSmall
		}
	}
	return v, edge
}

// adjustments calls report for every reason since the last call, elements of
// arrays included, and starts again at zero.
func (c *column) adjustments(report func(column, reason string, n int64)) {
	for i, n := range c.adjusted {
		if n > 0 {
			report(c.source, c.reasonName(i), n)
			c.adjusted[i] = 0
		}
	}
	c.below(func(part *column) { part.adjustments(report) })
}

// uncount forgets the adjustments of values that were not sent.
func (c *column) uncount() {
	c.adjusted = [reasons]int64{}
	c.below((*column).uncount)
}
