package search

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
)

// environment is what can be found in one environment.
type environment struct {
	// loaded is closed when filling has ended, and failed says how; it is written
	// before that and read after it.
	loaded chan struct{}
	failed bool

	mu         sync.RWMutex
	told       map[string]bool // connectors told of while filling; nil afterwards
	connectors *table
	operations *table
}

// The facets of connectors, as numbers of their table's facets.
const (
	connectorFormat = iota
	connectorCategory
	connectorPublisher
	connectorAuthentication
	connectorTriggers
)

// The facets of operations. Their connectors are a facet without a number.
const (
	operationKind = iota
	operationTag
	operationMethod
)

// The values of the facet "triggers".
const (
	withTriggers    = "true"
	withoutTriggers = "false"
)

func newEnvironment() *environment {
	return &environment{
		loaded:     make(chan struct{}),
		told:       map[string]bool{},
		connectors: newTable("", "format", "category", "publisher", "authentication", "triggers"),
		operations: newTable("connector", "kind", "tag", "method"),
	}
}

// ready says whether filling has ended.
func (n *environment) ready() bool {
	select {
	case <-n.loaded:
		return !n.failed
	default:
		return false
	}
}

// put makes a connector found. One that is not news, but was read while filling,
// does not replace news.
func (n *environment) put(e Entry, news bool) {
	c, o := connectorGroup(e), operationGroup(e) // without the lock: it takes time
	n.mu.Lock()
	defer n.mu.Unlock()
	if !news && n.told[e.Connector] {
		return
	}
	n.tell(e.Connector, news)
	n.connectors.put(c)
	n.operations.put(o)
}

func (n *environment) remove(connector string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tell(connector, true)
	n.connectors.put(newGroup{id: connector})
	n.operations.put(newGroup{id: connector})
}

func (n *environment) tell(connector string, news bool) {
	if n.told != nil && news {
		n.told[connector] = true
	}
}

// settle ends the filling.
func (n *environment) settle() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told = nil
	n.connectors.settle()
	n.operations.settle()
}

// newGroup is what one connector has in a table: documents that are put and
// removed together. Without documents, it is only removed.
type newGroup struct {
	id, title, revision string
	docs                []newDoc
}

// newDoc is one thing to be found.
type newDoc struct {
	id         string
	position   int
	hidden     bool
	titleWords uint8
	words      wordSet
	// values are those of each facet.
	values [][]string
}

func connectorGroup(e Entry) newGroup {
	words := wordSet{}
	words.addName(e.Connector, inTitle)
	words.addName(e.Title, inTitle)
	for _, list := range [][]string{{e.Publisher}, e.Categories, e.Keywords, e.Tags} {
		for _, text := range list {
			words.addName(text, inTag)
		}
	}
	words.addDescription(e.Description)
	triggers := withoutTriggers
	if e.Triggers {
		triggers = withTriggers
	}
	return newGroup{id: strings.Clone(e.Connector), docs: []newDoc{{
		titleWords: countWords(e.Title), words: words,
		values: [][]string{
			connectorFormat: {e.Format}, connectorCategory: e.Categories, connectorPublisher: {e.Publisher},
			connectorAuthentication: e.Authentication, connectorTriggers: {triggers},
		},
	}}}
}

// operationGroup returns the operations in the order of their keys. Of those with
// equal ids, the first counts.
func operationGroup(e Entry) newGroup {
	g := newGroup{
		id: strings.Clone(e.Connector), title: strings.Clone(e.Title), revision: strings.Clone(e.Revision),
		docs: make([]newDoc, 0, len(e.Operations)),
	}
	for _, op := range e.Operations {
		words := wordSet{}
		words.addName(op.ID, inTitle)
		words.addName(op.Title, inTitle)
		words.addName(op.Path, inTag)
		for _, tag := range op.Tags {
			words.addName(tag, inTag)
		}
		words.addDescription(op.Description)
		words.addName(e.Title, inDescription)
		g.docs = append(g.docs, newDoc{
			id: strings.Clone(op.ID), position: op.Position, hidden: op.Hidden,
			titleWords: countWords(op.Title), words: words,
			values: [][]string{operationKind: {op.Kind}, operationTag: op.Tags, operationMethod: {op.Method}},
		})
	}
	slices.SortStableFunc(g.docs, func(a, b newDoc) int { return cmp.Compare(orderKey(a.id), orderKey(b.id)) })
	g.docs = slices.CompactFunc(g.docs, func(a, b newDoc) bool { return a.id == b.id })
	return g
}

// maxKey is the greatest length of an id that is a key itself.
const maxKey = 400

// orderKey returns what operations of a connector are ordered by: their ids, with
// a hash in place of the end of those that are too long for a page token.
func orderKey(id string) string {
	if len(id) <= maxKey {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return id[:boundary(id, maxKey)] + hex.EncodeToString(sum[:])
}
