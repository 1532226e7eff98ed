package lint

import (
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// The limits of schemas in the vendor's documentation. It does not say how deep
// they may be; beyond 30 levels its clients stop reading.
const (
	maxDepth        = 30
	maxBodySchemas  = 512
	maxTotalSchemas = 256 * 16_384
)

// schemaRules are about schemas as a whole and their references.
var schemaRules = []rule{
	{
		"SchemaReferenceNotFound", fails,
		"there is no schema %q", "define it, or refer to another", onSchema(func(s *schema, hit report) {
			if strings.HasPrefix(s.ref, "#/definitions/") && s.doc.resolve(s.ref, "#/") == nil {
				hit(s.refNode, s.ref)
			}
		}),
	},
	{
		"SchemaReferenceNotValid", fails,
		"the reference %q does not lead to a definition", "write \"#/definitions/\" and its name", onSchema(func(s *schema, hit report) {
			if s.kind == asSchema && s.refNode != nil && !isProperties(s) && !strings.HasPrefix(s.ref, "#/definitions/") {
				hit(s.refNode, s.ref)
			}
		}),
	},
	{
		"JsonPointerNotValid", fails,
		"the reference %q is no JSON pointer", "write \"~0\" for \"~\" and \"~1\" for \"/\" in names", onSchema(func(s *schema, hit report) {
			if strings.HasPrefix(s.ref, "#") && !validPointer(s.ref[1:]) {
				hit(s.refNode, s.ref)
			}
		}),
	},
	{
		"SchemaRefLoopNotAllowed", warns,
		"the definition is itself a reference to another", "write the schema here", onSchema(func(s *schema, hit report) {
			if s.owner == s.node && s.owner != nil && s.ref != "" {
				hit(s.refNode)
			}
		}),
	},
	{
		"RequiredLoopInSchemaNotAllowed", fails,
		"the schema requires itself: no value can satisfy it", "make one of the properties on the way optional", onEnd(func(d *swagger, hit report) {
			for _, n := range d.graph.loops() {
				hit(n)
			}
		}),
	},
	{
		"SchemaTooDeep", warns,
		"the schema is %d levels deep; 30 are read", "let it be flatter", onOperation(tooDeep),
	},
	{
		"BodySchemaCountExceedsMaxAllowed", warns,
		"the body is made of %d schemas; 512 are allowed", "leave out what nobody needs", onOperation(largeBody),
	},
	{
		"TotalSchemaCountExceedsMaxAllowed", fails,
		"all operations together are made of %d schemas; 4194304 are allowed", "leave out what nobody needs", onDocument(largeDocument),
	},
	{
		"SchemaTypeFileNotValid", fails,
		"the schema is of type \"file\"", "only form fields and whole responses are files", onSchema(misplacedFile),
	},
	{
		"InvalidStringBinaryProperty", warns,
		"a part of a body is binary", "send it as the whole body, or use the format \"byte\"", onSchema(misplacedBinary),
	},
	{
		"UnrecognizedTypeFormat", warns,
		"the format %q of the type %q is unknown", "check its spelling, or remove it", onSchema(unknownFormat),
	},
	{
		"InvalidCustomEditorExtensionDictionaryValue", fails,
		"the editor is \"dictionary\" and the schema is no object with additional properties",
		"remove \"x-ms-editor\", or allow additional properties", onSchema(badEditor),
	},
}

// isProperties reports whether "$ref" is the name of a property, not a keyword.
func isProperties(s *schema) bool { return !s.refNode.Is(document.String) }

func validPointer(text string) bool {
	if text != "" && text[0] != '/' {
		return false
	}
	for i := range len(text) {
		if text[i] == '~' && (i+1 == len(text) || text[i+1] != '0' && text[i+1] != '1') {
			return false
		}
	}
	return true
}

// bodiesOf hands the schemas of an operation's bodies to f.
func (o *operation) bodiesOf(f func(*document.Node)) {
	if o.body != nil && o.body.target.Get("schema") != nil {
		f(o.body.target.Get("schema"))
	}
	for _, r := range o.responses {
		if r.schema != nil {
			f(r.schema)
		}
	}
}

func tooDeep(o *operation, hit report) {
	o.bodiesOf(func(n *document.Node) {
		if s := o.doc.sizeOf(n); s.depth > maxDepth {
			hit(n, s.depth)
		}
	})
}

func largeBody(o *operation, hit report) {
	o.bodiesOf(func(n *document.Node) {
		if s := o.doc.sizeOf(n); s.count > maxBodySchemas {
			hit(n, s.count)
		}
	})
}

func largeDocument(d *swagger, hit report) {
	total := 0
	for _, o := range d.operations {
		o.bodiesOf(func(n *document.Node) { total = min(total+d.sizeOf(n).count, maxCount) })
	}
	if total > maxTotalSchemas {
		hit(d.root, total)
	}
}

func misplacedFile(s *schema, hit report) {
	if s.kind == asSchema && s.typ == "file" && (s.parent != nil || s.owner != nil || s.side == input) {
		hit(s.node)
	}
}

func misplacedBinary(s *schema, hit report) {
	if s.format != "binary" || s.typ != "string" || s.parent == nil {
		return
	}
	node := s.node
	s.inInput(func() { hit(node) })
}

// formats are those of each type that some product of the vendor reads.
var formats = map[string][]string{
	"string": {
		"byte", "binary", "date", "date-time", "date-no-tz", "password", "html", "uuid", "guid", "uri", "url", "email", "time",
		"char", "date-time-rfc1123", "duration", "hostname", "ipv4", "ipv6", "decimal",
	},
	"integer": {"int32", "int64", "unixtime", "int16", "uint32", "uint64"},
	"number":  {"float", "double", "decimal", "int32", "int64"},
}

func unknownFormat(s *schema, hit report) {
	if s.format == "" || s.typ == "" {
		return
	}
	if !slices.Contains(formats[s.typ], strings.ToLower(s.format)) {
		hit(s.node.Get("format"), s.format, s.typ)
	}
}

func badEditor(s *schema, hit report) {
	if !s.editor.Is(document.String) || s.editor.Text() != "dictionary" {
		return
	}
	if s.typ != "object" || s.additional == nil || s.additional.Text() == "false" {
		hit(s.editor)
	}
}
