package integration

import "testing"

// A partition that is made and filled after the look at its table, and before the
// point that the table is copied at, is in neither's rows.
func TestAPartitionThatComesWhileTheSlotIsMade(t *testing.T) {
	onNewest(t, func(s *scene) {
		s.exec(`CREATE TABLE r (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); CREATE TABLE r1 PARTITION OF r FOR VALUES FROM (0) TO (100);
			INSERT INTO r VALUES (1, 'first'); CREATE TABLE other (id int PRIMARY KEY)`)
		open := s.connect(s.name)
		s.execOn(open, `BEGIN; INSERT INTO other VALUES (1)`)
		r := s.start()
		s.eventually("the slot is being made", func() bool {
			return s.ask(`SELECT count(*) FROM pg_replication_slots WHERE slot_name = '%s'`, s.slot()) == "1"
		})
		s.exec(`CREATE TABLE r2 PARTITION OF r FOR VALUES FROM (100) TO (200)`)
		s.exec(`INSERT INTO r VALUES (101, 'second')`)
		s.execOn(open, `COMMIT`)
		r.streaming()
		s.exec(`INSERT INTO r VALUES (2, 'third'), (102, 'fourth')`)
		r.here()
		s.equal("r", "other")
		r.halt()
	})
}

// While a table is a partition its rows come as those of the other; it is that for
// a moment that no look into the catalog falls into.
func TestATableThatIsAPartitionForAWhile(t *testing.T) {
	onEveryMajor(t, 13, func(s *scene) {
		s.exec(`CREATE TABLE r (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id); CREATE TABLE p (id int PRIMARY KEY, v text); INSERT INTO p VALUES (1, 'own')`)
		while := `ALTER TABLE r ATTACH PARTITION p FOR VALUES FROM (0) TO (1000); INSERT INTO r VALUES (%d, 'as another''s'); UPDATE r SET v = 'also' WHERE id = 1; ALTER TABLE r DETACH PARTITION p`
		s.catchUp()
		s.exec("BEGIN; "+while+"; COMMIT", 2)
		s.catchUp()
		s.equal("p")
		r := s.start().streaming()
		s.exec("BEGIN; "+while+"; COMMIT", 3)
		s.eventuallyEqual("p")
		r.halt()
	})
}
