package document

import (
	"math/big"
	"strings"
)

// literals are the words that JSON does not know and that can only mean one
// thing. What is no number has no literal of its own.
var literals = map[string]string{
	"None": "null", "nil": "null", "undefined": "null", "Null": "null", "NULL": "null", "NaN": "null",
	"Infinity": "null", "+Infinity": "null", "-Infinity": "null",
	"True": "true", "TRUE": "true", "False": "false", "FALSE": "false",
}

// scalar reads a number, a literal, or what somebody wrote instead of them.
func (r *jsonReader) scalar(depth int) (Kind, string, error) {
	from := r.at
	if c := r.peek(); c == '\'' {
		r.note(JSONSingleQuotes, from)
		return String, r.text('\''), nil
	}
	for r.at < len(r.s) && isWord(r.s[r.at]) {
		r.at++
	}
	word := r.s[from:r.at]
	switch word {
	case "true", "false":
		return Bool, word, nil
	case "null":
		return Null, word, nil
	case "":
		return Invalid, "", r.unexpected(from)
	}
	if isNumber(word) {
		return Number, word, nil
	}
	if depth == 0 {
		return Invalid, "", r.broken("an object or an array is expected", from)
	}
	if meant, ok := literals[word]; ok {
		r.note(JSONLiteral, from)
		if meant == "null" {
			return Null, meant, nil
		}
		return Bool, meant, nil
	}
	if number, ok := repairNumber(word); ok {
		r.note(JSONNumber, from)
		return Number, number, nil
	}
	return r.word(from)
}

func (r *jsonReader) unexpected(at int) error {
	if at == len(r.s) {
		return r.broken("the file ends too early", at)
	}
	return r.broken("a value is expected", at)
}

// word reads text without quotes. It ends where a value can end and nowhere
// else: anything longer may be meant in several ways.
func (r *jsonReader) word(from int) (Kind, string, error) {
	if c := r.s[from]; isDigit(c) || c == '-' || c == '+' || c == '.' {
		if strings.IndexByte("-+.", c) >= 0 || !strings.ContainsAny(r.s[from:r.at], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-") {
			return Invalid, "", r.broken("the number is not valid", from)
		}
	}
	text := r.s[from:r.at]
	rest := strings.TrimLeft(r.s[r.at:min(r.at+64, len(r.s))], " \t")
	if rest != "" && strings.IndexByte(",}]\r\n/#", rest[0]) < 0 {
		return Invalid, "", r.broken("a value in quotes is expected", from)
	}
	r.note(JSONUnquotedText, from)
	return String, text, nil
}

// isNumber reports whether text is a number as RFC 8259, section 6, has it.
func isNumber(text string) bool {
	i := 0
	if text[0] == '-' {
		i++
	}
	first := i
	i = digits(text, i)
	if i == first || (text[first] == '0' && i > first+1) {
		return false
	}
	if i < len(text) && text[i] == '.' {
		start := i + 1
		if i = digits(text, start); i == start {
			return false
		}
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		start := i
		if i = digits(text, start); i == start {
			return false
		}
	}
	return i == len(text)
}

// digits returns the offset after the digits that start at i.
func digits(text string, i int) int {
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	return i
}

// repairNumber returns the number that was meant by one with a plus sign, with
// leading zeros, in hexadecimal, or without digits before or after its point.
func repairNumber(text string) (string, bool) {
	sign := ""
	switch text[0] {
	case '-':
		sign, text = "-", text[1:]
	case '+':
		text = text[1:]
	}
	if hex, ok := strings.CutPrefix(strings.ToLower(text), "0x"); ok && len(hex) <= 32 {
		i, valid := new(big.Int).SetString(hex, 16)
		if !valid || strings.ContainsAny(hex, "+-_") {
			return "", false
		}
		return sign + i.String(), true
	}
	mantissa, exponent := text, ""
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, exponent = text[:i], text[i:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole == "" && fraction == "" {
		return "", false
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	number := sign + whole + exponent
	return number, isNumber(number)
}
