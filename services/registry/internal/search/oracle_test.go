package search

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// syllables make words that share beginnings.
var syllables = []string{"ac", "bo", "ca", "Da", "él", "fo", "Gu", "hi"}

func randomName(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(3) {
		b.WriteString(syllables[r.IntN(len(syllables))])
	}
	return b.String()
}

func randomText(r *rand.Rand, most int) string {
	var words []string
	for range r.IntN(most + 1) {
		words = append(words, randomName(r))
	}
	return strings.Join(words, []string{" ", "-", "_"}[r.IntN(3)])
}

func pick(r *rand.Rand, most int, from ...string) []string {
	var list []string
	for range r.IntN(most + 1) {
		list = append(list, from[r.IntN(len(from))])
	}
	return list
}

func randomEntry(r *rand.Rand, id string) Entry {
	e := Entry{
		Environment: "e", Connector: id, Revision: fmt.Sprint(r.IntN(100)), Title: randomText(r, 2), Description: randomText(r, 4),
		Publisher: randomText(r, 1), Format: []string{"openapi2", "openapi3"}[r.IntN(2)], Categories: pick(r, 2, "x", "Y", "z"),
		Keywords: pick(r, 2, "key", "word"), Tags: pick(r, 2, "ac", "bo"), Authentication: pick(r, 2, "none", "basic", "oauth2"), Triggers: r.IntN(2) == 0,
	}
	for i := range r.IntN(6) {
		e.Operations = append(e.Operations, Operation{
			Position: i, ID: fmt.Sprintf("%s_%d", randomName(r), i), Title: randomText(r, 3), Description: randomText(r, 5),
			Kind: []string{"action", "webhook_trigger"}[r.IntN(2)], Method: []string{"GET", "POST"}[r.IntN(2)],
			Path: "/" + randomText(r, 3), Tags: pick(r, 2, "ac", "bo", "t"), Hidden: r.IntN(4) == 0,
		})
	}
	return e
}

// naive is what a query finds, by looking at everything.
type naive struct {
	connector, id string
	score         int
	values        [][]string
}

// scoreOf judges a document by its words, one after another.
func scoreOf(words wordSet, title string, query []string) (score int, ok bool) {
	exact := len(query) > 0 && len(query) == len(queryWords(title))
	for _, q := range query {
		best := 0
		for w, where := range words {
			w = strings.ReplaceAll(w, seam, "")
			if strings.HasPrefix(w, q) {
				s := 2 * int(where)
				if w == q {
					s++
				}
				best = max(best, s)
			}
		}
		if best == 0 {
			return 0, false
		}
		exact = exact && best == bestMatch
		score += best
	}
	if exact {
		score++
	}
	return score, true
}

func holds(values []string, wanted []string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(values, func(v string) bool {
		return slices.ContainsFunc(wanted, func(w string) bool { return strings.EqualFold(v, w) })
	})
}

func naiveOperations(all map[string]Entry, q OperationQuery) (list []naive) {
	for _, e := range all {
		g := operationGroup(e)
		for _, d := range g.docs {
			score, ok := scoreOf(d.words, e.Operations[d.position].Title, queryWords(q.Words))
			if ok && (q.Hidden || !d.hidden) && holds([]string{e.Connector}, q.Connectors) &&
				holds(d.values[operationKind], q.Kinds) && holds(d.values[operationTag], q.Tags) && holds(d.values[operationMethod], q.Methods) {
				list = append(list, naive{connector: e.Connector, id: d.id, score: score, values: append([][]string{{e.Connector}}, d.values...)})
			}
		}
	}
	return order(list)
}

func naiveConnectors(all map[string]Entry, q ConnectorQuery) (list []naive) {
	for _, e := range all {
		d := connectorGroup(e).docs[0]
		score, ok := scoreOf(d.words, e.Title, queryWords(q.Words))
		if ok && (!q.Triggers || e.Triggers) && holds([]string{e.Format}, q.Formats) && holds(e.Categories, q.Categories) &&
			holds([]string{e.Publisher}, q.Publishers) && holds(e.Authentication, q.Authentication) {
			list = append(list, naive{connector: e.Connector, score: score, values: d.values})
		}
	}
	return order(list)
}

func order(list []naive) []naive {
	slices.SortFunc(list, func(a, b naive) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.connector, b.connector), cmp.Compare(a.id, b.id))
	})
	return list
}

// naiveFacets counts values by name of the facet, folding case.
func naiveFacets(names []string, list []naive) map[string]map[string]int {
	counts := map[string]map[string]int{}
	for _, n := range list {
		for i, name := range names {
			seen := map[string]bool{}
			for _, v := range n.values[i] {
				if v = strings.ToLower(v); v != "" && !seen[v] {
					seen[v] = true
					if counts[name] == nil {
						counts[name] = map[string]int{}
					}
					counts[name][v]++
				}
			}
		}
	}
	return counts
}

// checkFacets compares facets, whose values the test keeps below 20 but for
// connectors.
func checkFacets(t *testing.T, facets []Facet, want map[string]map[string]int) {
	t.Helper()
	got := map[string]map[string]int{}
	for _, f := range facets {
		got[f.Name] = map[string]int{}
		for _, v := range f.Values {
			got[f.Name][strings.ToLower(v.Value)] = v.Count
		}
		if !slices.IsSortedFunc(f.Values, func(a, b FacetValue) int { return cmp.Compare(b.Count, a.Count) }) {
			t.Errorf("facet %s is out of order: %v", f.Name, f.Values)
		}
	}
	for name, values := range want {
		if len(values) <= MaxFacetValues {
			if diff := gocmp.Diff(values, got[name]); diff != "" {
				t.Errorf("facet %s (-want +got):\n%s", name, diff)
			}
			continue
		}
		counts := slices.Sorted(maps.Values(values))
		least := counts[len(counts)-MaxFacetValues]
		for v, n := range got[name] {
			if values[v] != n || n < least {
				t.Errorf("facet %s: %s %d times, want %d, at least %d", name, v, n, values[v], least)
			}
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d facets, want %d", len(got), len(want))
	}
}

// pages reads all pages of a query.
func pages[Hit any](t *testing.T, next func(after string) (Page[Hit], error)) (hits []Hit, first Page[Hit]) {
	t.Helper()
	for after := ""; ; {
		p, err := next(after)
		if err != nil {
			t.Fatal(err)
		}
		if after == "" {
			first = p
		} else if p.Total != first.Total || p.Facets != nil {
			t.Fatalf("a later page has a total of %d and %d facets; the first a total of %d", p.Total, len(p.Facets), first.Total)
		}
		hits = append(hits, p.Hits...)
		if after = p.Next; after == "" {
			return hits, first
		}
	}
}

func checkOperations(t *testing.T, x *Index, all map[string]Entry, q OperationQuery) {
	t.Helper()
	hits, first := pages(t, func(after string) (Page[OperationHit], error) { q.After = after; return x.Operations(q) })
	want := naiveOperations(all, q)
	var got, wanted []string
	for _, hit := range hits {
		got = append(got, hit.Connector+"/"+hit.ID)
		e := all[hit.Connector]
		if e.Operations[hit.Position].ID != hit.ID || hit.Revision != e.Revision || hit.Title != e.Title {
			t.Errorf("hit %+v is not where it says", hit)
		}
	}
	for _, n := range want {
		wanted = append(wanted, n.connector+"/"+n.id)
	}
	if diff := gocmp.Diff(wanted, got); diff != "" || first.Total != len(want) {
		t.Fatalf("operations for %+v, %d in all (-want +got):\n%s", q, first.Total, diff)
	}
	checkFacets(t, first.Facets, naiveFacets([]string{"connector", "kind", "tag", "method"}, want))
}

func checkConnectors(t *testing.T, x *Index, all map[string]Entry, q ConnectorQuery) {
	t.Helper()
	hits, first := pages(t, func(after string) (Page[ConnectorHit], error) { q.After = after; return x.Connectors(q) })
	want := naiveConnectors(all, q)
	var got, wanted []string
	for _, hit := range hits {
		got = append(got, hit.Connector)
	}
	for _, n := range want {
		wanted = append(wanted, n.connector)
	}
	if diff := gocmp.Diff(wanted, got); diff != "" || first.Total != len(want) {
		t.Fatalf("connectors for %+v, %d in all (-want +got):\n%s", q, first.Total, diff)
	}
	checkFacets(t, first.Facets, naiveFacets([]string{"format", "category", "publisher", "authentication", "triggers"}, want))
}

func randomQuery(r *rand.Rand) string {
	words := strings.Fields(strings.NewReplacer("-", " ", "_", " ").Replace(randomText(r, 3)))
	for i, w := range words {
		words[i] = w[:boundary(w, 1+r.IntN(len(w)))]
	}
	return strings.Join(words, " ")
}

// TestTheIndexFindsWhatLookingAtEverythingFinds puts, replaces and deletes at
// random, and compares all pages of random queries with a scan.
func TestTheIndexFindsWhatLookingAtEverythingFinds(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1)) // #nosec G404 -- the same every time
			x, all := loaded(t), map[string]Entry{}
			for step := range 1500 {
				id := fmt.Sprintf("c%d", r.IntN(120))
				if r.IntN(5) == 0 {
					x.Delete("e", id)
					delete(all, id)
				} else {
					e := randomEntry(r, id)
					x.Put(e)
					all[id] = e
				}
				if step%15 != 0 {
					continue
				}
				for range 2 { // the second time from what was kept
					rr := rand.New(rand.NewPCG(seed, uint64(step))) // #nosec G404 -- the same every time
					checkOperations(t, x, all, OperationQuery{
						Environment: "e", Words: randomQuery(rr), Connectors: pick(rr, 1, "c1", "c2", "c3"), Kinds: pick(rr, 1, "action", "other"),
						Tags: pick(rr, 2, "AC", "t"), Methods: pick(rr, 1, "get", "POST"), Hidden: rr.IntN(2) == 0, Size: 1 + rr.IntN(40),
					})
					checkOperations(t, x, all, OperationQuery{Environment: "e", Words: randomQuery(rr), Hidden: rr.IntN(2) == 0, Size: 1 + rr.IntN(40)})
					checkConnectors(t, x, all, ConnectorQuery{
						Environment: "e", Words: randomQuery(rr), Formats: pick(rr, 1, "openapi3"), Categories: pick(rr, 2, "X", "y"),
						Authentication: pick(rr, 2, "none", "basic"), Triggers: rr.IntN(2) == 0, Size: 1 + rr.IntN(40),
					})
					checkConnectors(t, x, all, ConnectorQuery{Environment: "e", Words: randomQuery(rr), Size: 1 + rr.IntN(40)})
				}
			}
			if n := x.known("e").operations; n.dead > compactAt+10 && n.dead*3 > len(n.docs) {
				t.Errorf("%d of %d documents are dead", n.dead, len(n.docs))
			}
		})
	}
}

// loaded returns an index whose environment "e" is filled with nothing.
func loaded(t testing.TB) *Index {
	t.Helper()
	x := New()
	if err := x.Load(context.Background(), "e", func(context.Context, func(Entry)) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return x
}

func TestCompactionForgetsWordsAndValues(t *testing.T) {
	x := loaded(t)
	for round := range 6 {
		for i := range 1000 {
			x.Put(Entry{
				Environment: "e", Connector: fmt.Sprintf("c%d", i), Title: fmt.Sprintf("word%d", round), Publisher: fmt.Sprintf("p%d", round*1000+i),
			})
		}
	}
	c := x.known("e").connectors
	if len(c.docs) > 3*1000 || len(c.terms.terms) > 3200 || len(c.facets.values) > 3200 {
		t.Errorf("%d documents, %d words and %d values are kept for 1000 connectors", len(c.docs), len(c.terms.terms), len(c.facets.values))
	}
	p, err := x.Connectors(ConnectorQuery{Environment: "e", Words: "word5", Publishers: []string{"p5007"}, Size: 5})
	if err != nil || p.Total != 1 || p.Hits[0].Connector != "c7" {
		t.Errorf("after compaction: %+v, %v", p, err)
	}
}

func TestLabelsKeepTheOrderWhereverGroupsAreInserted(t *testing.T) {
	x, want := loaded(t), []string(nil)
	for i := range 200 { // always between the first and the rest
		id := "a" + strings.Repeat("a", 200-i)
		if i == 0 {
			id = "z"
		}
		x.Put(Entry{Environment: "e", Connector: id, Title: "same"})
		want = append(want, id)
	}
	slices.Sort(want)
	p, err := x.Connectors(ConnectorQuery{Environment: "e", Words: "same", Size: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for i, hit := range p.Hits {
		if hit.Connector != want[i] {
			t.Fatalf("place %d holds %s, want %s", i, hit.Connector, want[i])
		}
	}
}

// TestReadersSeeConnectorsAsOnePutLeftThem replaces connectors while others
// search: the operations of a connector always belong to one revision.
func TestReadersSeeConnectorsAsOnePutLeftThem(t *testing.T) {
	x := loaded(t)
	put := func(connector, revision int) {
		e := Entry{Environment: "e", Connector: fmt.Sprintf("c%d", connector), Revision: fmt.Sprint(revision), Title: fmt.Sprintf("common rev%d", revision)}
		for i := range 4 {
			e.Operations = append(e.Operations, Operation{Position: i, ID: fmt.Sprintf("op%d", i), Title: fmt.Sprintf("rev%d", revision)})
		}
		x.Put(e)
	}
	for c := range 8 {
		put(c, 0)
	}
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for w := range 2 {
		writers.Go(func() {
			for revision := range 400 {
				put(w, revision)
				if revision%7 == 0 {
					x.Delete("e", fmt.Sprintf("c%d", 6+w))
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				p, err := x.Operations(OperationQuery{Environment: "e", Words: "common", Size: 100})
				if err != nil || len(p.Hits)%4 != 0 || p.Total != len(p.Hits) {
					t.Errorf("%d results of %d, %v", len(p.Hits), p.Total, err)
					return
				}
				for i, hit := range p.Hits {
					if hit.Revision != p.Hits[i/4*4].Revision {
						t.Errorf("operations of %s are of revisions %s and %s", hit.Connector, hit.Revision, p.Hits[i/4*4].Revision)
					}
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
}
