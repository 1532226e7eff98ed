package diff_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/ferrule-dev/ferrule/services/registry/internal/diff"
)

// cleared calls f once for every field that a message has, without it, and puts
// it back.
func cleared(m protoreflect.Message, path string, f func(path string)) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !m.Has(fd) {
			continue
		}
		at := path + "." + string(fd.Name())
		kept := m.New()
		kept.Set(fd, m.Get(fd))
		m.Clear(fd)
		f(strings.TrimPrefix(at, "."))
		m.Set(fd, kept.Get(fd))
		switch v := m.Get(fd); {
		case fd.IsMap() || fd.Kind() != protoreflect.MessageKind:
		case fd.IsList():
			for i := range v.List().Len() {
				cleared(v.List().Get(i).Message(), at, f)
			}
		default:
			cleared(v.Message(), at, f)
		}
	}
}

// Whatever is removed from a definition, or comes back, has a word of its own,
// but for what is listed here.
func TestEverythingThatIsRemovedIsNoticed(t *testing.T) {
	whole, part := parse(t, base), parse(t, base)
	silent := map[string]bool{}
	cleared(part.ProtoReflect(), "", func(path string) {
		for _, d := range []*diff.Diff{compare(t, whole, part), compare(t, part, whole)} {
			if d.Total == 0 {
				t.Errorf("%s is not noticed", path)
			} else if d.Changes[0].Code == "texts-changed" {
				silent[path] = true
			}
		}
	})
	want := []string{
		"operations.parameters.required",                   // there is a default
		"operations.trigger", "operations.trigger.polling", // no valid trigger lacks them
		"schemas.json", "schemas.name", // nobody refers to one of them
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(silent))); diff != "" {
		t.Errorf("parts without a word of their own (-want +got):\n%s", diff)
	}
	if !proto.Equal(whole, part) {
		t.Error("not everything was put back")
	}
}

// Changes of one row of the table and of another are found together: one does not
// hide the other.
func TestTwoChangesAreBothFound(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		a, b := kinds[r.IntN(len(kinds))], kinds[r.IntN(len(kinds))]
		once := strings.Replace(base, a.from, a.to, 1)
		if strings.Count(once, b.from) != 1 || strings.Contains(a.want, "texts-changed") || strings.Contains(b.want, "texts-changed") || a.name == b.name {
			continue // they overlap
		}
		if !strings.Contains(strings.Replace(once, b.from, b.to, 1), a.to) {
			continue
		}
		d := compare(t, parse(t, base), parse(t, strings.Replace(once, b.from, b.to, 1)))
		codes := map[string]bool{}
		for _, c := range d.Changes {
			codes[strings.TrimSpace(impactName(c.Impact)+" "+c.Code+" "+c.OperationID)] = true
		}
		// What changes the operation as a whole may leave nothing to compare in it.
		for _, row := range []string{a.want, b.want} {
			if !codes[row] && !strings.Contains(a.want+b.want, "operation-id-changed") && !strings.Contains(a.want+b.want, "parameter-set-removed") {
				t.Errorf("%q and %q: no %q in %v", a.name, b.name, row, slices.Sorted(maps.Keys(codes)))
			}
		}
	}
}

// Every change that is seen one way is seen the other way; what is compatible
// there and back changes nothing that callers rely on.
func TestEveryChangeIsAlsoSeenOnTheWayBack(t *testing.T) {
	for _, row := range kinds {
		old, fresh := parse(t, base), parse(t, strings.Replace(base, row.from, row.to, 1))
		there, back := compare(t, old, fresh), compare(t, fresh, old)
		if there.Total == 0 || back.Total == 0 {
			t.Errorf("%s: %d changes there, %d back", row.name, there.Total, back.Total)
		}
		if (there.Changes[0].Code == "texts-changed") != (back.Changes[0].Code == "texts-changed") {
			t.Errorf("%s: %q there, %q back", row.name, there.Changes[0].Code, back.Changes[0].Code)
		}
		for _, d := range []*diff.Diff{there, back} {
			breaking := 0
			for _, c := range d.Changes {
				if c.Impact == diff.Breaking {
					breaking++
				}
			}
			if breaking != d.Breaking || len(d.Changes) != d.Total {
				t.Errorf("%s: %d of %d changes break, counted as %d of %d", row.name, breaking, len(d.Changes), d.Breaking, d.Total)
			}
		}
	}
}
