package lint

import (
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// kind is what a schema is written as.
type kind uint8

const (
	// asSchema is a schema object.
	asSchema kind = iota
	// asParameter, asHeader and asItems have keywords of schemas among theirs.
	asParameter
	asHeader
	asItems
)

// schema is an object with keywords about values, taken apart once for all rules.
// It is valid until the rules have seen it.
type schema struct {
	doc  *swagger
	node *document.Node
	kind kind
	// operation is where it stands; nil in definitions.
	operation *operation
	// parameter is the one that it is, or whose schema it is.
	parameter *parameter
	// parent is the schema around it, nil for the outermost.
	parent *schema
	// owner is the definition that it is part of, or nil.
	owner *document.Node
	side  side
	// property is its name in parent; "" for items and the like.
	property string
	// required is whether parent requires it.
	required bool
	// certain is whether every value of the definition has one of it.
	certain bool
	// internal is whether it or something around it is internal.
	internal bool

	typ, format, ref                            string
	refNode                                     *document.Node
	enum, def, items, properties, requires      *document.Node
	additional, discriminator, pattern          *document.Node
	minimum, maximum, aboveMinimum, belowMax    *document.Node
	minLength, maxLength, minItems, maxItems    *document.Node
	minProperties, maxProperties, multipleOf    *document.Node
	allOf, title, description, summary          *document.Node
	visibility, enumValues, editor, url         *document.Node
	values, list, schemaOf, propertiesOf, tree  *document.Node
	capabilities, readOnly, collection, unknown *document.Node
	unsupported, typeNode                       *document.Node
}

// read takes the keywords of the node apart.
func (s *schema) read() {
	for _, m := range s.node.Children() {
		if at := s.keyword(m.Key()); at != nil {
			*at = m
			continue
		}
		s.other(m)
	}
	if s.typeNode.Is(document.String) {
		s.typ = s.typeNode.Text()
	}
	s.format = s.node.Str("format")
	if s.refNode.Is(document.String) {
		s.ref = s.refNode.Text()
	}
}

// keyword returns where the value of a keyword goes.
func (s *schema) keyword(key string) **document.Node {
	switch key {
	case "type":
		return &s.typeNode
	case "$ref":
		return &s.refNode
	case "enum":
		return &s.enum
	case "default":
		return &s.def
	case "items":
		return &s.items
	case "properties":
		return &s.properties
	case "required":
		return &s.requires
	case "additionalProperties":
		return &s.additional
	case "discriminator":
		return &s.discriminator
	case "pattern":
		return &s.pattern
	case "allOf":
		return &s.allOf
	case "title":
		return &s.title
	case "description":
		return &s.description
	case "readOnly":
		return &s.readOnly
	case "collectionFormat":
		return &s.collection
	}
	if strings.HasPrefix(key, "x-ms-") {
		return s.extension(key)
	}
	return s.limit(key)
}

// limit is keyword for those that limit values.
func (s *schema) limit(key string) **document.Node {
	switch key {
	case "minimum":
		return &s.minimum
	case "maximum":
		return &s.maximum
	case "exclusiveMinimum":
		return &s.aboveMinimum
	case "exclusiveMaximum":
		return &s.belowMax
	case "minLength":
		return &s.minLength
	case "maxLength":
		return &s.maxLength
	case "minItems":
		return &s.minItems
	case "maxItems":
		return &s.maxItems
	case "minProperties":
		return &s.minProperties
	case "maxProperties":
		return &s.maxProperties
	case "multipleOf":
		return &s.multipleOf
	}
	return nil
}

// extension is keyword for extensions.
func (s *schema) extension(key string) **document.Node {
	switch key {
	case "x-ms-summary":
		return &s.summary
	case "x-ms-visibility":
		return &s.visibility
	case "x-ms-enum-values":
		return &s.enumValues
	case "x-ms-editor":
		return &s.editor
	case "x-ms-notification-url":
		return &s.url
	case "x-ms-dynamic-values":
		return &s.values
	case "x-ms-dynamic-list":
		return &s.list
	case "x-ms-dynamic-schema":
		return &s.schemaOf
	case "x-ms-dynamic-properties":
		return &s.propertiesOf
	case "x-ms-dynamic-tree":
		return &s.tree
	case "x-ms-capabilities":
		return &s.capabilities
	}
	return nil
}

// foreign are keywords of JSON Schema and of later versions of OpenAPI that
// Swagger 2.0 does not have.
var foreign = []string{
	"oneOf", "anyOf", "not", "nullable", "patternProperties", "dependencies", "const", "if", "then", "else", "contains",
	"propertyNames", "additionalItems", "definitions", "$schema", "$id", "id", "examples", "deprecated", "writeOnly",
}

// plain are keywords that no rule looks at.
var plain = []string{"format", "example", "externalDocs", "xml", "uniqueItems"}

func (s *schema) other(m *document.Node) {
	key := m.Key()
	switch {
	case strings.HasPrefix(key, "x-"), slices.Contains(plain, key):
	case s.kind == asParameter && slices.Contains([]string{"name", "in", "schema", "allowEmptyValue"}, key):
	case slices.Contains(foreign, key):
		if s.unsupported == nil {
			s.unsupported = m
		}
	case s.unknown == nil:
		s.unknown = m
	}
}

// requires reports whether a list of required properties has the name.
func requires(list *document.Node, name string) bool {
	for _, r := range list.Children() {
		if r.Is(document.String) && r.Text() == name {
			return true
		}
	}
	return false
}

// inInput reports a breach of a rule for what is sent: at once, or once it is
// known that a request uses the definition.
func (s *schema) inInput(send func()) { s.when(input, send) }

// inOutput is inInput for what is only received.
func (s *schema) inOutput(send func()) { s.when(output, send) }

func (s *schema) when(on side, send func()) {
	if s.owner != nil {
		s.doc.graph.later = append(s.doc.graph.later, waiting{s.owner, on, send})
		return
	}
	if s.side == on {
		send()
	}
}
