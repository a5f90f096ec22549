package greenplum

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pgsluice/pgsluice/internal/postgres"
)

// product is what a server calls itself.
type product string

const (
	postgreSQL product = "PostgreSQL"
	greenplum  product = "Greenplum"
	cloudberry product = "Cloudberry"
	analyticDB product = "AnalyticDB for PostgreSQL"
	relative   product = "a relative of Greenplum"
)

// server is what the target's server is, as it was when the target was opened.
// It does not change, and any goroutine may read it. What differs between servers
// is decided by its methods, and nowhere else.
type server struct {
	product product
	// release is the product's own version, such as 6.24.3; number is
	// PostgreSQL's, as server_version_num has it: 90426.
	release        string
	number         int
	database, user string
	// role is gp_role, empty where there is none.
	role     string
	encoding string
	// floatDatetimes: times are floating-point numbers there, which no send
	// function of a source writes.
	floatDatetimes bool
	// standby and readOnly: nothing can be written.
	standby, readOnly bool
	// xml: values of the type can be read. A server can be built without.
	xml bool
	catalog
}

const serverSQL = `SELECT version(), current_setting('server_version_num')::int, current_database()::text, current_user::text,
	current_setting('server_encoding'), current_setting('integer_datetimes') <> 'on', pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',
	coalesce((SELECT setting FROM pg_catalog.pg_settings WHERE name = 'gp_role'), ''),
	EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relname = 'gp_distribution_policy' AND n.nspname = 'pg_catalog')`

// detect asks the server what it is.
func detect(ctx context.Context, conn *pgx.Conn) (*server, error) {
	s := &server{}
	var version string
	var distributes bool
	err := conn.QueryRow(ctx, serverSQL).Scan(&version, &s.number, &s.database, &s.user,
		&s.encoding, &s.floatDatetimes, &s.standby, &s.readOnly, &s.role, &distributes)
	if err != nil {
		return nil, err
	}
	s.product, s.release = productOf(version, distributes)
	if s.xml, err = readsXML(ctx, conn); err != nil {
		return nil, err
	}
	return s, s.read(ctx, conn)
}

// names are what version() says of itself, the more particular first: relatives
// of Greenplum name Greenplum as well.
var names = []struct {
	product product
	release *regexp.Regexp
}{
	{analyticDB, regexp.MustCompile(`(?i)(?:AnalyticDB|adbpg)[^0-9)]*([0-9][0-9.]*)?`)},
	{cloudberry, regexp.MustCompile(`Cloudberry(?: Database)? ([0-9][0-9.]*)`)},
	{greenplum, regexp.MustCompile(`Greenplum Database ([0-9][0-9.]*)`)},
}

// productOf reads version(), like
//
//	PostgreSQL 9.4.26 (Greenplum Database 6.24.3 build …) on x86_64-…
//	PostgreSQL 14.4 (Apache Cloudberry 2.0.0-incubating build …) on x86_64-…
//
// and the catalog has the last word on whether rows are distributed at all.
func productOf(version string, distributes bool) (p product, release string) {
	own, _, _ := strings.Cut(strings.TrimPrefix(version, "PostgreSQL "), " ")
	if !distributes {
		return postgreSQL, own
	}
	for _, n := range names {
		if m := n.release.FindStringSubmatch(version); m != nil {
			return n.product, strings.TrimSuffix(m[1], ".")
		}
	}
	return relative, ""
}

const featureNotSupported = "0A000"

func readsXML(ctx context.Context, conn *pgx.Conn) (bool, error) {
	_, err := conn.Exec(ctx, "SELECT '<a/>'::pg_catalog.xml")
	var undefined bool
	if code := postgres.Code(err); code == featureNotSupported || code == undefinedObject {
		undefined = true
	}
	if err != nil && !undefined {
		return false, fmt.Errorf("ask whether it reads xml: %w", err)
	}
	return err == nil, nil
}

const undefinedObject = "42704"

// distributes says whether rows lie on several nodes, by the values of columns.
func (s *server) distributes() bool { return s.product != postgreSQL }

// version names the server for people.
func (s *server) version() string {
	own := s.postgreSQLVersion()
	if !s.distributes() {
		return string(s.product) + " " + own
	}
	return strings.TrimSpace(string(s.product)+" "+s.release) + " (PostgreSQL " + own + ")"
}

func (s *server) postgreSQLVersion() string {
	if s.number >= 100000 {
		return fmt.Sprintf("%d.%d", s.number/10000, s.number%10000)
	}
	return fmt.Sprintf("%d.%d.%d", s.number/10000, s.number/100%100, s.number%100)
}

// The oldest servers that are known to have all that is relied upon.
const (
	oldestPostgreSQL = 120000
	oldestRelative   = 90400 // Greenplum 6
)

var errTooOld = errors.New("too old")

// supported says what is wrong with the server's age.
func (s *server) supported() error {
	if !s.distributes() && s.number < oldestPostgreSQL {
		return fmt.Errorf("%s is %w: PostgreSQL 12 and later are served", s.version(), errTooOld)
	}
	if s.number < oldestRelative {
		return fmt.Errorf("%s is %w: Greenplum 6 and later are served", s.version(), errTooOld)
	}
	return nil
}

// hasAccessMethods says whether the storage of a table is named by USING, and not
// by WITH alone: from PostgreSQL 12 on, and so from Greenplum 7.
func (s *server) hasAccessMethods() bool { return s.number >= 120000 }

// addValueInTransaction says whether an enum can be given a label in a
// transaction.
func (s *server) addValueInTransaction() bool { return s.number >= 120000 }

// uniqueAppendOptimised says whether append-optimised tables can have a primary
// key: from Greenplum 7 and Cloudberry 1.5 on, which are PostgreSQL 12 and 14.
func (s *server) uniqueAppendOptimised() bool { return s.number >= 120000 }

// widerNumerics says whether numeric takes a scale that is negative, or above its
// precision.
func (s *server) widerNumerics() bool { return s.number >= 150000 }

// infiniteNumerics, infiniteIntervals and phrases say whether the types hold
// these values: ±infinity, and the operator <-> of tsquery.
func (s *server) infiniteNumerics() bool  { return s.number >= 140000 }
func (s *server) infiniteIntervals() bool { return s.number >= 170000 }
func (s *server) phrases() bool           { return s.number >= 90600 }

// identitySQL, computedSQL, indexKeySQL and externalSQL are expressions over the
// system tables, which have grown: of pg_attribute a, pg_index i and pg_class c.
func (s *server) identitySQL() string {
	if s.number >= 100000 {
		return "a.attidentity"
	}
	return "''"
}

func (s *server) computedSQL() string {
	if s.number >= 120000 {
		return "a.attgenerated <> '' OR a.attidentity = 'a'"
	}
	return "false"
}

// The columns that an index only includes are not of its key.
func (s *server) indexKeySQL() string {
	if s.number >= 110000 {
		return "(i.indkey::int2[])[0:i.indnkeyatts - 1]"
	}
	return "i.indkey"
}

// Greenplum 6 counts external tables among the ordinary ones.
func (s *server) externalSQL() string {
	if s.distributes() && !s.hasAccessMethods() {
		return "c.relstorage IN ('x', 'f', 'v')"
	}
	return "false"
}

// octalChars says that charin reads \303, which charout then writes. Older servers
// take the backslash.
func (s *server) octalChars() bool { return s.number >= 160000 }

// emptyLabels says that an enum can have one. Greenplum 6 cannot tell its segments of
// it, and to add one later ends a segment's process.
func (s *server) emptyLabels() bool { return !s.distributes() || s.number >= 120000 }
