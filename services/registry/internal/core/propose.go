package core

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/diff"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// PublishMode says when a new revision is published.
type PublishMode int

const (
	// PublishFirst publishes the first revision of a connector only.
	PublishFirst PublishMode = iota
	// PublishAlways publishes the revision at once.
	PublishAlways
	// PublishNever leaves it a draft.
	PublishNever
)

// Intent says what a use case may do with the revision that it made.
type Intent struct {
	// Actor is on whose behalf it happens.
	Actor Actor
	// Publish is when the revision is published.
	Publish PublishMode
	// AllowBreaking publishes also if callers of the published revision break.
	AllowBreaking bool
	// ValidateOnly says what would happen, and changes nothing.
	ValidateOnly bool
}

// Outcome is what a use case did with a revision, or would do.
type Outcome struct {
	// Connector and Revision are as they are afterwards.
	Connector Connector
	Revision  Revision
	// Created is false if exactly this revision was there before.
	Created bool
	// Diff is what changes for callers of the revision that was published before;
	// nil if there was none, or if it is this one.
	Diff *Diff
	// Findings are those of the revision; nil where it was only published.
	Findings []format.Finding
}

// proposal is a revision that is ready to be stored.
type proposal struct {
	revision   Revision
	content    Packed
	definition *connectorv1.Definition // nil if nobody has to know what changes
	intent     Intent
	// findings are those of the revision, and flaws what they say against it.
	findings []format.Finding
	flaws    flaws
	// stored is whether the revision is there and only published.
	stored bool
	// latest is whether the revision becomes the latest even if it was there before.
	latest bool
	// otherwise is what those can do who may not change the connector, besides asking
	// for it: the end of a sentence, or "".
	otherwise string
	// guard refuses to go on with the connector as it is; exists tells whether it
	// is there at all. It may be nil.
	guard func(c Connector, exists bool) error
}

// errMoved is when what was looked at outside of a transaction is not what it
// was inside.
var errMoved = errors.New("the connector changed meanwhile")

// attempts is how often a use case begins again because somebody else changed
// the same connector at the same moment.
const attempts = 5

// settled calls try until nobody interferes.
func settled(name resource.Connector, try func() error) error {
	var err error
	for range attempts {
		if err = try(); !errors.Is(err, errMoved) {
			return err
		}
	}
	return fault.Aborted(fault.ReasonEtagMismatch,
		"others keep changing connector %q; try again", name.ID).With("connector", name.String()).Because(err)
}

// propose is [Registry.attempt] until nobody interferes.
func (g *Registry) propose(ctx context.Context, p proposal) (out Outcome, err error) {
	err = settled(p.revision.Name.Parent(), func() error {
		out, err = g.attempt(ctx, p)
		return err
	})
	return out, err
}

// attempt stores a revision, and publishes it as far as its intent says. It is
// the way of everything that makes or publishes revisions. What takes long
// happens before the transaction, which goes on only if it is still true, and is
// errMoved otherwise.
func (g *Registry) attempt(ctx context.Context, p proposal) (out Outcome, err error) {
	defer func() { out.Findings = p.findings }()
	base, changes, err := g.against(ctx, p)
	if err != nil {
		return Outcome{}, err
	}
	if p.intent.ValidateOnly {
		err = g.deps.Store.View(ctx, func(r Reader) error {
			c, err := g.decide(r, p, base, changes)
			out = c.Outcome
			return err
		})
		out.Diff = out.Diff.to(p.revision.Name, !out.Created)
		return out, err
	}
	changed := false
	err = g.deps.Store.Update(ctx, func(tx Tx) error {
		c, err := g.decide(tx, p, base, changes)
		if err != nil {
			return err
		}
		out, changed = c.Outcome, c.changed
		return apply(tx, c, p.content)
	})
	if err != nil {
		return Outcome{}, err
	}
	if changed {
		g.committed(ctx, p.revision.Name.Parent())
	}
	out.Diff = out.Diff.to(p.revision.Name, true)
	return out, nil
}

// against compares a proposal with what callers of its connector get now, the
// revision with the id published. The changes are nil if they get nothing
// yet, or the revision that is proposed.
func (g *Registry) against(ctx context.Context, p proposal) (published string, changes *Diff, err error) {
	name := p.revision.Name.Parent()
	var base Revision
	var old *connectorv1.Definition
	err = g.deps.Store.View(ctx, func(r Reader) error {
		if _, err := environment(r, name.Environment); err != nil {
			return err
		}
		c, err := r.Connector(name)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("read connector %s: %w", name, err)
		}
		published = c.Published // "" if there is no connector
		switch {
		case published == "" || published == p.revision.Name.ID:
			return nil
		case p.definition != nil:
			base, old, err = definitionOf(r, resource.Revision{Environment: name.Environment, Connector: name.ID, ID: published})
			return err
		case p.intent.AllowBreaking:
			return nil // nobody asks what changes
		}
		return errMoved
	})
	if err != nil || old == nil {
		return published, nil, err
	}
	changes, err = g.compare(ctx, base.Name, old, p.definition)
	return published, changes, err
}

// change is what a transaction is going to write.
type change struct {
	Outcome

	changed bool // the connector changes at all
}

// decide says what a proposal changes. base is the published revision that
// changes are about. It is the only place that knows; it writes nothing.
func (g *Registry) decide(r Reader, p proposal, base string, changes *Diff) (change, error) {
	name := p.revision.Name.Parent()
	if _, err := environment(r, name.Environment); err != nil {
		return change{}, err
	}
	c, err := r.Connector(name)
	exists := err == nil
	switch {
	case errors.Is(err, ErrNotFound):
		c = Connector{Name: name, Created: p.revision.Created}
	case err != nil:
		return change{}, fmt.Errorf("read connector %s: %w", name, err)
	}
	if c.Published != base {
		return change{}, errMoved
	}
	if p.guard != nil {
		if err := p.guard(c, exists); err != nil {
			return change{}, err
		}
	}
	if exists {
		err = editable(c, p.intent.Actor, p.otherwise)
	} else {
		c.Ownership, err = claim(r, name, p.intent.Actor)
	}
	if err != nil {
		return change{}, err
	}
	out := change{Outcome: Outcome{Connector: c, Diff: changes}}
	out.Revision, err = r.Revision(p.revision.Name)
	switch {
	case errors.Is(err, ErrNotFound) && p.stored:
		return change{}, errMoved
	case errors.Is(err, ErrNotFound):
		if err := out.add(p.revision); err != nil {
			return change{}, err
		}
	case err != nil:
		return change{}, fmt.Errorf("read revision %s: %w", p.revision.Name, err)
	case p.latest && c.Latest != p.revision.Name.ID:
		out.Connector.Latest, out.changed = p.revision.Name.ID, true
	}
	if err := out.publishAs(p); err != nil {
		return change{}, err
	}
	return g.finish(out), nil
}

// add makes a revision the next of its connector.
func (c *change) add(r Revision) error {
	if c.Connector.Sequence >= MaxRevisions {
		return fault.Exhausted(fault.ReasonLimitReached,
			"connector %q has %d revisions, which is the limit; use another id or delete it", c.Connector.Name.ID, MaxRevisions).
			With("limit", strconv.Itoa(MaxRevisions))
	}
	c.Connector.Sequence++
	c.Connector.Latest, c.Connector.URL = r.Name.ID, r.URL
	r.Sequence = c.Connector.Sequence
	c.Revision, c.Created, c.changed = r, true, true
	return nil
}

// publishAs publishes the revision if its proposal says so. A first revision with
// code that cannot run, or with policies that refuse calls without anybody having said
// that this is meant, stays a draft; to ask for its publication is SCRIPT_INVALID or
// REVISION_BREAKING.
func (c *change) publishAs(p proposal) error {
	refuses := p.flaws.refuses != "" && !p.intent.AllowBreaking
	first := p.intent.Publish == PublishFirst && c.Created && c.Revision.Sequence == 1
	switch {
	case p.intent.Publish != PublishAlways && !(first && p.flaws.broken == "" && !refuses):
		return nil
	case c.Connector.Published == c.Revision.Name.ID:
	case p.flaws.broken != "":
		return unrunnable(c.Connector, p.flaws.broken)
	case refuses:
		return refusing(c.Connector, p.flaws.refuses)
	}
	return c.publish(p.intent.AllowBreaking)
}

// publish makes the revision the one that callers get: REVISION_BREAKING if that
// breaks them and is not allowed to.
func (c *change) publish(allowBreaking bool) error {
	if c.Connector.Published == c.Revision.Name.ID {
		return nil
	}
	if c.Diff != nil && c.Diff.Breaking > 0 && !allowBreaking {
		return breaking(c.Connector, c.Diff)
	}
	c.Revision.State, c.Revision.Note = Published, ""
	c.Connector.Published = c.Revision.Name.ID
	c.changed = true
	return nil
}

// finish makes the connector look like the revision that it shows, and counts
// the change.
func (g *Registry) finish(c change) change {
	if !c.changed {
		return c
	}
	if shown := c.Connector.Published; shown == c.Revision.Name.ID || shown == "" {
		c.Connector.show(c.Revision)
	}
	c.Connector.change(g.deps.Clock.Now().UTC())
	return c
}

// apply writes a change and announces it.
func apply(tx Tx, c change, content Packed) error {
	if !c.changed {
		return nil
	}
	var err error
	if c.Created {
		err = tx.PutRevision(c.Revision, content)
	} else {
		err = tx.PutState(c.Revision)
	}
	if err != nil {
		return fmt.Errorf("write revision: %w", err)
	}
	if err := tx.PutConnector(c.Connector); err != nil {
		return fmt.Errorf("write connector: %w", err)
	}
	if err := tx.Announce(c.Connector); err != nil {
		return fmt.Errorf("announce change: %w", err)
	}
	return nil
}

// maxBreakingShown is how many breaking changes a refusal lists.
const maxBreakingShown = 50

// breaking refuses to publish what breaks callers, and says what that is.
func breaking(c Connector, d *Diff) error {
	published := resource.Revision{Environment: c.Name.Environment, Connector: c.Name.ID, ID: c.Published}
	f := fault.Precondition(fault.ReasonRevisionBreaking,
		"%d changes break callers of connector %q; keep them working, or publish with allow_breaking", d.Breaking, c.Name.ID).
		With("breaking", strconv.Itoa(d.Breaking)).With("published", published.String())
	for _, ch := range d.Changes[:min(len(d.Changes), maxBreakingShown)] {
		if ch.Impact == diff.Breaking {
			f = f.Field(place(ch), ch.Message)
		}
	}
	return f
}

// definitionOf returns a revision with its whole definition.
func definitionOf(r Reader, name resource.Revision) (Revision, *connectorv1.Definition, error) {
	rev, err := revision(r, name)
	if err != nil {
		return Revision{}, nil, err
	}
	def, err := r.Definition(rev)
	if err != nil {
		return Revision{}, nil, fmt.Errorf("read definition: %w", err)
	}
	return rev, def, nil
}

// drafted makes a proposal of a definition and the files that it is made of.
func (g *Registry) drafted(r Revision, content Content) (proposal, error) {
	if err := checkSize(content.Definition); err != nil {
		return proposal{}, err
	}
	id, err := contentID(r, content)
	if err != nil {
		return proposal{}, err
	}
	packed, err := g.deps.Store.Pack(content)
	if err != nil {
		return proposal{}, fmt.Errorf("pack revision: %w", err)
	}
	r.State, r.Sequence, r.Note = Draft, 0, ""
	r.Created = g.deps.Clock.Now().UTC()
	r.Name.ID = id
	r.summarise(content.Definition, content.Files)
	return proposal{revision: r, content: packed, definition: content.Definition, findings: content.Findings, flaws: flawsOf(r, content.Findings)}, nil
}
