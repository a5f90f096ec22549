package postgres

import (
	"testing"

	"github.com/pgsluice/pgsluice/change"
)

func TestTheLogEndsBeforeThePageHeaderThatFollows(t *testing.T) {
	const page, segment = 8192, 16 << 20
	cases := []struct {
		name         string
		insert, want change.LSN
	}{
		{"inside a page", 0x3000100, 0x3000100},
		{"behind a segment's first header", 0x3000028, 0x3000000},
		{"behind a page's header", 0x3002018, 0x3002000},
		{"at a page's beginning", 0x3002000, 0x3002000},
		{"inside a page, as far as a segment's header is long", 0x3002028, 0x3002028},
		{"inside a segment's header", 0x3000018, 0x3000018},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := recordsEnd(c.insert, page, segment); got != c.want {
				t.Errorf("%s for %s, want %s", got, c.insert, c.want)
			}
		})
	}
}
