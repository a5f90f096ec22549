package apply_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pgsluice/pgsluice/apply"
)

func TestShadowsOfLongNamesAreToldApart(t *testing.T) {
	width := func(s string) int { return len(s) }
	seen := map[string]string{}
	for _, name := range []string{
		"t", "T", strings.Repeat("x", 49), strings.Repeat("x", 50), strings.Repeat("x", 62) + "1", strings.Repeat("x", 62) + "2",
		strings.Repeat("ü", 31), strings.Repeat("ü", 30) + "u1", strings.Repeat("語", 21), "x" + strings.Repeat("語", 20),
	} {
		shadow := apply.ShadowName(name, 63, width)
		if len(shadow) > 63 || !utf8.ValidString(shadow) || !strings.HasSuffix(shadow, "__pgsluice_new") {
			t.Errorf("the shadow of %s is %s, of %d bytes", name, shadow, len(shadow))
		}
		if other, taken := seen[shadow]; taken {
			t.Errorf("%s and %s have one shadow, %s", name, other, shadow)
		}
		seen[shadow] = name
		if again := apply.ShadowName(name, 63, width); again != shadow {
			t.Errorf("the shadow of %s is %s, and then %s", name, shadow, again)
		}
	}
}
