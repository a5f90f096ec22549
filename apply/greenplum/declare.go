package greenplum

import (
	"strconv"

	"github.com/pgsluice/pgsluice/change"
)

// declare writes a type of the target's catalog as a column is declared with it.
func (s *server) declare(t *change.Type, f typeFact) string {
	if t.Extension != "" {
		// What its modifiers mean the extension says itself; see [plan.consult].
		return quoted(f.schema, t.Name)
	}
	switch {
	case t.Modifier < 0 && (t.Name == "bpchar" || t.Name == "bit"):
		// Their names in SQL would mean a length of 1.
		return change.AlwaysQuote(t.Name)
	case t.Name == "interval":
		return "interval" + intervalModifier(t.Modifier)
	}
	return t.Declared()
}

// The fields of an interval, as its modifier counts them (src/include/utils/
// datetime.h), where the modifier is fields << 16 | digits.
const (
	monthField  = 1 << 1
	yearField   = 1 << 2
	dayField    = 1 << 3
	hourField   = 1 << 10
	minuteField = 1 << 11
	secondField = 1 << 12

	allDigits = 0xFFFF
)

var intervalFields = map[int32]string{
	yearField: " year", monthField: " month", dayField: " day", hourField: " hour", minuteField: " minute", secondField: " second",
	yearField | monthField:                           " year to month",
	dayField | hourField:                             " day to hour",
	dayField | hourField | minuteField:               " day to minute",
	dayField | hourField | minuteField | secondField: " day to second",
	hourField | minuteField:                          " hour to minute",
	hourField | minuteField | secondField:            " hour to second",
	minuteField | secondField:                        " minute to second",
}

// intervalModifier prints what intervaltypmodout does.
func intervalModifier(modifier int32) string {
	if modifier < 0 {
		return ""
	}
	fields := intervalFields[modifier>>16&0x7FFF]
	if digits := modifier & allDigits; digits != allDigits {
		return fields + "(" + strconv.Itoa(int(digits)) + ")"
	}
	return fields
}
