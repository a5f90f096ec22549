package integration

import (
	"slices"
	"strings"
)

// sample is a type, the column it becomes, and values with what ClickHouse
// prints for them. The table of samples is written by hand: nothing in it comes
// from what it is to judge.
type sample struct {
	typ    string // as a column is declared with it
	since  int    // the first major that knows the type, or takes the values
	column string
	form   form
	values [][2]string
	// beyond are values that a column of this type does not hold: the decoders
	// have to read them all the same.
	beyond []string
	// single: no array of it is made.
	single bool
	// held is the first of the PostgreSQL family, as server_version_num has it,
	// that holds the values; 0 where all do, never where not in every form.
	held int
}

// form is how values are sent where the binary form is asked for.
type form uint8

const (
	sentBinary form = iota
	sentText        // PostgreSQL has no binary form of it, and sends text among the others
	readAsText      // its binary form is not read: what holds it is asked for as text
)

// samples are all of them, by family.
var samples = slices.Concat(numberSamples, numericSamples, textSamples, documentSamples, momentSamples, placeSamples,
	rangeSamples, arraySamples, madeSamples, ownSamples, extensionSamples, catalogSamples)

const text = "Nullable(String)"

// same are values that both sides print alike.
func same(values ...string) [][2]string {
	pairs := make([][2]string, len(values))
	for i, v := range values {
		pairs[i] = [2]string{v, v}
	}
	return pairs
}

// words are the same, divided by spaces.
func words(list string) [][2]string { return same(strings.Fields(list)...) }

// printed are values, each before what is printed for it.
func printed(list ...string) [][2]string {
	var pairs [][2]string
	for pair := range slices.Chunk(list, 2) {
		pairs = append(pairs, [2]string{pair[0], pair[1]})
	}
	return pairs
}

func both(lists ...[][2]string) [][2]string { return slices.Concat(lists...) }

// literals are what PostgreSQL is given.
func (s *sample) literals() []string {
	list := make([]string, 0, len(s.values)+len(s.beyond))
	for _, v := range s.values {
		list = append(list, v[0])
	}
	return append(list, s.beyond...)
}

// arrayColumn is the column that an array of the type becomes.
func (s *sample) arrayColumn() string {
	elem := s.column
	if inner, ok := strings.CutPrefix(elem, "LowCardinality("); ok {
		elem = strings.TrimSuffix(inner, ")")
	}
	return "Array(" + elem + ")"
}

// arrayForm: an array of values without a binary form has a binary form that
// PostgreSQL cannot make.
func (s *sample) arrayForm() form {
	if s.form == sentText {
		return readAsText
	}
	return s.form
}

// samplesSetup creates what the samples need.
const samplesSetup = `
CREATE SCHEMA tv; CREATE SCHEMA own; CREATE SCHEMA "Sch ema.""x";
CREATE EXTENSION hstore SCHEMA tv; CREATE EXTENSION ltree SCHEMA tv; CREATE EXTENSION citext SCHEMA tv; CREATE EXTENSION cube SCHEMA tv;
CREATE EXTENSION seg SCHEMA tv; CREATE EXTENSION isn SCHEMA tv; CREATE EXTENSION lo SCHEMA tv; CREATE EXTENSION intarray SCHEMA tv;
CREATE TYPE tv.mood AS ENUM ('sad', 'so, so', 'a "happy" one', 'NULL', '', 'back\slash', 'ä');
CREATE DOMAIN tv.amount AS numeric(10,2);
CREATE DOMAIN tv.price AS tv.amount CHECK (VALUE IS NULL OR VALUE > -100000000 OR VALUE = 'NaN');
CREATE DOMAIN tv.cost AS tv.price DEFAULT 1;
CREATE DOMAIN tv.boxed AS box;
CREATE DOMAIN tv.numbers AS int[];
CREATE DOMAIN tv.grid AS int[][] CHECK (array_ndims(VALUE) = 2);
CREATE DOMAIN tv.named AS tv.numbers;
CREATE DOMAIN tv.feeling AS tv.mood;
CREATE DOMAIN tv.code AS char(4) CHECK (VALUE ~ '^[A-Z]');
CREATE DOMAIN tv.label AS varchar(10) COLLATE "C";
CREATE DOMAIN tv.moment AS timestamptz(3);
CREATE DOMAIN tv.span AS int4range;
CREATE DOMAIN tv.class AS regclass;
CREATE TYPE tv.pair AS (a int, b text);
CREATE DOMAIN tv.positive AS tv.pair CHECK ((VALUE).a IS NULL OR (VALUE).a > 0);
CREATE TYPE tv.nest AS (p tv.pair, f float8, n tv.amount, t timestamptz, l text[], y bytea, m tv.mood, c "char", j jsonb);
CREATE TYPE tv.deep AS (n tv.nest, list tv.pair[], pos tv.positive);
CREATE TYPE tv.parts AS (r int4range, i interval, b bit(3), d date, u uuid, o boolean, "Quo""ted, name" real, net inet);
CREATE TYPE tv.bag AS (h tv.hstore, t tv.citext, l tv.ltree);
CREATE TYPE tv.one AS (a text);
CREATE TYPE tv.none AS ();
CREATE TYPE tv.shut AS (a int, r regclass);
CREATE TABLE tv.altered (a int, b text, c date, d text);
ALTER TABLE tv.altered DROP COLUMN b, ADD e numeric(6,1);
CREATE TYPE tv.float8range AS RANGE (subtype = float8);
CREATE TYPE tv.textrange AS RANGE (subtype = text);
CREATE TYPE tv.pricerange AS RANGE (subtype = tv.price);
CREATE TYPE "Sch ema.""x"."Ty pe" AS ENUM ('A b', 'c"d', 'e''f');
CREATE TYPE "Sch ema.""x"."Co.mp" AS ("x y" int, "z""" "Sch ema.""x"."Ty pe");
CREATE DOMAIN "Sch ema.""x"."do main" AS "Sch ema.""x"."Ty pe";
` + ownTypes

// ownTypes are base types of the user's own, made of functions that the server
// has: of text, of a fixed size, with and without a binary form, and some that
// are only called like those of extensions.
const ownTypes = `
CREATE TYPE own.note;
CREATE FUNCTION own.note_in(cstring) RETURNS own.note AS 'textin' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION own.note_out(own.note) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE own.note (INPUT = own.note_in, OUTPUT = own.note_out, LIKE = text);
-- What a cast makes of a value is not the value.
CREATE FUNCTION own.said(own.note) RETURNS text AS $$ SELECT 'a cast' $$ LANGUAGE sql IMMUTABLE STRICT;
CREATE CAST (own.note AS text) WITH FUNCTION own.said(own.note);
CREATE TYPE own.sent;
CREATE FUNCTION own.sent_in(cstring) RETURNS own.sent AS 'textin' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION own.sent_out(own.sent) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION own.sent_send(own.sent) RETURNS bytea AS 'textsend' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE own.sent (INPUT = own.sent_in, OUTPUT = own.sent_out, SEND = own.sent_send, LIKE = text);
CREATE TYPE own.small;
CREATE FUNCTION own.small_in(cstring) RETURNS own.small AS 'int2in' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION own.small_out(own.small) RETURNS cstring AS 'int2out' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE own.small (INPUT = own.small_in, OUTPUT = own.small_out, LIKE = int2);
CREATE TYPE own.hstore;
CREATE FUNCTION own.hstore_in(cstring) RETURNS own.hstore AS 'textin' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION own.hstore_out(own.hstore) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION own.hstore_send(own.hstore) RETURNS bytea AS 'textsend' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE own.hstore (INPUT = own.hstore_in, OUTPUT = own.hstore_out, SEND = own.hstore_send, LIKE = text);
CREATE TYPE own.geometry;
CREATE FUNCTION own.geometry_in(cstring) RETURNS own.geometry AS 'point_in' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION own.geometry_out(own.geometry) RETURNS cstring AS 'point_out' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE own.geometry (INPUT = own.geometry_in, OUTPUT = own.geometry_out, LIKE = point);
CREATE TYPE own.vector AS ENUM ('[1,2]', '{3}');
CREATE TYPE own.halfvec AS (x real, y real);
CREATE DOMAIN own.citext AS int;
CREATE TYPE own.ltree AS RANGE (subtype = date);
CREATE TYPE own.text AS ENUM ('a', 'b');
CREATE DOMAIN own.int4 AS text;
CREATE TYPE own.notes AS (n own.note, s own.small);
`

func (s *sample) known(major int) bool { return major >= s.since }
