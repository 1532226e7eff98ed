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
