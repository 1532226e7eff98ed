package core

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer"
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
	// URL is where one document is fetched.
	URL string
	// Format is the source's; detected if empty.
	Format format.ID
	// Publish is whether the revision is published even if another is.
	Publish PublishMode
}

// PublishMode says when an imported revision is published.
type PublishMode int

const (
	// PublishFirst publishes the first revision of a connector only.
	PublishFirst PublishMode = iota
	// PublishAlways publishes the revision at once.
	PublishAlways
)

// Imported is the outcome of an import.
type Imported struct {
	// Connector and Revision are as they are after the import.
	Connector Connector
	Revision  Revision
	// Findings are those of the revision.
	Findings []format.Finding
	// Created is false if exactly this revision was there before.
	Created bool
}

// Import translates a source and stores it as a revision. The connector is
// created if it does not exist. Importing what is there already changes nothing,
// except that it may publish it. A source that is refused changes nothing.
func (g *Registry) Import(ctx context.Context, req ImportRequest) (Imported, error) {
	if err := checkEnvironment(req.Environment.ID); err != nil {
		return Imported{}, err
	}
	if req.ID != "" {
		if err := resource.CheckID("connector_id", req.ID); err != nil {
			return Imported{}, err
		}
	}
	d, err := g.translate(ctx, &req)
	if err != nil {
		return Imported{}, err
	}
	var out Imported
	err = g.deps.Store.Update(ctx, func(tx Tx) error {
		out, err = g.store(tx, d, req.Publish)
		return err
	})
	if err != nil {
		return Imported{}, fmt.Errorf("store revision %s: %w", d.revision.Name, err)
	}
	g.deps.Committed()
	out.Findings = d.findings
	return out, nil
}

// draft is a translated source, ready to be stored.
type draft struct {
	revision Revision
	content  Packed
	findings []format.Finding
}

// translate does all the work of an import that needs no transaction.
func (g *Registry) translate(ctx context.Context, req *ImportRequest) (draft, error) {
	var shown string
	if req.URL != "" {
		file, url, err := g.deps.Fetcher.Fetch(ctx, req.URL)
		if err != nil {
			return draft{}, fmt.Errorf("fetch description: %w", err)
		}
		req.Files, shown = []format.File{file}, url
	}
	leave, err := g.enter(ctx)
	if err != nil {
		return draft{}, err
	}
	defer leave()
	src, result, err := read(ctx, g.deps.Importers, req.Files, req.Format)
	if err != nil {
		return draft{}, err
	}
	encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(result.Definition)
	if err != nil {
		return draft{}, fmt.Errorf("encode definition: %w", err)
	}
	packed, err := g.deps.Store.Pack(Content{Definition: result.Definition, Findings: result.Findings, Files: src.Files()})
	if err != nil {
		return draft{}, fmt.Errorf("pack revision: %w", err)
	}
	r := Revision{
		State: Draft, Format: result.Format, Files: len(src.Files()),
		SourceBytes: src.Bytes(), URL: shown, Created: g.deps.Clock.Now().UTC(),
	}
	r.summarise(result.Definition)
	if req.ID == "" {
		req.ID = resource.NewID(r.Title)
	}
	r.Name = resource.Revision{Environment: req.Environment.ID, Connector: req.ID, ID: contentID(result.Format, encoded, src.Files())}
	return draft{revision: r, content: packed, findings: result.Findings}, nil
}

// read translates files and checks what every definition has to keep to.
func read(ctx context.Context, importers importer.Set, files []format.File, want format.ID) (*format.Source, *format.Result, error) {
	src, err := format.NewSource(files)
	if err != nil {
		return nil, nil, fmt.Errorf("read source: %w", err)
	}
	result, err := importers.Import(ctx, src, want)
	if err != nil {
		return nil, nil, fmt.Errorf("import source: %w", err)
	}
	if size := proto.Size(result.Definition); size > MaxDefinitionBytes {
		return nil, nil, fault.Invalid(fault.ReasonDocumentTooLarge,
			"the definition has %d bytes and at most %d are accepted; split the description", size, MaxDefinitionBytes).
			With("limit", strconv.Itoa(MaxDefinitionBytes))
	}
	return src, result, nil
}

// store puts a draft where it belongs. It is the only place that decides what an
// import changes.
func (g *Registry) store(tx Tx, d draft, mode PublishMode) (Imported, error) {
	c, err := tx.Connector(d.revision.Name.Parent())
	switch {
	case errors.Is(err, ErrNotFound):
		c = Connector{Name: d.revision.Name.Parent(), Created: d.revision.Created}
	case err != nil:
		return Imported{}, fmt.Errorf("read connector %s: %w", d.revision.Name.Parent(), err)
	}
	old, err := tx.Revision(d.revision.Name)
	switch {
	case err == nil && (mode != PublishAlways || c.Published == old.Name.ID):
		return Imported{Connector: c, Revision: old}, nil
	case err == nil:
		r, err := g.publish(tx, &c, old)
		return Imported{Connector: c, Revision: r}, err
	case !errors.Is(err, ErrNotFound):
		return Imported{}, fmt.Errorf("read revision %s: %w", d.revision.Name, err)
	case c.Sequence >= MaxRevisions:
		return Imported{}, fault.Exhausted(fault.ReasonLimitReached,
			"connector %q has %d revisions, which is the limit; import under another id or delete it", c.Name.ID, MaxRevisions).
			With("limit", strconv.Itoa(MaxRevisions))
	}
	r := d.revision
	c.Sequence++
	c.Latest, r.Sequence = r.Name.ID, c.Sequence
	if err := tx.PutRevision(r, d.content); err != nil {
		return Imported{}, fmt.Errorf("write revision: %w", err)
	}
	if mode == PublishAlways || c.Published == "" {
		r, err = g.publish(tx, &c, r)
	} else {
		err = g.save(tx, &c)
	}
	return Imported{Connector: c, Revision: r, Created: true}, err
}

// contentID names a revision by everything it is made of. Each part is preceded
// by its length, so that no two contents are written alike.
func contentID(id format.ID, definition []byte, files []format.File) string {
	h := sha256.New()
	add(h, []byte("ferrule revision 1"))
	add(h, []byte(id))
	add(h, definition)
	for _, f := range files {
		add(h, []byte(f.Path))
		add(h, f.Content)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func add(h hash.Hash, part []byte) {
	var size [8]byte
	binary.BigEndian.PutUint64(size[:], uint64(len(part)))
	// A hash never fails to write.
	_, _ = h.Write(size[:])
	_, _ = h.Write(part)
}
