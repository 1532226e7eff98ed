package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

const (
	// perConnector is how many operations a connector has.
	perConnector = 10
	// perTopic is how many connectors are about the same: a word that stands for
	// a topic is in as many of them, however many there are in all.
	perTopic = 100
	// perTransaction is how many connectors are written at once.
	perTransaction = 500
)

// verbs begin the titles of operations.
var verbs = []string{
	"get", "list", "create", "update", "delete", "find", "send", "cancel", "copy", "move",
	"start", "stop", "close", "open", "read", "write", "merge", "split", "lock", "unlock",
}

// author writes connectors, the same ones every time.
type author struct {
	r    *rand.Rand
	zipf *rand.Zipf
}

func newAuthor() *author {
	r := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- the same every time
	return &author{r: r, zipf: rand.NewZipf(r, 1.07, 8, 30_000)}
}

// word returns a word for a number; no word of more than five letters is the
// beginning of another.
func word(n uint64) string {
	var b []byte
	for n += 21 * 21; n > 0; n /= 21 {
		b = append(b, "bcdfghjklmnpqrstvwxyz"[n%21], "aeiou"[n%5])
	}
	return string(b)
}

// topicStart is how many letters of a topic no other word begins with.
const topicStart = 7

// topic returns the word that stands for a topic. It is long, so that a query can
// spell it in many ways.
func topic(n int) string {
	return fmt.Sprintf("q%c%c%c%c%c%cariumcollectionofthings", 'a'+n/26/26/26%26, 'a'+n/26/26%26, 'a'+n/26%26, 'a'+n%26, 'x', 'q')
}

// text returns words that are as frequent as those of languages are.
func (a *author) text(words int) string {
	list := make([]string, words)
	for i := range list {
		list[i] = word(a.zipf.Uint64())
	}
	return strings.Join(list, " ")
}

// definition returns the definition of connector number n.
func (a *author) definition(n int) *connectorv1.Definition {
	about := topic(n / perTopic)
	def := &connectorv1.Definition{
		Info: &connectorv1.Info{
			Title: a.text(2) + " " + about, Description: a.text(25), Publisher: "publisher " + word(a.zipf.Uint64()%500),
			Categories: []string{word(a.zipf.Uint64() % 40)},
		},
		Servers:       []*connectorv1.Server{{UrlTemplate: "https://api.example.com"}},
		ParameterSets: []*connectorv1.ParameterSet{{Name: "default"}},
	}
	for i := range perConnector {
		verb, noun := verbs[(n+i)%len(verbs)], word(a.zipf.Uint64())
		def.Operations = append(def.Operations, &connectorv1.Operation{
			OperationId: fmt.Sprintf("%s%s%s%d", verb, strings.ToUpper(noun[:1]), noun[1:], i), Summary: verb + " " + noun + " of " + about,
			Description: a.text(14), Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION,
			Method: []string{"GET", "POST", "PUT", "DELETE"}[i%4], Path: "/" + noun + "/{" + noun + "Id}/" + word(a.zipf.Uint64()),
			Tags: []string{noun},
			Responses: []*connectorv1.Response{{Status: "200", Contents: []*connectorv1.MediaType{{
				MediaType: "application/json", Schema: []byte(`{"type":"object","properties":{"id":{"type":"string"},"name":{"type":"string"}}}`),
			}}}},
		})
	}
	return def
}

// fill writes connectors as their import leaves them.
func fill(ctx context.Context, s core.Store, now time.Time, connectors int) error {
	a := newAuthor()
	for from := 0; from < connectors; from += perTransaction {
		type pair struct {
			connector core.Connector
			revision  core.Revision
			content   core.Packed
		}
		var batch []pair
		for n := from; n < min(from+perTransaction, connectors); n++ {
			def := a.definition(n)
			content, err := s.Pack(core.Content{Definition: def})
			if err != nil {
				return fmt.Errorf("pack: %w", err)
			}
			c, r := records(n, def, now)
			batch = append(batch, pair{c, r, content})
		}
		err := s.Update(ctx, func(tx core.Tx) error {
			for _, p := range batch {
				if err := tx.PutConnector(p.connector); err != nil {
					return err
				}
				if err := tx.PutRevision(p.revision, p.content); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("fill the store: %w", err)
		}
	}
	return nil
}

// records returns what is stored beside a definition.
func records(n int, def *connectorv1.Definition, now time.Time) (core.Connector, core.Revision) {
	info := def.GetInfo()
	name := resource.Connector{Environment: "default", ID: fmt.Sprintf("api-%06d", n)}
	id := fmt.Sprintf("%064x", n)
	card := core.Card{Publisher: info.GetPublisher(), Categories: info.GetCategories(), Authentication: []string{"none"}}
	c := core.Connector{
		Name: name, Title: info.GetTitle(), Description: info.GetDescription(), Format: format.OpenAPI2, Actions: perConnector, Card: card,
		Published: id, Latest: id, Created: now, Updated: now, Generation: 1, Sequence: 1,
	}
	r := core.Revision{
		Name: resource.Revision{Environment: name.Environment, Connector: name.ID, ID: id}, Sequence: 1, State: core.Published,
		Format: c.Format, Title: c.Title, Description: c.Description, Actions: perConnector, Card: card, Created: now,
	}
	return c, r
}
