package core

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

const (
	// ownFile is the name of the source of a connector that was not imported.
	ownFile = "connector.ferrule.json"
	// ownFormat is the format of that file.
	ownFormat format.ID = "ferrule"
)

// CreateRequest asks for a connector from a definition.
type CreateRequest struct {
	// Environment is where the connector belongs.
	Environment resource.Environment
	// ID is the connector's; made from the title if empty.
	ID string
	// Definition is everything about it. It is not changed.
	Definition *connectorv1.Definition

	Intent
}

// Create makes a connector from a definition: CONNECTOR_EXISTS if there is one
// with this id, DEFINITION_INVALID if the definition contradicts itself,
// SCRIPT_INVALID if it has custom code that cannot run. Its
// source is the definition in our own format.
func (g *Registry) Create(ctx context.Context, req CreateRequest) (Outcome, error) {
	if err := g.checkTarget(ctx, req.Environment, req.ID); err != nil {
		return Outcome{}, err
	}
	leave, err := g.enter(ctx)
	if err != nil {
		return Outcome{}, err
	}
	defer leave()
	def := proto.CloneOf(req.Definition)
	if len(def.GetParameterSets()) == 0 {
		def.ParameterSets = []*connectorv1.ParameterSet{{Name: "default"}} // every definition has one
	}
	if err := g.deps.Tools.Check(def); err != nil {
		return Outcome{}, fmt.Errorf("check definition: %w", err)
	}
	findings, err := g.written(ctx, def)
	if err != nil {
		return Outcome{}, err
	}
	text, err := g.deps.Tools.Encode(def)
	if err != nil {
		return Outcome{}, fmt.Errorf("write definition: %w", err)
	}
	r := Revision{Format: ownFormat, Name: resource.Revision{Environment: req.Environment.ID, Connector: req.ID}}
	if req.ID == "" {
		r.Name.Connector = resource.NewID(def.GetInfo().GetTitle())
	}
	p, err := g.drafted(r, Content{Definition: def, Findings: findings, Files: []format.File{{Path: ownFile, Content: text}}})
	if err != nil {
		return Outcome{}, err
	}
	p.intent, p.guard = req.Intent, absent
	out, err := g.propose(ctx, p)
	if err != nil {
		return Outcome{}, fmt.Errorf("create %s: %w", p.revision.Name.Parent(), err)
	}
	return out, nil
}

// absent refuses connectors that exist.
func absent(c Connector, exists bool) error {
	if !exists {
		return nil
	}
	return fault.Exists(fault.ReasonConnectorExists,
		"connector %q exists; choose another id, or update it", c.Name.ID).With("connector", c.Name.String())
}

// UpdateRequest asks for an edit.
type UpdateRequest struct {
	// Name is the connector's.
	Name resource.Connector
	// Patch holds the new values, Paths say which of them count.
	Patch *connectorv1.Definition
	Paths []string
	// Etag, if not empty, is the one that the connector must have.
	Etag string

	Intent
}

// Update edits the definition of the latest revision of a connector and keeps
// the result as a revision of the same source, which becomes the latest. An edit
// that changes nothing makes no revision. Edits at the same time come one after
// the other: none is lost.
func (g *Registry) Update(ctx context.Context, req UpdateRequest) (Outcome, error) {
	leave, err := g.enter(ctx)
	if err != nil {
		return Outcome{}, err
	}
	defer leave()
	var out Outcome
	err = settled(req.Name, func() error {
		p, err := g.edited(ctx, req)
		if err != nil {
			return err
		}
		out, err = g.attempt(ctx, p)
		return err
	})
	if err != nil {
		return Outcome{}, fmt.Errorf("update %s: %w", req.Name, err)
	}
	return out, nil
}

// edited makes a proposal of the latest revision of a connector and an edit.
func (g *Registry) edited(ctx context.Context, req UpdateRequest) (proposal, error) {
	var base Revision
	var content Content
	latest := resource.Revision{Environment: req.Name.Environment, Connector: req.Name.ID, ID: aliasLatest}
	err := g.deps.Store.View(ctx, func(r Reader) error {
		c, err := connector(r, req.Name)
		if err != nil {
			return err
		}
		if err := editable(c, req.Actor, ""); err != nil { // again when it is written
			return err
		}
		if err := sameEtag("connector", c.Name.ID, req.Etag, c.Etag()); err != nil {
			return err
		}
		base, content, err = contentOf(r, latest)
		return err
	})
	if err != nil {
		return proposal{}, err
	}
	before := content.Definition
	content.Definition, err = g.deps.Tools.Edit(before, req.Patch, req.Paths)
	if err != nil {
		return proposal{}, fmt.Errorf("edit definition: %w", err)
	}
	if content.Findings, err = g.recheck(ctx, before, content); err != nil {
		return proposal{}, err
	}
	r := base
	r.Edited = true
	p, err := g.drafted(r, content)
	p.intent, p.latest = req.Intent, true
	p.guard = func(c Connector, exists bool) error {
		if !exists || c.Latest != base.Name.ID {
			return errMoved
		}
		return sameEtag("connector", c.Name.ID, req.Etag, c.Etag())
	}
	return p, err
}

// contentOf returns a revision with all that it is made of.
func contentOf(r Reader, name resource.Revision) (rev Revision, content Content, err error) {
	if rev, content.Definition, err = definitionOf(r, name); err != nil {
		return Revision{}, Content{}, err
	}
	if content.Findings, err = r.Findings(rev.Name); err != nil {
		return Revision{}, Content{}, fmt.Errorf("read findings: %w", err)
	}
	if content.Files, err = r.Source(rev); err != nil {
		return Revision{}, Content{}, fmt.Errorf("read source: %w", err)
	}
	return rev, content, nil
}
