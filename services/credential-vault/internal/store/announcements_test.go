package store_test

import (
	"slices"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

func TestEveryAnnouncedChangeHasAnIDOfItsOwn(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		c := connection("crm")
		insert(t, s, c)
		for range 2 { // a test result changes no etag
			c.Change++
			if err := s.Replace(t.Context(), core.Write{Connection: c}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Remove(t.Context(), core.Write{Connection: c}); err != nil {
			t.Fatal(err)
		}
		seen := announced(t, engine)
		slices.Sort(seen)
		if len(slices.Compact(slices.Clone(seen))) != 4 {
			t.Errorf("the bus would take some for repetitions: %q", seen)
		}
	})
}
