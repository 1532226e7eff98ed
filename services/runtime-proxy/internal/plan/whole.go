package plan

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDigits is how long a whole number may become that was written with an exponent.
const maxDigits = 40

// wholeNumber returns a number without a fraction and an exponent, if it is whole, else
// as it is. "1e3" is an integer by JSON Schema, and none to most programs that read one.
func wholeNumber(v jsontext.Value) jsontext.Value {
	if !bytes.ContainsAny(v, ".eE") {
		return v
	}
	plain, negative := strings.CutPrefix(string(v), "-")
	mantissa, exponent := plain, 0
	if at := strings.IndexAny(plain, "eE"); at >= 0 {
		n, err := strconv.Atoi(plain[at+1:])
		if err != nil || n > maxDigits || n < -maxDigits {
			return v
		}
		mantissa, exponent = plain[:at], n
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits, point := whole+fraction, len(whole)+exponent
	if point > maxDigits || len(digits) > maxDigits {
		return v
	}
	digits += strings.Repeat("0", max(point-len(digits), 0))
	if strings.Trim(digits[max(point, 0):], "0") != "" {
		return v
	}
	out := strings.TrimLeft(digits[:max(point, 0)], "0")
	switch {
	case out == "":
		out = "0"
	case negative:
		out = "-" + out
	}
	return jsontext.Value(out)
}

// isInteger reports whether a JSON number has no fraction: "7", "-7.0", "7e2" and "1.5e1"
// have none.
func isInteger(v jsontext.Value) bool {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(string(v), "-")), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimRight(whole+fraction, "0")
	if digits == "" {
		return true // zero, with any exponent
	}
	n := 0
	if exponent != "" {
		var err error
		if n, err = strconv.Atoi(exponent); err != nil {
			return !strings.HasPrefix(exponent, "-")
		}
	}
	return len(whole)+n >= len(digits)
}

// maxNumber is how long a number may be, in bytes: more than that is an attempt to keep
// somebody busy.
const maxNumber = 1000

// notHoldable says what is wrong with a number that is not holdable.
const notHoldable = "is a number beyond what programs can hold (about 1e308, or 1e-324 from zero)"

// holdable reports whether a JSON number is one to most programs, which read numbers as
// IEEE 754 has them in 64 bits: neither infinite there, nor zero without being it.
func holdable(number string) bool {
	const harmless = 15 // digits
	if len(number) <= harmless && !strings.ContainsAny(number, "eE") {
		return true
	}
	if len(number) > maxNumber {
		return false
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return false
	}
	mantissa, _, _ := strings.Cut(strings.ToLower(number), "e")
	return f != 0 || strings.Trim(mantissa, "-0.") == ""
}

// mayBeWritten reports whether some number in JSON text may have a fraction or an
// exponent. It takes texts for numbers.
func mayBeWritten(v jsontext.Value) bool {
	for i := 1; i < len(v); i++ {
		if c := v[i]; (c == '.' || c == 'e' || c == 'E') && '0' <= v[i-1] && v[i-1] <= '9' {
			return true
		}
	}
	return false
}
