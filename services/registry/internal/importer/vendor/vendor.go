// Package vendor knows what the vendor extensions of API descriptions mean.
//
// A [Reader] belongs to one import. The importer hands it the nodes that may
// carry extensions together with the part of the model that was made of them;
// the reader fills in what the model has a place for, reports what is wrong, and
// returns the keys whose whole meaning is now in the model. All other keys, and
// what a known key says beyond the model, stay extensions, so that an exporter
// can write the same meaning again.
//
//	v := vendor.New(place, resolve)
//	v.Info(def.Info, info)                                // x-ms-keywords
//	interpreted := v.Parameter(parameter, n)              // x-ms-test-value
//	interpreted = append(interpreted, v.Operation(op, item, n)...)
//	…                                                     // when all operations are there:
//	interpreted = v.Finish(def, root)                     // x-ms-capabilities and all references
//
// Dynamic features (x-ms-dynamic-values, -list, -schema, -properties, -tree) are
// found on parameters, in bodies and in answers, through references and at any
// depth, and become [connectorv1.Operation.Dynamics]. They are never among the
// keys that are returned: in the model they are an index of what also stays where
// it stood, in the text of schemas and among the extensions of parameters, from
// which exporters write them back.
//
// The package reads Swagger 2.0 and OpenAPI 3 alike: it looks for parameters,
// bodies and answers where either keeps them.
package vendor

import (
	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// Reporter takes findings. [format.Place] is one.
type Reporter interface {
	// Report adds a finding about a node.
	Report(s format.Severity, code string, at *document.Node, remedy, format string, args ...any)
}

var _ Reporter = (*format.Place)(nil)

// Resolver returns what a reference stands for, or nil if it stands for nothing.
// It gets the string node that is the value of a "$ref". It follows that one
// reference and no further ones, and does not report.
type Resolver func(reference *document.Node) *document.Node

// Local returns a resolver for references inside the document with this root.
func Local(root *document.Node) Resolver {
	return func(reference *document.Node) *document.Node { return local(root, reference.Text()) }
}

// Reader interprets the vendor extensions of one description. It is for one
// goroutine.
type Reader struct {
	report  Reporter
	resolve Resolver

	// unknown counts the unknown names that were seen.
	unknown int
	// marks lead to the dynamic features; nil before the first operation.
	marks *marks
	// found are the dynamic features whose calls are looked at when all
	// operations are known; sides are the nodes of the operations, for that.
	found []found
	sides map[string]*sides
	// references are checks that wait for all operations.
	references []reference
	// reported are the places that were reported: a schema is shared by many
	// operations, its faults are not.
	reported map[place]bool
	// visits bounds the search for features in schemas that are shared.
	visits int
}

type place struct {
	code string
	node *document.Node
}

// New returns a reader that reports to report.
func New(report Reporter, resolve Resolver) *Reader {
	return &Reader{
		report: report, resolve: resolve, sides: map[string]*sides{}, reported: map[place]bool{},
	}
}

func (r *Reader) warn(code string, at *document.Node, remedy, message string, args ...any) {
	r.once(format.Warning, code, at, remedy, message, args...)
}

// once reports something about a node that several operations may share.
func (r *Reader) once(s format.Severity, code string, at *document.Node, remedy, message string, args ...any) {
	if p := (place{code, at}); !r.reported[p] {
		r.reported[p] = true
		r.report.Report(s, code, at, remedy, message, args...)
	}
}

// reference is an operation that something refers to.
type reference struct {
	id     string
	at     *document.Node
	code   string
	lost   string
	accept func(*connectorv1.Operation) (problem string)
}

// refer checks later that the operation exists. lost is what does not work
// without it.
func (r *Reader) refer(id string, at *document.Node, code, lost string) {
	r.references = append(r.references, reference{id: id, at: at, code: code, lost: lost})
}

func (r *Reader) checkReferences(operations map[string]*connectorv1.Operation) {
	for _, ref := range r.references {
		op := operations[ref.id]
		if op == nil {
			r.warn(ref.code, ref.at, "name an operation of the document", "the operation %q does not exist; %s", ref.id, ref.lost)
			continue
		}
		if ref.accept == nil {
			continue
		}
		if problem := ref.accept(op); problem != "" {
			r.warn(ref.code, ref.at, "name another operation", "the operation %q %s; %s", ref.id, problem, ref.lost)
		}
	}
}

// Info reads the extensions of the info object n.
func (r *Reader) Info(info *connectorv1.Info, n *document.Node) (interpreted []string) {
	words := n.Get("x-ms-keywords")
	if words == nil {
		return nil
	}
	complete := words.Is(document.Array)
	for _, c := range words.Children() {
		if !c.Is(document.String) {
			complete = false
			continue
		}
		info.Keywords = append(info.Keywords, c.Text())
	}
	if !complete {
		return nil
	}
	return []string{"x-ms-keywords"}
}

// Parameter reads the extensions of the parameter object n, which is not a
// reference, into p.
func (r *Reader) Parameter(p *connectorv1.Parameter, n *document.Node) (interpreted []string) {
	sample := n.Get("x-ms-test-value")
	if sample == nil {
		return nil
	}
	p.Examples = append(p.Examples, sample.JSON())
	return []string{"x-ms-test-value"}
}
