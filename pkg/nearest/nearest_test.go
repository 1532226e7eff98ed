package nearest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/nearest"
)

func TestTheNearestNames(t *testing.T) {
	names := []string{"info", "servers", "operations", "schemas", "security_schemes", "parameter_sets", "policies", "getItem"}
	for _, row := range []struct {
		name, wanted string
		want         []string
	}{
		{"a letter too few", "operatons", []string{"operations"}},
		{"a letter too many", "serverss", []string{"servers"}},
		{"two letters swapped", "polciies", []string{"policies"}},
		{"another case", "GetItem", []string{"getItem"}},
		{"a part of it", "security", []string{"security_schemes"}},
		{"more than it", "schemas_of_items", []string{"schemas"}},
		{"nothing like it", "zzzzzz", nil},
		{"nothing", "", nil},
		{"the very name", "info", []string{"info"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := nearest.To(row.wanted, names); !slices.Equal(got, row.want) {
				t.Errorf("To(%q) = %q, want %q", row.wanted, got, row.want)
			}
		})
	}
}

func TestAtMostThreeNamesEachOnce(t *testing.T) {
	got := nearest.To("item", []string{"items", "item1", "item2", "items", "item", "ITEM"})
	if want := []string{"item", "ITEM", "items"}; !slices.Equal(got, want) {
		t.Errorf("To = %q, want %q", got, want)
	}
}

func TestLongNamesAndManyAreNoTrouble(t *testing.T) {
	names := make([]string, 50_000)
	for i := range names {
		names[i] = strings.Repeat("x", 40) + fmt.Sprint(i)
	}
	if got := nearest.To(strings.Repeat("x", 1<<16), names); len(got) != 3 {
		t.Errorf("To = %q", got)
	}
}

func TestWhatIsSaidOfANameThatIsNotKnown(t *testing.T) {
	names := []string{"api_key", "region", "user", "users"}
	for wanted, want := range map[string]string{
		"api_kye":  `; did you mean "api_key"?`,
		"API_KEY":  `; did you mean "api_key"?`,
		"usr":      `; did you mean "user"?`,
		"userz":    `; did you mean "user" or "users"?`,
		"password": "",
		"":         "",
	} {
		if got := nearest.Hint(wanted, names); got != want {
			t.Errorf("%q: got %q, want %q", wanted, got, want)
		}
	}
}

func TestTheFirstEightNamesOfARequestGetAHint(t *testing.T) {
	var hints nearest.Hints
	compared := 0
	for range 20_000 {
		if hints.Next() {
			compared++
		}
	}
	if compared != 8 {
		t.Errorf("%d names get a hint", compared)
	}
}
