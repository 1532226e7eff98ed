package openapi

import (
	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// dialect is what the versions of OpenAPI do differently.
type dialect interface {
	// invalid says why there is nothing to import, "" if there is; pointer says
	// where.
	invalid() (why, pointer string)
	// host names the API where the document has no title; "" if it does not say.
	host() string
	// readServers returns the servers of the document.
	readServers() []*connectorv1.Server
	// schemaMap and schemeMap are the objects that hold the named schemas
	// and security schemes.
	schemaMap() *document.Node
	schemeMap() *document.Node
	// readScheme completes a security scheme; false if it cannot be used.
	readScheme(s *connectorv1.SecurityScheme, n *document.Node) bool
	// siblings reports whether keywords beside a reference count.
	siblings() bool
	// isMethod tells operations from other members of a path item. Some authors
	// write methods in upper case.
	isMethod(key string) bool
	// isMember tells members of a path item that have a meaning.
	isMember(key string) bool
	// locations are those of parameters.
	locations() []string
	// readOperation reads the parameters and the body of an operation, and what else it
	// has in this version. It returns the places where a callback URL may go.
	readOperation(op *connectorv1.Operation, path string, item, n *document.Node) []place
	// readResponse reads the bodies of a response and what else it has in this
	// version. n is the operation.
	readResponse(response *connectorv1.Response, r, n *document.Node)
	// readHeader reads a response header, whose name and description are there.
	readHeader(h *connectorv1.ResponseHeader, n *document.Node)
}

// place is an input of an operation that may take a callback URL.
type place struct {
	// pointer says where it is in the operation's input.
	pointer string
	// node may be marked itself.
	node *document.Node
	// schema may have properties that are marked.
	schema *document.Node
}
