package conformance_test

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"
)

// number returns one whose text would change if it went through a float.
func (g generator) number(f facts, nth int) (any, bool) {
	whole := f.kind() == "integer"
	candidates := map[mode][]string{
		required: {"7"}, plain: {"42"}, tricky: {"9007199254740993", "2147483647"}, edges: {"0"},
	}[g.mode]
	if !whole {
		candidates = map[mode][]string{
			required: {"7"}, plain: {"1.10"}, tricky: {"12345678.000000001", "1.50"}, edges: {"0", "-0.5"},
		}[g.mode]
	}
	if g.doc.strict && whole && g.mode == tricky {
		candidates[0] = "9007199254740991" // the largest that every JavaScript program has
	}
	if f.object["format"] == "int32" {
		candidates = candidates[len(candidates)-1:]
	}
	candidates = append(slices.Clone(candidates), "0", "1", "2", "5", "10", "50", "100", "1000", "0.5", "0.1", "1.5", "-1", "10000000")
	for _, key := range []string{"minimum", "maximum", "multipleOf", "default", "example"} {
		if n, ok := f.object[key].(json.Number); ok {
			candidates = append(candidates, n.String())
			if r, ok := new(big.Rat).SetString(n.String()); ok && r.IsInt() {
				candidates = append(candidates, new(big.Int).Add(r.Num(), big.NewInt(1)).String(), new(big.Int).Sub(r.Num(), big.NewInt(1)).String())
			}
		}
	}
	for i := range candidates {
		one := candidates[(i+nth)%len(candidates)]
		if f.allowsNumber(one, whole) {
			return json.Number(one), true
		}
	}
	return nil, false
}

func (f facts) allowsNumber(number string, whole bool) bool {
	value, ok := new(big.Rat).SetString(number)
	if !ok || whole && strings.ContainsAny(number, ".eE") {
		return false
	}
	bound := func(key string) *big.Rat {
		n, _ := f.object[key].(json.Number)
		r, ok := new(big.Rat).SetString(n.String())
		if !ok {
			return nil
		}
		return r
	}
	low, high, step := bound("minimum"), bound("maximum"), bound("multipleOf")
	for key, side := range map[string]int{"exclusiveMinimum": -1, "exclusiveMaximum": 1} {
		if r := bound(key); r != nil && value.Cmp(r) != -side {
			return false
		}
	}
	switch {
	case low != nil && (value.Cmp(low) < 0 || value.Cmp(low) == 0 && truth(f.object["exclusiveMinimum"])):
		return false
	case high != nil && (value.Cmp(high) > 0 || value.Cmp(high) == 0 && truth(f.object["exclusiveMaximum"])):
		return false
	case step != nil && step.Sign() > 0 && !new(big.Rat).Quo(value, step).IsInt():
		return false
	}
	return true
}
