package openapi

import (
	"strconv"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// The limits of a translation. Far from what real descriptions need, they keep
// the work on a hostile one linear: references let a few bytes stand for many.
const (
	// MaxOperations is the greatest number of operations of one document. The
	// largest known API has 16,000. More is DOCUMENT_TOO_LARGE.
	MaxOperations = 50_000
	// MaxDefinitionBytes is the greatest size of the operations of a definition,
	// and of all schemas that are made for it: 72 MiB, more than the largest
	// source. More is DOCUMENT_TOO_LARGE.
	MaxDefinitionBytes = 72 << 20
	// MaxParameters is the greatest number of parameters of one list; the rest
	// is ignored with a finding.
	MaxParameters = 1000
	// MaxSchemes is the greatest number of security schemes and of alternative
	// security requirements of one list; the rest is ignored with a finding.
	MaxSchemes = 64

	// maxMediaTypes is the number of media types of one list that are read.
	maxMediaTypes = 32
	// maxPathBytes is the greatest length of a path that is looked into.
	maxPathBytes = 8 << 10
	// maxVisits is how many schemas are searched for callback URLs.
	maxVisits = 2_000_000
	// maxWork is how many members of objects that references lead to are looked
	// at: five times what the largest description needs.
	maxWork = 10_000_000
	// maxServers is the number of servers of one list that are read.
	maxServers = 256
)

// budget is what a translation may still use up.
type budget struct {
	// text counts the bytes of schemas and extensions, wire those of operations.
	text, wire int
	// visits counts schemas that are searched, work the members of objects that
	// references lead to.
	visits, work int
}

// exhausted reports whether so much text was made that the translation fails
// anyway; nothing more is made then.
func (b *budget) exhausted() bool { return b.text > MaxDefinitionBytes || b.work > maxWork }

// spend counts text and returns it.
func (b *budget) spend(text []byte) []byte {
	b.text += len(text)
	return text
}

// check is the fault of a definition that has become too large.
func (b *budget) check(at *document.Node, operations []*connectorv1.Operation) error {
	if n := len(operations); n > 0 {
		b.wire += proto.Size(operations[n-1])
	}
	if len(operations) > MaxOperations {
		return fault.Invalid(fault.ReasonDocumentTooLarge,
			"the document has more than %d operations; split it", MaxOperations).
			With("limit", strconv.Itoa(MaxOperations)).With("pointer", at.Pointer())
	}
	if b.wire > MaxDefinitionBytes || b.exhausted() {
		return fault.Invalid(fault.ReasonDocumentTooLarge,
			"the definition of the document is larger than %d bytes; split it", MaxDefinitionBytes).
			With("limit", strconv.Itoa(MaxDefinitionBytes)).With("pointer", at.Pointer())
	}
	return nil
}
