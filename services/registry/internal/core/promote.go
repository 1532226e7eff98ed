package core

import (
	"context"
	"fmt"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// PromoteRequest asks for a copy of a revision in another environment.
type PromoteRequest struct {
	// Name is the revision, or an alias of it.
	Name resource.Revision
	// Environment is where it goes.
	Environment resource.Environment
	// ID is the connector's there; the same as here if empty.
	ID string

	Intent
}

// Promoted is a connector in another environment.
type Promoted struct {
	Outcome
	// Requirements are what does not travel with a connector, in the order of its
	// parameter sets.
	Requirements []Requirement
}

// Requirement is something that has to be supplied where a connector is used.
type Requirement struct {
	// Set and Parameter say what needs it.
	Set, Parameter string
	// Message is what has to be done, one sentence.
	Message string
}

// Promote copies a revision with its source, policies and scripts. The copy has
// the same id, because its content is the same. Connections and secrets belong
// to their environment and stay there.
func (g *Registry) Promote(ctx context.Context, req PromoteRequest) (Promoted, error) {
	if err := g.checkTarget(ctx, req.Environment, req.ID); err != nil {
		return Promoted{}, err
	}
	leave, err := g.enter(ctx)
	if err != nil {
		return Promoted{}, err
	}
	defer leave()
	p := proposal{intent: req.Intent, otherwise: ", or promote it under another id with --id"}
	err = g.deps.Store.View(ctx, func(r Reader) error {
		if p.revision, p.definition, err = definitionOf(r, req.Name); err != nil {
			return err
		}
		if p.content, err = r.Packed(p.revision); err != nil {
			return fmt.Errorf("read content: %w", err)
		}
		findings, err := r.Findings(p.revision.Name)
		if err != nil {
			return fmt.Errorf("read findings: %w", err)
		}
		p.findings, p.flaws = findings, flawsOf(p.revision, findings)
		return nil
	})
	if err != nil {
		return Promoted{}, err
	}
	p.revision.State, p.revision.Note, p.revision.Created = Draft, "", g.deps.Clock.Now().UTC()
	p.revision.Name.Environment = req.Environment.ID
	if req.ID != "" {
		p.revision.Name.Connector = req.ID
	}
	out, err := g.propose(ctx, p)
	if err != nil {
		return Promoted{}, fmt.Errorf("promote to %s: %w", p.revision.Name, err)
	}
	return Promoted{Outcome: out, Requirements: requirements(p.definition)}, nil
}

// requirements returns what connections need that is never part of a definition.
func requirements(def *connectorv1.Definition) []Requirement {
	var list []Requirement
	if len(def.GetServers()) == 0 {
		list = append(list, Requirement{Message: "the description names no server: give each connection a server URL"})
	}
	for _, set := range def.GetParameterSets() {
		for _, p := range set.GetParameters() {
			if text := requirement(p); text != "" {
				list = append(list, Requirement{Set: set.GetName(), Parameter: p.GetName(), Message: text})
			}
		}
	}
	return list
}

// requirement says what a parameter needs; "" for plain values.
func requirement(p *connectorv1.ConnectionParameter) string {
	switch p.GetType() {
	case connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH:
		provider := p.GetOauth().GetIdentityProvider()
		if provider == "" {
			provider = "OAuth 2.0"
		}
		return fmt.Sprintf("register an OAuth client with the identity provider %q and give its id and secret to the vault", provider)
	case connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET:
		return "give each connection its own secret: secrets do not travel"
	case connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_CERTIFICATE:
		return "give each connection its own client certificate with its key: keys do not travel"
	case connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_AGENT:
		return "have an agent in the private network and name it in each connection"
	default:
		return ""
	}
}
