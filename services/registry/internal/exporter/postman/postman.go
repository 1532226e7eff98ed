// Package postman writes Postman collections, version 2.1.
//
// A collection holds requests that are ready to send, so that each operation
// becomes one: with the values that the definition offers as examples or
// defaults, and else with placeholders of the right type ("<integer>"), as
// Postman itself writes them. Tags become folders, the server becomes the
// variable "baseUrl", credentials become variables that start with
// "credential_" and have no value, and examples become saved responses.
//
// Postman has no schemas, triggers, policies or dynamic values; each kind of
// loss is a finding. Importing the collection again gives operations with the
// same ids, methods, paths and parameters: "info._exporter_id" says who wrote
// it, and the ids of its items are operation ids.
package postman

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/target"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

const (
	// path is the name of the only file.
	path = "postman_collection.json"
	// schemaURL is what tells Postman the version.
	schemaURL = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
	// exporterID is how the importer knows our own collections.
	exporterID = "ferrule"
	// maxMade is how many bytes of made-up bodies a collection may have: a few
	// schemas that refer to each other stand for very many.
	maxMade = 16 << 20
)

// Exporter writes definitions as Postman collections. It has no state and is
// safe for concurrent use.
type Exporter struct{}

var _ target.Exporter = Exporter{}

// Format returns [target.Postman].
func (Exporter) Format() target.ID { return target.Postman }

// Export writes the collection as one file. Its errors are those of ctx.
func (Exporter) Export(ctx context.Context, in target.Input) (*target.Output, error) {
	w := &writer{
		def: in.Definition, variables: map[string]bool{}, bases: map[string]string{}, said: map[string]bool{},
		schemas: map[string][]byte{}, parsed: map[string]*document.Node{},
	}
	for _, s := range w.def.GetSchemas() {
		w.schemas[s.GetName()] = s.GetJson()
	}
	col, err := w.collection(ctx)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "\t")
	if err := enc.Encode(col); err != nil {
		return nil, fmt.Errorf("writing the collection: %w", err)
	}
	return &target.Output{
		Files:    []format.File{{Path: path, Content: b.Bytes()}},
		Findings: w.findings.Sorted(),
	}, nil
}

// writer is the work on one definition.
type writer struct {
	def      *connectorv1.Definition
	findings target.Findings
	col      *collection

	// variables are those of the collection that are there; bases are the names
	// of those that hold servers, by URL.
	variables map[string]bool
	bases     map[string]string
	// said are the kinds of losses that have been reported.
	said map[string]bool
	// schemas are the named ones, parsed those that were needed.
	schemas map[string][]byte
	parsed  map[string]*document.Node
	made    int
}

// collection writes everything but the operations that nobody can call.
func (w *writer) collection(ctx context.Context) (*collection, error) {
	info := w.def.GetInfo()
	w.col = &collection{
		Info: header{
			ID: identity(info.GetTitle()), Name: info.GetTitle(), Description: info.GetDescription(),
			Version: info.GetVersion(), Schema: schemaURL, ExporterID: exporterID,
		},
		Item: []*item{},
	}
	w.addBase(w.def.GetServers())
	var first []*connectorv1.CredentialPlacement
	if sets := w.def.GetParameterSets(); len(sets) > 0 {
		first = sets[0].GetPlacements()
	}
	w.col.Auth, _ = w.auth(first)
	folders := w.folders()
	for i, op := range w.def.GetOperations() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		pointer := fmt.Sprintf("/operations/%d", i)
		w.operationLosses(pointer, op)
		if op.GetPath() == "" {
			w.findings.Lost(pointer, op.GetOperationId(), "the API calls it, and nobody else can; it is left out")
			continue
		}
		folders.add(op, w.item(pointer, op))
	}
	w.losses()
	return w.col, nil
}

// identity makes an id of the title in the form of a UUID, so that the same
// definition gives the same file.
func identity(title string) string {
	h := sha256.Sum256([]byte(title))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}
