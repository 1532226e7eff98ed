package search

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// words of the benchmarks: as skewed as those of languages.
type corpus struct {
	r    *rand.Rand
	zipf *rand.Zipf
}

func newCorpus() *corpus {
	r := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- the same every time
	return &corpus{r: r, zipf: rand.NewZipf(r, 1.07, 8, 30_000)}
}

func word(n uint64) string {
	var b []byte
	for n += 30; n > 0; n /= 21 {
		b = append(b, "bcdfghjklmnpqrstvwxyz"[n%21], "aeiou"[n%5])
	}
	return string(b)
}

func (c *corpus) text(words int) string {
	list := make([]string, words)
	for i := range list {
		list[i] = word(c.zipf.Uint64())
	}
	return strings.Join(list, " ")
}

func (c *corpus) entry(n, operations int) Entry {
	e := Entry{
		Environment: "e", Connector: fmt.Sprintf("c%06d-%s", n, word(uint64(n))), Revision: fmt.Sprintf("%032x", n), Title: c.text(2),
		Description: c.text(25), Publisher: "publisher " + word(c.zipf.Uint64()), Format: "openapi3",
		Categories: []string{word(c.zipf.Uint64() % 40)}, Authentication: []string{"oauth2"}, Triggers: n%3 == 0,
	}
	for i := range operations {
		verb, noun, other := word(c.zipf.Uint64()%50), word(c.zipf.Uint64()), word(c.zipf.Uint64())
		e.Operations = append(e.Operations, Operation{
			Position: i, ID: verb + strings.ToUpper(noun[:1]) + noun[1:] + fmt.Sprint(i), Title: verb + " " + noun + " " + other,
			Description: c.text(14), Kind: "action", Method: []string{"GET", "POST", "PUT", "DELETE"}[i%4],
			Path: "/" + noun + "/{" + noun + "Id}/" + other, Tags: []string{noun},
		})
	}
	return e
}

// build returns an index with connectors of ten operations each.
func build(b *testing.B, connectors int) *Index {
	b.Helper()
	before := heap()
	x, c := New(), newCorpus()
	err := x.Load(context.Background(), "e", func(_ context.Context, put func(Entry)) error {
		for n := range connectors {
			put(c.entry(n, 10))
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d connectors, %d operations: %d MiB, %d words", connectors, connectors*10,
		(heap()-before)>>20, len(x.known("e").operations.terms.terms))
	return x
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkSearch measures queries that nobody asked before: nothing is kept
// between them.
func BenchmarkSearch(b *testing.B) {
	for _, connectors := range []int{1_000, 100_000} {
		x := build(b, connectors)
		env := x.known("e")
		ask := func(name string, q func(i int) (int, error)) {
			b.Run(fmt.Sprintf("%s/%d", name, connectors), func(b *testing.B) {
				total := 0
				for i := 0; b.Loop(); i++ {
					env.connectors.cache.clear()
					env.operations.cache.clear()
					n, err := q(i)
					if err != nil {
						b.Fatal(err)
					}
					total += n
				}
				b.ReportMetric(float64(total)/float64(b.N), "results")
			})
		}
		operations := func(q OperationQuery) (int, error) {
			q.Environment, q.Size = "e", 50
			p, err := x.Operations(q)
			return p.Total, err
		}
		ask("list connectors", func(int) (int, error) {
			p, err := x.Connectors(ConnectorQuery{Environment: "e", Size: 50})
			return p.Total, err
		})
		ask("connectors by one word", func(i int) (int, error) {
			p, err := x.Connectors(ConnectorQuery{Environment: "e", Size: 50, Words: word(uint64(200 + i%1000))})
			return p.Total, err
		})
		ask("list operations", func(int) (int, error) { return operations(OperationQuery{}) })
		ask("operations by one rare word", func(i int) (int, error) {
			return operations(OperationQuery{Words: word(uint64(5000 + i%20000))})
		})
		ask("operations by two words", func(i int) (int, error) {
			return operations(OperationQuery{Words: word(uint64(i%50)) + " " + word(uint64(500+i%2000))})
		})
		ask("operations by a frequent word", func(i int) (int, error) { return operations(OperationQuery{Words: word(uint64(i % 50))}) })
		ask("operations by one letter", func(i int) (int, error) { return operations(OperationQuery{Words: string("bcdfghjkl"[i%9])}) })
		ask("operations by method", func(int) (int, error) { return operations(OperationQuery{Methods: []string{"GET"}}) })
		ask("operations by connector", func(i int) (int, error) {
			n := i % connectors
			return operations(OperationQuery{Connectors: []string{fmt.Sprintf("c%06d-%s", n, word(uint64(n)))}})
		})
	}
}

// BenchmarkPut measures replacing a connector of ten operations in a large index.
func BenchmarkPut(b *testing.B) {
	x, c := build(b, 20_000), newCorpus()
	entries := make([]Entry, 1000)
	for i := range entries {
		entries[i] = c.entry(i, 10)
	}
	for i := 0; b.Loop(); i++ {
		x.Put(entries[i%len(entries)])
	}
}
