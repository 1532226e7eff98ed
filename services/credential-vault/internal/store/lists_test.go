package store_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

// several are connections of three owners, whose names are beginnings of each
// other, to three connectors, whose ids are too.
func several(t *testing.T, s *store.Store) {
	t.Helper()
	insert(t, s,
		belonging("b", "ann", "crm"), belonging("a", "ann", "crm-2"), belonging("d", "anna", "crm"),
		belonging("c", "an", "erp"), belonging("e", "ann", "crm"), belonging("a-1", "ann", "erp"),
	)
	elsewhere := belonging("z", "ann", "crm")
	elsewhere.Name.Environment = "default-2"
	insert(t, s, elsewhere)
}

func ids(conns []core.Connection) []string {
	var out []string
	for _, c := range conns {
		out = append(out, c.Name.ID)
	}
	return out
}

func TestListingsFollowTheirFilterInTheOrderOfIDs(t *testing.T) {
	for title, c := range map[string]struct {
		query core.ConnectionQuery
		want  []string
	}{
		"all":                                  {core.ConnectionQuery{}, []string{"a", "a-1", "b", "c", "d", "e"}},
		"one owner's":                          {core.ConnectionQuery{Owner: "ann"}, []string{"a", "a-1", "b", "e"}},
		"an owner whose name begins another's": {core.ConnectionQuery{Owner: "an"}, []string{"c"}},
		"one connector's":                      {core.ConnectionQuery{Connector: "crm"}, []string{"b", "d", "e"}},
		"one owner's to one connector":         {core.ConnectionQuery{Owner: "ann", Connector: "crm"}, []string{"b", "e"}},
		"after one that exists":                {core.ConnectionQuery{After: "a-1"}, []string{"b", "c", "d", "e"}},
		"after one that was deleted":           {core.ConnectionQuery{Owner: "ann", After: "aa"}, []string{"b", "e"}},
		"after the last":                       {core.ConnectionQuery{Connector: "crm", After: "e"}, nil},
		"nobody's":                             {core.ConnectionQuery{Owner: "eve"}, nil},
	} {
		t.Run(title, func(t *testing.T) {
			onEveryEngine(t, func(t *testing.T, engine kv.Store) {
				s := open(engine)
				several(t, s)
				c.query.Environment, c.query.Limit = "default", 100
				got, next, err := s.Connections(t.Context(), c.query)
				if err != nil || next != "" {
					t.Fatalf("next is %q, %v", next, err)
				}
				if diff := cmp.Diff(c.want, ids(got)); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestPagesTogetherAreTheListing(t *testing.T) {
	for _, filter := range []core.ConnectionQuery{{}, {Owner: "ann"}, {Connector: "crm"}, {Owner: "ann", Connector: "crm"}} {
		for limit := 1; limit <= 7; limit++ {
			t.Run(fmt.Sprintf("%s %s by %d", filter.Owner, filter.Connector, limit), func(t *testing.T) {
				onEveryEngine(t, func(t *testing.T, engine kv.Store) {
					s := open(engine)
					several(t, s)
					q := filter
					q.Environment, q.Limit = "default", 100
					want, _, err := s.Connections(t.Context(), q)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(ids(want), pages(t, s, q, limit)); diff != "" {
						t.Error(diff)
					}
				})
			})
		}
	}
}

// pages reads a listing page by page.
func pages(t *testing.T, s *store.Store, q core.ConnectionQuery, limit int) (all []string) {
	t.Helper()
	q.Limit = limit
	for {
		conns, next, err := s.Connections(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(conns) > limit || next != "" && len(conns) < limit {
			t.Fatalf("a page of %d has %d entries and goes on at %q", limit, len(conns), next)
		}
		all = append(all, ids(conns)...)
		if next == "" {
			return all
		}
		q.After = next
	}
}
