package document

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// scalar returns a YAML scalar as JSON has it. What JSON has no literal for
// stays text: dates, binary data, infinities.
func scalar(y *yaml.Node) (Kind, string) {
	switch y.ShortTag() {
	case "!!null":
		return Null, "null"
	case "!!bool":
		var b bool
		if y.Decode(&b) == nil {
			return Bool, strconv.FormatBool(b)
		}
	case "!!int", "!!float":
		if text, ok := number(y.Value); ok {
			return Number, text
		}
	}
	return String, y.Value
}

// number returns a YAML number as a JSON literal, with its own digits where JSON
// allows them.
func number(text string) (string, bool) {
	if literal := jsontext.Value(text); literal.Kind() == '0' && literal.IsValid() {
		return text, true
	}
	plain := strings.ReplaceAll(text, "_", "")
	if i, ok := new(big.Int).SetString(plain, 0); ok && len(plain) <= 64 {
		return i.String(), true
	}
	f, err := strconv.ParseFloat(plain, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return "", false
	}
	return strconv.FormatFloat(f, 'g', -1, 64), true
}
