package core

import (
	"context"
	"errors"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// ErrNotFound is what a [Reader] answers for what does not exist.
var ErrNotFound = errors.New("not found")

// Store keeps connectors and revisions, in transactions that are serialisable.
// Functions given to it are short and touch nothing but the transaction.
type Store interface {
	// View runs fn on a snapshot.
	View(ctx context.Context, fn func(Reader) error) error
	// Update runs fn and commits when it returns nil; otherwise nothing of it
	// happened.
	Update(ctx context.Context, fn func(Tx) error) error
	// Pack encodes content for [Tx.PutRevision]. It is separate because it takes
	// time, and transactions must not.
	Pack(content Content) (Packed, error)
}

// Packed is encoded content: parts with the names under which the store finds
// them.
type Packed []Part

// Part is one piece of encoded content.
type Part struct {
	// Name is the store's own.
	Name string
	// Value is the store's own encoding.
	Value []byte
}

// Reader reads inside a transaction.
type Reader interface {
	// Connector returns a connector, or ErrNotFound.
	Connector(name resource.Connector) (Connector, error)
	// Connectors returns at most limit connectors whose id comes after the given
	// one, in the order of their ids.
	Connectors(env resource.Environment, after string, limit int) ([]Connector, error)
	// Revision returns a revision without its content, or ErrNotFound.
	Revision(name resource.Revision) (Revision, error)
	// Revisions returns at most limit revisions whose sequence is below before,
	// newest first; 0 is from the newest.
	Revisions(name resource.Connector, before uint64, limit int) ([]Revision, error)
	// Findings returns the findings of a revision.
	Findings(name resource.Revision) ([]format.Finding, error)
	// Connection returns the parts of a definition that a connection needs.
	Connection(name resource.Revision) (*connectorv1.Definition, error)
	// Definition returns the whole definition.
	Definition(r Revision) (*connectorv1.Definition, error)
	// Operations returns at most limit operations from index from on, in the
	// order of the source.
	Operations(name resource.Revision, from, limit int) ([]*connectorv1.Operation, error)
	// Source returns the files of a revision, byte for byte.
	Source(r Revision) ([]format.File, error)
}

// Tx reads and changes inside a transaction.
type Tx interface {
	Reader
	// PutConnector stores a connector.
	PutConnector(c Connector) error
	// PutRevision stores a revision with its content.
	PutRevision(r Revision, content Packed) error
	// PutState stores the state of a revision that exists.
	PutState(r Revision) error
	// DeleteConnector removes a connector with all of its revisions.
	DeleteConnector(c Connector) error
	// Announce tells other services, once the transaction is committed, that the
	// connector is not what it was.
	Announce(c Connector) error
}

// Fetcher reads documents by URL.
type Fetcher interface {
	// Fetch returns the document at a URL as a file, named by the last part of
	// its path, and the URL without what may be secret. Its errors are faults.
	Fetch(ctx context.Context, url string) (file format.File, shown string, err error)
}
