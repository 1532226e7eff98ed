package plan

import (
	"strings"
	"time"
)

// impossible reports whether a text is a date, or a date and a time, in the extended
// form of ISO 8601 ("2026-01-31", "2026-01-31T09:30:00.5+02:00" and what lies between)
// that no calendar or clock has. A space may stand for the "T".
func impossible(text string) bool {
	const day = len(time.DateOnly)
	if len(text) < day || !looksLike(text[:day], "0000-00-00") {
		return false
	}
	_, err := time.Parse(time.DateOnly, text[:day])
	rest := text[day:]
	if rest == "" {
		return err != nil
	}
	if !strings.ContainsRune("Tt ", rune(rest[0])) {
		return false
	}
	clock, offset := rest[1:], ""
	if at := strings.IndexAny(clock, "Zz+-"); at >= 0 {
		clock, offset = clock[:at], clock[at:]
	}
	seconds, fraction, fractional := strings.Cut(clock, ".")
	if fractional && (len(fraction) == 0 || strings.Trim(fraction, "0123456789") != "") {
		return false
	}
	if !(looksLike(seconds, "00:00:00") || !fractional && looksLike(seconds, "00:00")) || !isOffset(offset) {
		return false
	}
	return err != nil || !onTheClock(seconds) || !onTheGlobe(offset)
}

// onTheClock reports whether a day has such a time: up to the leap second, or 24:00 for
// its end.
func onTheClock(clock string) bool {
	hour, rest, _ := strings.Cut(clock, ":")
	minute, second, _ := strings.Cut(rest, ":")
	if hour == "24" {
		return strings.Trim(rest, "0:") == ""
	}
	return hour < "24" && minute < "60" && second <= "60"
}

// onTheGlobe reports whether an offset is one of RFC 3339: hours and minutes of a day.
func onTheGlobe(offset string) bool {
	if offset == "" || offset[0] == 'Z' || offset[0] == 'z' {
		return true
	}
	hours, minutes := offset[1:3], strings.TrimPrefix(offset[3:], ":")
	return hours < "24" && minutes < "60"
}

func isOffset(text string) bool {
	switch {
	case text == "" || text == "Z" || text == "z":
		return true
	case text[0] != '+' && text[0] != '-':
		return false
	}
	return looksLike(text[1:], "00:00") || looksLike(text[1:], "0000") || looksLike(text[1:], "00")
}

// looksLike reports whether text has a digit for each 0 of the form, and else the same.
func looksLike(text, form string) bool {
	if len(text) != len(form) {
		return false
	}
	for i := range len(form) {
		isDigit := '0' <= text[i] && text[i] <= '9'
		if form[i] == '0' && !isDigit || form[i] != '0' && text[i] != form[i] {
			return false
		}
	}
	return true
}
