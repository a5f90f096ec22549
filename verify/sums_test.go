package verify

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
)

// rowsOf are images of rows with a key of two columns, the second of them first.
func rowsOf(n int) [][]byte {
	var rows [][]byte
	for i := range n {
		image := apply.AppendValue(nil, fmt.Append(nil, i%7))
		image = apply.AppendNull(image)
		rows = append(rows, apply.AppendValue(image, fmt.Append(nil, "row ", i)))
	}
	return rows
}

func summed(source, target [][]byte) *sums {
	s, h := newSums(int64(len(source))), newHashes()
	k := newKeyed([]int{0, 1, 2}, []int{2, 0})
	for _, side := range []struct {
		rows   [][]byte
		target bool
	}{{source, false}, {target, true}} {
		to := &summing{&adder{of: s, target: side.target}, h}
		for _, image := range side.rows {
			_ = to.take(row{image: image, key: k.of(image)})
		}
		to.end()
	}
	return s
}

func TestEqualRowsInAnyOrderSumToNothing(t *testing.T) {
	source := rowsOf(20000)
	target := slices.Clone(source)
	rand.Shuffle(len(target), func(i, j int) { target[i], target[j] = target[j], target[i] })
	if n := summed(source, target).dirty().n; n != 0 {
		t.Errorf("%d buckets are not zero", n)
	}
}

func TestARowThatIsNotTheSameShowsInItsBucketAlone(t *testing.T) {
	source := rowsOf(20000)
	other := append(slices.Clone(source[11][:len(source[11])-1]), 'x')
	for what, c := range map[string]struct {
		target [][]byte
		dirty  int
	}{
		"missing":  {source[1:], 1},
		"repeated": {append(slices.Clone(source), source[5]), 1},
		// Twice more: an XOR would not show it.
		"repeated twice": {append(slices.Clone(source), source[5], source[5]), 1},
		"another key":    {append(append(slices.Clone(source[:11]), other), source[12:]...), 2},
	} {
		if n := summed(source, c.target).dirty().n; n != c.dirty {
			t.Errorf("%s: %d buckets are not zero, want %d", what, n, c.dirty)
		}
	}
}

func TestAKeyIsItsColumnsInTheKeysOrder(t *testing.T) {
	image := rowsOf(10)[9]
	want := string(apply.AppendValue(apply.AppendValue(nil, []byte("row 9")), []byte("2")))
	if got := newKeyed([]int{0, 1, 2}, []int{2, 0}).of(image); string(got) != want {
		t.Errorf("the key is %q, want %q", got, want)
	}
	// Column 4 is not in the images.
	if got := newKeyed([]int{0, 3, 5}, []int{5}).of(image); string(got) != want[:9] {
		t.Errorf("the key is %q, want %q", got, want[:9])
	}
	if got := newKeyed([]int{0, 1, 2}, nil).of(image); string(got) != string(image) {
		t.Errorf("without a key it is %q, and not the row", got)
	}
}

func TestOfTheBucketsAsManyAreKeptAsCanBeHeld(t *testing.T) {
	p := &places{bits: make([]uint64, 4)}
	for _, i := range []int{0, 63, 64, 65, 130, 200} {
		p.bits[i/64] |= 1 << (i % 64)
		p.n++
	}
	if p.keep(6) || p.n != 6 {
		t.Errorf("all six can be kept, and %d are", p.n)
	}
	if !p.keep(3) || p.n != 3 {
		t.Errorf("three are to be kept, and %d are", p.n)
	}
	left := 0
	for i := range uint64(256) {
		if p.has(i) {
			left++
		}
	}
	if left != 3 {
		t.Errorf("%d are left", left)
	}
}
