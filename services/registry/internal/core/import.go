package core

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// ImportRequest asks for an import.
type ImportRequest struct {
	// Environment is where the connector belongs.
	Environment resource.Environment
	// ID is the connector's; made from the title if empty.
	ID string
	// Files are the source, unless URL says where it is.
	Files []format.File
	// URL is where a document is fetched, with those that it refers to.
	URL string
	// Format is the source's; detected if empty.
	Format format.ID
	// Selection is which operations are taken.
	Selection Selection

	Intent
}

// Import translates a source and stores it as a revision. The connector is
// created if it does not exist, and is the actor's then. Importing what is there
// already changes nothing, except that it may publish it; like every import over a
// connector it is PERMISSION_DENIED for those who may not change it. A source that is refused changes nothing.
func (g *Registry) Import(ctx context.Context, req ImportRequest) (Outcome, error) {
	if err := g.checkTarget(ctx, req.Environment, req.ID); err != nil {
		return Outcome{}, err
	}
	source, err := g.sent(ctx, req.URL, req.Files)
	if err != nil {
		return Outcome{}, err
	}
	leave, err := g.enter(ctx)
	if err != nil {
		return Outcome{}, err
	}
	defer leave()
	p, err := g.translate(ctx, req, source)
	if err != nil {
		return Outcome{}, err
	}
	out, err := g.propose(ctx, p)
	if err != nil {
		return Outcome{}, fmt.Errorf("store revision %s: %w", p.revision.Name, err)
	}
	return out, nil
}

// checkTarget refuses an environment that does not exist and an id that is none,
// before any work is done.
func (g *Registry) checkTarget(ctx context.Context, env resource.Environment, id string) error {
	if id != "" {
		if err := resource.CheckID("connector_id", id); err != nil {
			return err
		}
	}
	_, err := g.GetEnvironment(ctx, env)
	return err
}

// source is files with where they came from.
type source struct {
	files []format.File
	shown string // the URL that may be shown, "" if they were sent
}

// sent returns the files, fetched if there is a URL.
func (g *Registry) sent(ctx context.Context, url string, files []format.File) (source, error) {
	if url == "" {
		return source{files: files}, nil
	}
	fetched, shown, err := g.deps.Fetcher.Fetch(ctx, url)
	if err != nil {
		return source{}, fmt.Errorf("fetch description: %w", err)
	}
	return source{files: fetched, shown: shown}, nil
}

// translate does all the work of an import that needs no transaction.
func (g *Registry) translate(ctx context.Context, req ImportRequest, from source) (proposal, error) {
	src, result, err := g.read(ctx, reading{files: from.files, format: req.Format, selection: req.Selection})
	if err != nil {
		return proposal{}, err
	}
	r := Revision{Format: result.Format, URL: from.shown, Selection: req.Selection}
	r.Name = resource.Revision{Environment: req.Environment.ID, Connector: req.ID}
	if req.ID == "" {
		r.Name.Connector = resource.NewID(result.Definition.GetInfo().GetTitle())
	}
	p, err := g.drafted(r, Content{Definition: result.Definition, Findings: result.Findings, Files: src.Files()})
	p.intent, p.otherwise = req.Intent, ", or import it under another id with --id"
	return p, err
}

// reading is what [Registry.read] reads.
type reading struct {
	files     []format.File
	format    format.ID
	selection Selection
}

// read translates files, takes what is selected and tries its custom code.
func (g *Registry) read(ctx context.Context, in reading) (*format.Source, *format.Result, error) {
	src, err := format.NewSource(in.files)
	if err != nil {
		return nil, nil, fmt.Errorf("read source: %w", err)
	}
	if err := checkSource(src); err != nil {
		return nil, nil, err
	}
	result, err := g.deps.Importers.Import(ctx, src, in.format)
	if err != nil {
		return nil, nil, fmt.Errorf("import source: %w", err)
	}
	def, findings := result.Definition, result.Findings
	trial := format.Trial{Definition: def, Files: src.Files(), Places: result.Places}
	if !in.selection.All() {
		var more []format.Finding
		if def, more, err = g.deps.Tools.Select(def, in.selection); err != nil {
			return nil, nil, fmt.Errorf("select operations: %w", err)
		}
		findings = worstFirst(findings, more)
		trial.Taken = def
	}
	code, err := g.deps.Tools.Try(ctx, trial)
	if err != nil {
		return nil, nil, fmt.Errorf("try policies and custom code: %w", err)
	}
	return src, &format.Result{Format: result.Format, Definition: def, Findings: worstFirst(findings, code)}, nil
}

// worstFirst returns all findings, worst first, as many as a revision may have.
func worstFirst(lists ...[]format.Finding) []format.Finding {
	all := slices.Concat(lists...)
	slices.SortStableFunc(all, func(a, b format.Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	return all[:min(len(all), format.MaxFindings)]
}

// checkSource refuses sources that no answer could hold.
func checkSource(src *format.Source) error {
	if src.Bytes() <= MaxSourceBytes {
		return nil
	}
	return fault.Invalid(fault.ReasonDocumentTooLarge,
		"the files have %d bytes together and at most %d are accepted; send only those of one description",
		src.Bytes(), MaxSourceBytes).With("limit", strconv.Itoa(MaxSourceBytes))
}

// checkSize refuses definitions that no answer could hold.
func checkSize(def *connectorv1.Definition) error {
	size := proto.Size(def)
	if size <= MaxDefinitionBytes {
		return nil
	}
	return fault.Invalid(fault.ReasonDocumentTooLarge,
		"the definition has %d bytes and at most %d are accepted; select operations, or split the description",
		size, MaxDefinitionBytes).With("limit", strconv.Itoa(MaxDefinitionBytes))
}

// contentID names a revision by everything it is made of. Each part is preceded
// by its length, so that no two contents are written alike. What was selected is
// part of it, because it decides what a later import of the same source is
// compared with.
func contentID(r Revision, content Content) (string, error) {
	definition, err := proto.MarshalOptions{Deterministic: true}.Marshal(content.Definition)
	if err != nil {
		return "", fmt.Errorf("encode definition: %w", err)
	}
	h := sha256.New()
	add(h, []byte("ferrule revision 1"))
	add(h, []byte(r.Format))
	add(h, definition)
	for _, f := range content.Files {
		add(h, []byte(f.Path))
		add(h, f.Content)
	}
	if !r.Selection.All() {
		addList(h, "only", r.Selection.Only)
		addList(h, "except", r.Selection.Except)
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// addList writes a list under a name that no file can have.
func addList(h hash.Hash, name string, list []string) {
	add(h, []byte("/"+name+" "+strconv.Itoa(len(list))))
	for _, s := range list {
		add(h, []byte(s))
	}
}

func add(h hash.Hash, part []byte) {
	var size [8]byte
	binary.BigEndian.PutUint64(size[:], uint64(len(part)))
	// A hash never fails to write.
	_, _ = h.Write(size[:])
	_, _ = h.Write(part)
}
