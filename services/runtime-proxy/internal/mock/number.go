package mock

import (
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// number makes the smallest positive number that is allowed, or the largest
// negative one; the next ones for others.
func number(list []member, whole bool, other int) jsontext.Value {
	step, nudge := numberOf(get(list, "multipleOf"), 0), 0.5
	if whole {
		step = max(math.Ceil(step), 1)
	}
	if step > 0 {
		nudge = step
	}
	low := boundOf(list, "minimum", "exclusiveMinimum", math.Inf(-1), nudge)
	high := boundOf(list, "maximum", "exclusiveMaximum", math.Inf(1), -nudge)
	value := min(max(1, low), high)
	if step > 0 {
		up, down := math.Ceil(value/step)*step, math.Floor(value/step)*step
		if value = up; up > high {
			value = down
		}
	}
	if next := float64(other) * max(step, 1); value+next <= high {
		value += next
	} else {
		value -= next
	}
	if math.IsInf(value, 0) || math.IsNaN(value) {
		value = 1 // bounds that no number keeps
	}
	return jsontext.Value(strconv.FormatFloat(value, 'f', -1, 64))
}

// boundOf returns a bound that may be reached: an exclusive one, a flag in old
// drafts and a number in new ones, is moved by nudge.
func boundOf(list []member, plain, exclusive string, fallback, nudge float64) float64 {
	bound := numberOf(get(list, plain), fallback)
	open := get(list, exclusive)
	if open.Kind() == '0' {
		return numberOf(open, fallback) + nudge
	}
	if open.Kind() == 't' {
		return bound + nudge
	}
	return bound
}
