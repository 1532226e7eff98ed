// Package core holds the rules of the registry: what an import does, what is
// published, what callers see, and what it refuses.
//
// [Registry] has one method for each use case. It reads sources through the
// importers, documents by URL through a [Fetcher], and keeps everything in a
// [Store]; it knows neither gRPC nor a storage engine. A [Connector] is the only
// thing that changes; a [Revision] with its content never does.
//
// All errors are faults, except those of the store and of contexts.
package core

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// The limits of the registry.
const (
	// MaxRevisions is the greatest number of revisions of one connector.
	MaxRevisions = 1000
	// MaxDefinitionBytes is the greatest size of an encoded definition: 60 MiB,
	// which leaves room for the envelope of an answer.
	MaxDefinitionBytes = 60 << 20
	// MaxSummary is the length in bytes at which a connector's description is
	// cut; the whole text is in its definition.
	MaxSummary = 4096
)

// Connector is a wrapper around one API.
type Connector struct {
	// Name identifies it.
	Name resource.Connector
	// Title, Description, Format, Actions and Triggers are those of the published
	// revision, or of the latest while none is published.
	Title       string
	Description string
	Format      format.ID
	Actions     int
	Triggers    int
	// Published is the id of the revision that callers get, "" until there is
	// one. Latest is the id of the one that was imported last.
	Published string
	Latest    string
	// Created and Updated are when it was first imported and last changed.
	Created time.Time
	Updated time.Time
	// Generation counts its changes, Sequence the revisions it has had.
	Generation uint64
	Sequence   uint64
}

// Etag returns text that is different after every change, and different again
// for a connector that was deleted and imported anew.
func (c Connector) Etag() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", c.Name, c.Created.UnixNano(), c.Generation))
	return hex.EncodeToString(sum[:8])
}

// State is where a revision stands in its life.
type State string

// The states. The values are stored.
const (
	// Draft was imported and never published.
	Draft State = "draft"
	// Published is what callers get, or was and may still be pinned.
	Published State = "published"
)

// Revision is one immutable version of a connector; only its state changes, once.
type Revision struct {
	// Name identifies it; its id is the hash of its content.
	Name resource.Revision
	// Sequence is its number among the revisions of its connector, from 1.
	Sequence uint64
	// State is where it stands.
	State State
	// Format is that of its source.
	Format format.ID
	// Title and Description are those of its definition, the latter cut at
	// MaxSummary bytes.
	Title       string
	Description string
	// Actions and Triggers count its operations by kind; Files counts the files
	// of its source.
	Actions  int
	Triggers int
	Files    int
	// Created is when it was imported.
	Created time.Time
	// SourceBytes is the size of its source.
	SourceBytes int64
	// URL is where its source was fetched, without credentials and query; "" if
	// it was sent.
	URL string
}

// Operations returns the number of its operations.
func (r Revision) Operations() int { return r.Actions + r.Triggers }

// Content is what a revision is made of.
type Content struct {
	// Definition is the whole model.
	Definition *connectorv1.Definition
	// Findings are what the importer noticed.
	Findings []format.Finding
	// Files are the source, sorted by path.
	Files []format.File
}

// summarise fills in what a revision repeats of its definition.
func (r *Revision) summarise(def *connectorv1.Definition) {
	r.Title = def.GetInfo().GetTitle()
	r.Description = cut(def.GetInfo().GetDescription(), MaxSummary)
	r.Actions, r.Triggers = countKinds(def)
}

func countKinds(def *connectorv1.Definition) (actions, triggers int) {
	for _, op := range def.GetOperations() {
		if op.GetKind() == connectorv1.OperationKind_OPERATION_KIND_ACTION {
			actions++
		} else {
			triggers++
		}
	}
	return actions, triggers
}

// show makes the connector look like one of its revisions.
func (c *Connector) show(r Revision) {
	c.Title, c.Description, c.Format = r.Title, r.Description, r.Format
	c.Actions, c.Triggers = r.Actions, r.Triggers
}

// change counts a change.
func (c *Connector) change(now time.Time) {
	c.Generation++
	c.Updated = now
}

// cut returns at most n bytes of s and never half a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.ToValidUTF8(s[:n], "")
}
