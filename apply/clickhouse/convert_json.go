package clickhouse

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

func planJSON(s *spec, t *typeName, _ version) error {
	s.edge("anything but an object, a path that is there twice or on the way to another, a whole number beyond Int64 and UInt64, one of more than 53 bits beside a fraction in an array, half a surrogate pair", "")
	s.checkedText("{}", jsonFits)
	return exactArgs(t, 0)
}

// jsonDepth is how deep the server's parser goes, roughly: simdjson's own limit
// is 1024.
const jsonDepth = 1000

// jsonFits says whether ClickHouse reads a text that PostgreSQL has taken for
// JSON, and reads again what it prints of it, as it has to when a row is written
// anew whose JSON PostgreSQL did not send. Otherwise it would refuse the whole
// block, and not say which row.
func jsonFits(text []byte) bool {
	if hasLoneSurrogate(text) {
		return false
	}
	w := &jsonWalk{Decoder: json.NewDecoder(bytes.NewReader(text))}
	w.UseNumber()
	first, err := w.Token()
	return err == nil && first == json.Delim('{') && w.object("", newPaths(), 1)
}

// jsonPaths are the paths of one object: the server keeps one value for each,
// and makes no difference between {"a": {"b": 1}} and {"a.b": 1}.
type jsonPaths struct{ values, levels map[string]bool }

func newPaths() jsonPaths { return jsonPaths{map[string]bool{}, map[string]bool{}} }

// add notes a path that leads to a value; false when there is one already, or
// when one of the two lies on the way to the other.
func (p jsonPaths) add(path string) bool {
	if p.values[path] || p.levels[path] {
		return false
	}
	p.values[path] = true
	for i := range len(path) {
		if path[i] != '.' {
			continue
		}
		if p.values[path[:i]] {
			return false
		}
		p.levels[path[:i]] = true
	}
	return true
}

type jsonWalk struct {
	*json.Decoder
	// numbers are those of the array at hand: with a fraction among them all
	// become Float64.
	numbers struct{ inArray, fractions, long bool }
}

// object reads the members of an object whose brace has been read.
func (w *jsonWalk) object(path string, seen jsonPaths, depth int) bool {
	outside := w.numbers
	w.numbers.inArray = false
	defer func() { w.numbers = outside }()
	members := map[string]bool{}
	for w.More() {
		key, err := w.Token()
		name, ok := key.(string)
		if err != nil || !ok || members[name] {
			return false
		}
		members[name] = true
		if depth > 1 || path != "" {
			name = path + "." + name
		}
		if !w.member(name, seen, depth) {
			return false
		}
	}
	_, err := w.Token()
	return err == nil
}

func (w *jsonWalk) member(path string, seen jsonPaths, depth int) bool {
	token, err := w.Token()
	if err != nil || depth > jsonDepth {
		return false
	}
	if token == json.Delim('{') {
		return w.object(path, seen, depth+1)
	}
	return seen.add(path) && w.value(token, depth)
}

// array reads the elements of an array whose bracket has been read. Objects in
// it have paths of their own.
func (w *jsonWalk) array(depth int) bool {
	outermost := !w.numbers.inArray
	if outermost {
		w.numbers.inArray, w.numbers.fractions, w.numbers.long = true, false, false
	}
	for w.More() {
		token, err := w.Token()
		if err != nil || depth > jsonDepth {
			return false
		}
		ok := false
		if token == json.Delim('{') {
			ok = w.object("", newPaths(), 1)
		} else {
			ok = w.value(token, depth)
		}
		if !ok {
			return false
		}
	}
	_, err := w.Token()
	if outermost {
		w.numbers.inArray = false
		return err == nil && !(w.numbers.fractions && w.numbers.long)
	}
	return err == nil
}

func (w *jsonWalk) value(token json.Token, depth int) bool {
	switch v := token.(type) {
	case json.Delim:
		return v == '[' && w.array(depth+1)
	case json.Number:
		return w.number(string(v))
	}
	return true
}

// number: whole ones have to fit Int64 or UInt64. A fraction that is whole and
// large is printed without a point, and has to fit as such; from 1e21 on it is
// printed with an exponent.
func (w *jsonWalk) number(s string) bool {
	const printedPlain = 1e21
	if strings.ContainsAny(s, ".eE") {
		f, err := strconv.ParseFloat(s, 64)
		w.numbers.fractions = true
		return err == nil && (f < 1<<64 && f >= math.MinInt64 || math.Abs(f) >= printedPlain)
	}
	var size uint64
	var err error
	if strings.HasPrefix(s, "-") {
		var v int64
		v, err = strconv.ParseInt(s, 10, 64)
		size = uint64(-v)
	} else {
		size, err = strconv.ParseUint(s, 10, 64)
	}
	w.numbers.long = w.numbers.long || size > 1<<53
	return err == nil
}

// hasLoneSurrogate looks for an escape of half a character, which json takes in
// PostgreSQL and which is no text.
func hasLoneSurrogate(text []byte) bool {
	pending := false // a high half came just before
	for i := 0; i < len(text); {
		if text[i] != '\\' || i+1 == len(text) {
			if pending {
				return true
			}
			i++
			continue
		}
		if text[i+1] != 'u' || i+6 > len(text) {
			if pending {
				return true
			}
			i += 2
			continue
		}
		var unit [2]byte
		if _, err := hex.Decode(unit[:], text[i+2:i+6]); err != nil {
			return true
		}
		high, low := unit[0]&0xfc == 0xd8, unit[0]&0xfc == 0xdc
		if low != pending {
			return true
		}
		pending = high
		i += 6
	}
	return pending
}
