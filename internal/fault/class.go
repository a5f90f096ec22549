package fault

import (
	"errors"
	"strconv"
	"strings"
)

// Policy says what becomes of a run that meets an error of a class.
type Policy uint8

// The policies.
const (
	// PolicyRetry ends the attempt; the next one begins after a pause. Pauses grow
	// to half a minute, with a random part, and there is no last attempt.
	PolicyRetry Policy = iota + 1
	// PolicyAwait is PolicyRetry for what somebody has to mend. Before a run has
	// moved anything it is a precondition that is not met.
	PolicyAwait
	// PolicyPark stops the table that the error is about. An error that is not
	// about a table stops the pipeline.
	PolicyPark
	// PolicyStop stops the pipeline.
	PolicyStop
	// PolicyPrecondition stops the pipeline, and says by the exit status that the
	// server has to be made ready first.
	PolicyPrecondition
)

var policyWords = [...]string{
	PolicyRetry: "tries again", PolicyAwait: "tries again; at a start it ends with 3", PolicyPark: "parks the table",
	PolicyStop: "stops with 1", PolicyPrecondition: "stops with 3",
}

// String says it as the documentation does.
func (p Policy) String() string { return policyWords[p] }

// Server says whose answer an error is.
type Server uint8

// The kinds of server. Family is a target of the PostgreSQL family.
const (
	Source Server = 1 << iota
	Family
	ClickHouse

	anyPostgres = Source | Family
	anyServer   = anyPostgres | ClickHouse
)

// side is what messages call a server.
func (s Server) side() string {
	if s == Source {
		return "source"
	}
	return "target"
}

// Class is a sort of trouble. All of them are in one table: [Classes].
type Class struct {
	// Name is one word for logs and metrics.
	Name string
	// What says what has happened, and what is done about it, for people.
	What   string
	Policy Policy
	// Remedy is what to do; {side} stands for source or target. For ClickHouse
	// another one may stand.
	Remedy, ClickHouseRemedy string
	signs                    []sign
}

// sign is how a server's error shows of which class it is.
type sign struct {
	on Server
	// code is a SQLSTATE, or the two letters that it begins with, or a number of
	// ClickHouse's; empty for an error that is not a server's answer.
	code string
	// text is a part of the message; empty for any.
	text string
}

func codes(on Server, all ...string) []sign {
	signs := make([]sign, len(all))
	for i, code := range all {
		signs[i] = sign{on: on, code: code}
	}
	return signs
}

func texts(on Server, code string, all ...string) []sign {
	signs := make([]sign, len(all))
	for i, text := range all {
		signs[i] = sign{on, code, text}
	}
	return signs
}

func signs(all ...[]sign) (joined []sign) {
	for _, some := range all {
		joined = append(joined, some...)
	}
	return joined
}

// fits says how well the sign fits an error: the better, the higher; 0 not at all.
func (s sign) fits(on Server, code, text string) int {
	score := 1
	switch {
	case s.on&on == 0, s.text != "" && !strings.Contains(text, s.text):
		return 0
	case s.code == code && code != "":
		score += 2
	case s.code != "" && (on == ClickHouse || len(s.code) != 2 || !strings.HasPrefix(code, s.code)):
		return 0
	case s.code == "" && code != "":
		return 0
	}
	if s.text != "" {
		score += 4
	}
	return score
}

// Of finds the class of an error. code is the SQLSTATE, or ClickHouse's number;
// empty when the error is not the server's answer, and then the class is nil
// where the text is not known either.
func Of(on Server, code, text string) *Class {
	var found *Class
	best := 0
	for i := range Classes {
		for _, s := range Classes[i].signs {
			if score := s.fits(on, code, text); score > best {
				found, best = &Classes[i], score
			}
		}
	}
	if found == nil && code != "" {
		return &unknown
	}
	return found
}

// OfNumber is [Of] for ClickHouse's codes.
func OfNumber(code int, text string) *Class { return Of(ClickHouse, strconv.Itoa(code), text) }

// RemedyOn is what to do about it on a server of the kind.
func (c *Class) RemedyOn(on Server) string {
	if on == ClickHouse && c.ClickHouseRemedy != "" {
		return c.ClickHouseRemedy
	}
	return strings.ReplaceAll(c.Remedy, "{side}", on.side())
}

// Judge gives an error the class's verdict and remedy.
func (c *Class) Judge(err error, on Server) error { return c.JudgeWith(err, c.RemedyOn(on)) }

// JudgeWith does so with a remedy that says more than the class's own.
func (c *Class) JudgeWith(err error, remedy string) error {
	if err == nil {
		return nil
	}
	verdicts := [...]class{
		PolicyRetry: retryable, PolicyAwait: awaited, PolicyPark: permanent, PolicyStop: permanent, PolicyPrecondition: unmet,
	}
	return &Error{Err: err, Class: c, Remedy: remedy, class: verdicts[c.Policy]}
}

// ClassOf is the class of an error that was judged by one, the outermost; nil
// where there is none.
func ClassOf(err error) *Class {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return nil
		}
		if e.Class != nil {
			return e.Class
		}
		err = e.Err
	}
	return nil
}

// Lost judges an error that is about the connection and not a server's answer.
func Lost(err error, on Server) error {
	c := Of(on, "", err.Error())
	if c == nil {
		c = &Classes[0]
	}
	return c.Judge(err, on)
}
