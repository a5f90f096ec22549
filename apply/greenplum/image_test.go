package greenplum

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/pgsluice/pgsluice/apply"
)

// imagesOf reads what COPY sends in messages of so many bytes.
func imagesOf(t *testing.T, textual bool, size int, data []byte) (images []string) {
	t.Helper()
	of := &comparison{plan: &plan{textual: textual}, arrays: []bool{false, false}}
	of.Take(0)
	of.Take(1)
	r := &rows{
		of: of,
		each: func(image []byte) error {
			images = append(images, string(image))
			return nil
		},
	}
	for part := range slices.Chunk(data, size) {
		if _, err := r.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.pending) > 0 {
		t.Errorf("%d bytes are left over", len(r.pending))
	}
	return images
}

func TestRowsAreReadWhereverMessagesEnd(t *testing.T) {
	field := func(s string) []byte { return apply.AppendValue(nil, []byte(s)) }
	first := string(slices.Concat(field("a"), apply.AppendNull(nil)))
	second := string(slices.Concat(field(""), field("b\t\\N\n")))
	binaryForm := slices.Concat(copySignature, []byte{0, 2}, []byte(first), []byte{0, 2}, []byte(second), []byte{0xff, 0xff})
	textForm := []byte("a\t\\N\n" + "\tb\\t\\\\N\\n\n")
	for size := 1; size < 40; size++ {
		for _, form := range []struct {
			textual bool
			data    []byte
		}{{false, binaryForm}, {true, textForm}} {
			if got := imagesOf(t, form.textual, size, form.data); !slices.Equal(got, []string{first, second}) {
				t.Errorf("in messages of %d bytes, text %v: %q", size, form.textual, got)
			}
		}
	}
}

func TestAnArraysMarkOfNULLsCountsWhereThereIsOne(t *testing.T) {
	array := func(flag uint32, elements ...[]byte) []byte {
		var b []byte
		for _, n := range []uint32{1, flag, 23, uint32(len(elements)), 1} {
			b = binary.BigEndian.AppendUint32(b, n)
		}
		return apply.AppendValue(nil, slices.Concat(append([][]byte{b}, elements...)...))
	}
	one, null := apply.AppendValue(nil, []byte{0, 0, 0, 1}), apply.AppendNull(nil)
	c := &comparison{arrays: []bool{true}}
	for _, p := range []struct{ sent, want []byte }{
		{array(1, one, one), array(0, one, one)},
		{array(0, one), array(0, one)},
		{array(1, one, null), array(1, one, null)},
		{null, null},
	} {
		got := slices.Clone(p.sent)
		if c.settleArray(0, got); !slices.Equal(got, p.want) {
			t.Errorf("%x became %x, want %x", p.sent, got, p.want)
		}
	}
}
