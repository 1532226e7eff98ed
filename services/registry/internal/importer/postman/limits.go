package postman

import (
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// The limits of a collection.
const (
	// MaxOperations is the greatest number of requests. More is
	// DOCUMENT_TOO_LARGE.
	MaxOperations = 50_000
	// MaxDefinitionBytes is the greatest size of the operations of a definition,
	// as they are stored. More is DOCUMENT_TOO_LARGE.
	MaxDefinitionBytes = 60 << 20
	// MaxParameters is the greatest number of parameters, and of fields of a
	// form, of one request; the rest is ignored with a finding.
	MaxParameters = 1000
	// MaxSchemes is the greatest number of security schemes and of parameter
	// sets; more ways to authenticate are ignored with a finding.
	MaxSchemes = 64
	// MaxExampleBytes is the greatest size of one example; larger ones only
	// count for the schema.
	MaxExampleBytes = 64 << 10
	// MaxExamples is the greatest number of examples of one representation.
	MaxExamples = 8

	// maxFolderDepth is the number of folders inside each other that are kept.
	maxFolderDepth = 32
	// maxNameBytes is the length to which names of folders and operations are
	// cut, since each operation repeats them.
	maxNameBytes = 128
	// maxValueBytes is the length of an expanded value, maxHops how many
	// variables may be inside each other, and maxExpanded what all expansions
	// may add up to: a few bytes of variables could stand for very many.
	maxValueBytes = 4 << 10
	maxHops       = 8
	maxExpanded   = 32 << 20
	// maxURLBytes is the greatest length of a URL that is read.
	maxURLBytes = 16 << 10
)

// check is the fault of a definition that has become too large: what requests
// inherit is small where it stands and large where it is repeated.
func (t *translation) check() error {
	size := 0
	for _, op := range t.def.GetOperations() {
		if size += proto.Size(op); size > MaxDefinitionBytes {
			return fault.Invalid(fault.ReasonDocumentTooLarge,
				"the definition of the collection is larger than %d bytes; split it", MaxDefinitionBytes).
				With("limit", strconv.Itoa(MaxDefinitionBytes)).With("path", t.doc.Path())
		}
	}
	return nil
}

// addRequest keeps a request for translation.
func (t *translation) addRequest(r *request) error {
	if len(t.col.requests) == MaxOperations {
		return fault.Invalid(fault.ReasonDocumentTooLarge,
			"the collection has more than %d requests; split it", MaxOperations).
			With("limit", strconv.Itoa(MaxOperations)).With("path", t.doc.Path())
	}
	t.readable(r)
	t.hidePath(r)
	t.col.requests = append(t.col.requests, r)
	return nil
}

// shorten cuts text for messages and names, at a character.
func shorten(s string) string {
	if len(s) <= maxNameBytes {
		return s
	}
	for i := range s {
		if i > maxNameBytes {
			return s[:i]
		}
	}
	return s
}
