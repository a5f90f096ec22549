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
	s.edge("anything but an object, a path that is there twice, a whole number beyond Int64 and UInt64, half a surrogate pair", "")
	s.checkedText("{}", jsonFits)
	return exactArgs(t, 0)
}

// jsonDepth is how deep the server's parser goes, roughly: simdjson's own limit
// is 1024.
const jsonDepth = 1000

// jsonFits says whether ClickHouse reads a text that PostgreSQL has taken for
// JSON. Otherwise it would refuse the whole block, and not say which row.
func jsonFits(text []byte) bool {
	if hasLoneSurrogate(text) {
		return false
	}
	w := jsonWalk{json.NewDecoder(bytes.NewReader(text))}
	w.UseNumber()
	first, err := w.Token()
	return err == nil && first == json.Delim('{') && w.object("", map[string]bool{}, 1)
}

type jsonWalk struct{ *json.Decoder }

// object reads the members of an object whose brace has been read. seen are the
// paths that lead to values: the server keeps one value for each, and makes no
// difference between {"a": {"b": 1}} and {"a.b": 1}.
func (w jsonWalk) object(path string, seen map[string]bool, depth int) bool {
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
		if !w.value(name, seen, depth) {
			return false
		}
	}
	_, err := w.Token()
	return err == nil
}

func (w jsonWalk) value(path string, seen map[string]bool, depth int) bool {
	if depth > jsonDepth {
		return false
	}
	token, err := w.Token()
	if err != nil {
		return false
	}
	if token == json.Delim('{') {
		return w.object(path, seen, depth+1)
	}
	if seen[path] {
		return false
	}
	seen[path] = true
	switch v := token.(type) {
	case json.Delim:
		return w.array(depth + 1)
	case json.Number:
		return numberFits(string(v))
	}
	return true
}

// array reads the elements of an array whose bracket has been read. Objects in
// it have paths of their own.
func (w jsonWalk) array(depth int) bool {
	for w.More() {
		if !w.value("", map[string]bool{}, depth) {
			return false
		}
	}
	_, err := w.Token()
	return err == nil
}

func numberFits(s string) bool {
	if strings.ContainsAny(s, ".eE") {
		f, err := strconv.ParseFloat(s, 64)
		return err == nil && !math.IsInf(f, 0)
	}
	if strings.HasPrefix(s, "-") {
		_, err := strconv.ParseInt(s, 10, 64)
		return err == nil
	}
	_, err := strconv.ParseUint(s, 10, 64)
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
