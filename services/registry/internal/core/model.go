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
	// MaxSourceBytes is the greatest size of all files of a source, after an
	// archive was unpacked: 64 MiB, so that an answer can hold them.
	MaxSourceBytes = 64 << 20
	// MaxSummary is the length in bytes at which a connector's description is
	// cut; the whole text is in its definition.
	MaxSummary = 4096
	// MaxEditors is the greatest number of editors of one connector.
	MaxEditors = 100
	// MaxNote is the length in bytes at which the note of a deprecation ends.
	MaxNote = 4096
	// maxCardText and maxCategories bound what records repeat of definitions.
	maxCardText   = 256
	maxCategories = 32
)

// Connector is a wrapper around one API.
type Connector struct {
	// Name identifies it.
	Name resource.Connector
	// Title, Description, Format, Actions, Triggers and Card are those of the
	// published revision, or of the latest while none is published.
	Title       string
	Description string
	Format      format.ID
	Actions     int
	Triggers    int
	Card
	// Ownership is who may change it.
	Ownership
	// URL is where its latest revision was fetched, without credentials and
	// query; "" if it was sent.
	URL string
	// Published is the id of the revision that callers get, "" until there is
	// one. Latest is the id of the one that was imported or edited last.
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
	// Draft was made and never published.
	Draft State = "draft"
	// Published is what callers get, or was and may still be pinned.
	Published State = "published"
	// Deprecated still works and should not be used any more.
	Deprecated State = "deprecated"
)

// Card is what a catalogue shows of a revision besides title and description.
type Card struct {
	// Publisher is who publishes the connector.
	Publisher string `json:",omitempty"`
	// Categories are those of the catalogue.
	Categories []string `json:",omitempty"`
	// Authentication is the kinds of authentication that connections can use,
	// sorted: see [AuthenticationKinds].
	Authentication []string `json:",omitempty"`
	// HasIcon is whether the source has a picture that [Registry.Icon] returns.
	HasIcon bool `json:",omitempty"`
}

// Selection chooses operations of a description. Empty lists choose all.
type Selection struct {
	// Only are those that are taken.
	Only []string `json:",omitempty"`
	// Except are those that are left out, even if Only names them.
	Except []string `json:",omitempty"`
}

// All reports whether everything is chosen without a question.
func (s Selection) All() bool { return len(s.Only) == 0 && len(s.Except) == 0 }

// Revision is one immutable version of a connector; only its state changes, and
// the note that explains it.
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
	Card
	// Created is when it was made.
	Created time.Time
	// SourceBytes is the size of its source.
	SourceBytes int64
	// URL is where its source was fetched, without credentials and query; "" if
	// it was sent.
	URL string
	// Edited is whether its definition was changed after it was made of the source.
	Edited bool `json:",omitempty"`
	// Selection is which operations of the source were taken.
	Selection Selection `json:",omitzero"`
	// Note says why it is deprecated.
	Note string `json:",omitempty"`
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

// summarise fills in what a revision repeats of its definition and its source.
func (r *Revision) summarise(def *connectorv1.Definition, files []format.File) {
	info := def.GetInfo()
	r.Title = info.GetTitle()
	r.Description = cut(info.GetDescription(), MaxSummary)
	r.Actions, r.Triggers = countKinds(def)
	r.Card = Card{Publisher: cut(info.GetPublisher(), maxCardText), Authentication: AuthenticationKinds(def)}
	for _, c := range info.GetCategories()[:min(len(info.GetCategories()), maxCategories)] {
		r.Categories = append(r.Categories, cut(c, maxCardText))
	}
	r.Files, r.SourceBytes = len(files), 0
	for _, f := range files {
		r.SourceBytes += int64(len(f.Content))
		if f.Path == info.GetIcon().GetFile() {
			_, r.HasIcon = pictureType(f.Content)
		}
	}
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
	c.Actions, c.Triggers, c.Card = r.Actions, r.Triggers, r.Card
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
