package definition_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// at follows a JSON pointer.
func at(value any, pointer string) (any, bool) {
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" {
			break
		}
		switch v := value.(type) {
		case map[string]any:
			one, ok := v[strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")]
			if !ok {
				return nil, false
			}
			value = one
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			value = v[i]
		default:
			return nil, false
		}
	}
	return value, true
}

// Definitions of random values contradict themselves in many places. Every place
// that is named is there, or what misses it is.
func TestViolationsPointIntoTheDefinition(t *testing.T) {
	count := 0
	for seed := range uint64(200) {
		def := &connectorv1.Definition{}
		filled(rand.New(rand.NewPCG(seed, 4)), def.ProtoReflect())
		text, err := definition.Marshal(def)
		if err != nil {
			t.Fatal(err)
		}
		all := values(t, text)
		for _, v := range fault.From(definition.Validate(def)).Violations() {
			count++
			_, there := at(all, v.Field)
			_, parent := at(all, v.Field[:strings.LastIndexByte(v.Field, '/')])
			if !there && !parent {
				t.Errorf("%d: nothing is at %s: %s", seed, v.Field, v.Description)
			}
		}
	}
	if count < 1000 {
		t.Errorf("only %d violations", count)
	}
}

// A definition that is valid stays valid when it is written and read, and one that
// is not is wrong in the same places.
func TestTheFormChangesNoViolation(t *testing.T) {
	for seed := range uint64(100) {
		def := &connectorv1.Definition{}
		filled(rand.New(rand.NewPCG(seed, 5)), def.ProtoReflect())
		text, err := definition.Marshal(def)
		if err != nil {
			t.Fatal(err)
		}
		before, after := pointers(t, definition.Validate(def)), pointers(t, definition.Validate(parse(t, string(text))))
		if strings.Join(before, " ") != strings.Join(after, " ") {
			t.Errorf("%d: violations at %q, and then at %q", seed, before, after)
		}
	}
}
