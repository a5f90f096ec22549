package integration

import "testing"

// TestATargetThatIsTheSourceIsRefused: emptied as a target, it would be gone as a
// source.
func TestATargetThatIsTheSourceIsRefused(t *testing.T) {
	onFamilyOfEveryMajor(t, 12, func(s *scene) {
		s.exec(`CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 10)`)
		both := []string{"--name", s.name, "--source", s.sourceDSN(), "--target", s.sourceDSN(), "--table", "public.*", "--existing", "truncate"}
		for command, code := range map[string]int{"load": 2, "run": 2, "plan": 2, "check": 3} {
			s.pgsluice(append([]string{command}, both...)...).exits(code, "the target is the source")
		}
		s.is("rows", s.ask(`SELECT count(*) FROM t`), "10")
	})
}
