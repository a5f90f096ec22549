package integration

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// comparedColumn is a column and the expressions for its text.
type comparedColumn struct {
	name, typ, elem string // base types' names, without schema; elem for arrays
	oid             uint32 // of the type as it is declared, and its modifier
	modifier        int32
	digits          int // behind the point, of a numeric that is a Decimal there; else -1
}

// inPostgres is the value's canonical text in PostgreSQL.
func (c comparedColumn) inPostgres() string {
	name := quoteSQL(c.name)
	if c.elem != "" {
		// ClickHouse has no NULL array.
		return fmt.Sprintf("(SELECT '[' || coalesce(string_agg(coalesce(%s, 'NULL'), ', ' ORDER BY n), '') || ']' FROM unnest(%s) WITH ORDINALITY u(e, n))",
			postgresText(c.elem, "e"), name)
	}
	return postgresText(c.typ, name)
}

func postgresText(typ, e string) string {
	switch typ {
	case "bool":
		return e + "::int::text"
	case "float4":
		return "encode(float4send(" + e + "), 'hex')"
	case "float8":
		return "encode(float8send(" + e + "), 'hex')"
	case "money":
		return e + "::numeric::numeric(21,2)::text"
	case "bytea":
		return "encode(" + e + ", 'hex')"
	case "pg_lsn": // a number there
		return "(" + e + " - '0/0')::text"
	case "timestamp", "timestamptz":
		return "to_char(" + e + ", 'YYYY-MM-DD HH24:MI:SS.US')"
	case "time":
		return "to_char(" + e + "::interval, 'HH24:MI:SS.US')"
	case "bpchar":
		return "rpad(" + e + "::text, octet_length(" + e + ") - octet_length(" + e + "::text) + length(" + e + "::text))"
	default: // a cast to text is not always what is printed: it adds /32 to an inet
		return "CASE WHEN " + e + " IS DISTINCT FROM NULL THEN format('%s', " + e + ") END"
	}
}

// inClickHouse is the same text in ClickHouse.
func (c comparedColumn) inClickHouse() string {
	name := quoteClickHouse(c.name)
	if c.elem != "" {
		return fmt.Sprintf("concat('[', arrayStringConcat(arrayMap(e -> ifNull(%s, 'NULL'), %s), ', '), ']')", c.clickHouseText(c.elem, "e"), name)
	}
	return c.clickHouseText(c.typ, name)
}

func (c comparedColumn) clickHouseText(typ, e string) string {
	switch typ {
	case "numeric", "money":
		if c.digits >= 0 {
			return fmt.Sprintf("toDecimalString(%s, %d)", e, c.digits)
		}
		return "toString(" + e + ")"
	case "bool":
		return "toString(CAST(" + e + " AS Nullable(UInt8)))"
	case "float4":
		return "lower(leftPad(hex(reinterpretAsUInt32(" + e + ")), 8, '0'))"
	case "float8":
		return "lower(leftPad(hex(reinterpretAsUInt64(" + e + ")), 16, '0'))"
	case "bytea":
		return "lower(hex(" + e + "))"
	default:
		return "toString(" + e + ")"
	}
}

func quoteSQL(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// underSettings is what the texts of PostgreSQL depend on.
const underSettings = `SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'iso_8601'; SET extra_float_digits = 3; SET lc_monetary = 'C'; SET search_path = pg_catalog`

// columnsOf lists the columns of a table that are to be compared. Domains are
// followed to what they are over, arrays to their elements.
func columnsOf(ctx context.Context, conn *pgx.Conn, table string) ([]comparedColumn, error) {
	// An error of the query is in rows too.
	rows, _ := conn.Query(ctx, `
		WITH RECURSIVE under AS (
		  SELECT a.attnum, a.attname, a.atttypid AS declared, a.atttypid AS oid, a.atttypmod AS given, a.atttypmod AS modifier, false AS element FROM pg_attribute a
		  WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped
		  UNION ALL
		  SELECT u.attnum, u.attname, u.declared, CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END, u.given,
		         CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE u.modifier END, u.element OR t.typtype <> 'd'
		  FROM under u JOIN pg_type t ON t.oid = u.oid WHERE t.typtype = 'd' OR t.typcategory = 'A' AND t.typlen = -1
		)
		SELECT u.attname::text, u.declared, t.typname::text, u.element, u.given, u.modifier
		FROM under u JOIN pg_type t ON t.oid = u.oid
		WHERE t.typtype <> 'd' ORDER BY u.attnum, u.element`, table)
	var columns []comparedColumn
	var name, typ string
	var oid uint32
	var element bool
	var given, modifier int32
	_, err := pgx.ForEachRow(rows, []any{&name, &oid, &typ, &element, &given, &modifier}, func() error {
		if element {
			columns[len(columns)-1].elem = typ
		} else {
			columns = append(columns, comparedColumn{name: name, typ: typ, oid: oid, modifier: given})
		}
		c := &columns[len(columns)-1]
		c.digits = -1
		switch {
		case typ == "money":
			c.digits = 2
		case modifier >= 4 && (modifier-4)>>16 <= 76: // precision << 16 | scale, 11 bits with a sign
			c.digits = max(0, int((modifier-4)&0x7ff^1024)-1024)
		}
		return nil
	})
	return columns, err
}
