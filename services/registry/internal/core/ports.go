package core

import (
	"context"
	"errors"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/diff"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/infer"
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
	// Environment returns an environment that is stored, or ErrNotFound.
	Environment(name resource.Environment) (Environment, error)
	// Environments returns at most limit environments that are stored and whose id
	// comes after the given one, in the order of their ids.
	Environments(after string, limit int) ([]Environment, error)
	// Connector returns a connector, or ErrNotFound.
	Connector(name resource.Connector) (Connector, error)
	// Connectors returns at most limit connectors whose id comes after the given
	// one, in the order of their ids.
	Connectors(env resource.Environment, after string, limit int) ([]Connector, error)
	// Former returns whose a connector was that was deleted, or ErrNotFound.
	Former(name resource.Connector) (Ownership, error)
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
	// File returns the content of one file of its source, or ErrNotFound.
	File(r Revision, path string) ([]byte, error)
	// Packed returns the whole content as it is stored, for [Tx.PutRevision].
	Packed(r Revision) (Packed, error)
}

// Tx reads and changes inside a transaction.
type Tx interface {
	Reader
	// PutEnvironment stores an environment.
	PutEnvironment(e Environment) error
	// DeleteEnvironment removes an environment, and nothing that is in it.
	DeleteEnvironment(name resource.Environment) error
	// PutConnector stores a connector.
	PutConnector(c Connector) error
	// PutRevision stores a revision with its content.
	PutRevision(r Revision, content Packed) error
	// PutState stores the state of a revision that exists.
	PutState(r Revision) error
	// DeleteConnector removes a connector with all of its revisions, and keeps whose
	// it was until [Tx.PutConnector] stores one of the same name.
	DeleteConnector(c Connector) error
	// Announce tells other services, once the transaction is committed, that the
	// connector is not what it was.
	Announce(c Connector) error
}

// Fetcher reads documents by URL.
type Fetcher interface {
	// Fetch returns the document at a URL with those that it refers to on the same
	// host, and the URL without what may be secret. Their paths are relative to one
	// another as their URLs are. Its errors are faults.
	Fetch(ctx context.Context, url string) (files []format.File, shown string, err error)
}

// Tools are what the registry does with definitions. None keeps anything; errors
// are faults, or those of the context. All are required.
type Tools struct {
	// Compare says what changes for callers.
	Compare func(ctx context.Context, older, newer *connectorv1.Definition) (*diff.Diff, error)
	// Select returns def without the operations that are not chosen and what only
	// they need, and says what became of the selection. It does not change def.
	// SELECTION_EMPTY if nothing is left.
	Select func(def *connectorv1.Definition, s Selection) (*connectorv1.Definition, []format.Finding, error)
	// Try returns what is wrong with the custom code and the policies of a definition:
	// with the code [format.ScriptInvalid] what cannot run, and with
	// [format.PolicyInvalid] what cannot be applied. It fails when ctx ends or the
	// service does.
	Try func(ctx context.Context, trial format.Trial) ([]format.Finding, error)
	// Check is DEFINITION_INVALID for what contradicts itself.
	Check func(def *connectorv1.Definition) error
	// Encode writes a definition as a document in our own format.
	Encode func(def *connectorv1.Definition) ([]byte, error)
	// Edit returns def with what the paths name taken from patch. It changes
	// neither, and is DEFINITION_INVALID for a result that contradicts itself.
	Edit func(def, patch *connectorv1.Definition, paths []string) (*connectorv1.Definition, error)
	// Infer makes an operation of a sample.
	Infer func(ctx context.Context, s infer.Sample) (*infer.Inferred, error)
	// Export writes a definition in a format; "" is never asked for.
	Export func(ctx context.Context, to ExportFormat, content Content) (Exported, error)
	// Lint returns the findings of a result with those of the default rules and of
	// rule sets, worst first.
	Lint func(ctx context.Context, src *format.Source, result *format.Result, rules []RuleSet) ([]format.Finding, error)
}
