package apply

import "testing"

func TestPoliciesAreReadByTheWordsTheyPrint(t *testing.T) {
	for _, p := range []Policy{Fail, MakeNull, Clamp} {
		if q, err := ParsePolicy(p.String()); q != p || err != nil {
			t.Errorf("%v is read as %v, %v", p, q, err)
		}
	}
	if _, err := ParsePolicy("ignore"); err == nil {
		t.Error("an unknown word is no error")
	}
	if got := Policy(9).String(); got != "Policy(9)" {
		t.Errorf("an unknown policy is called %s", got)
	}
}
