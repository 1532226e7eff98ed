package plan

import (
	"bytes"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

const (
	// schemaHost is where the compiler believes our schemas to be. The name can
	// never exist (RFC 6761), and nothing is fetched anyway.
	schemaHost = "https://schemas.invalid/"
	// refPrefix begins references to named schemas in the model.
	refPrefix = "#/$defs/"
)

// schemas are the named schemas of a definition and a compiler that knows them.
// Named schemas are read when something first refers to them. Safe for
// concurrent use.
type schemas struct {
	byName map[string]int
	list   []*connectorv1.Schema
	absent string // mark of properties that this side of a call need not hold

	mu       sync.Mutex
	compiler *jsonschema.Compiler
	made     int // schemas without a name that were compiled
}

// newSchemas returns the schemas for what is sent.
func newSchemas(list []*connectorv1.Schema) *schemas {
	s := &schemas{byName: make(map[string]int, len(list)), list: list, absent: "readOnly"}
	for i, one := range list {
		s.byName[one.GetName()] = i
	}
	return s
}

// answered returns the same schemas for what is answered.
func (s *schemas) answered() *schemas {
	return &schemas{byName: s.byName, list: s.list, absent: "writeOnly"}
}

// named returns the text of a schema that a reference names, nil if there is
// none, and what follows the name in the reference.
func (s *schemas) named(ref string) (index int, rest string, ok bool) {
	pointer, ok := strings.CutPrefix(ref, refPrefix)
	if !ok {
		return 0, "", false
	}
	name, rest, deeper := strings.Cut(pointer, "/")
	if deeper {
		rest = "/" + rest
	}
	// RFC 6901 escapes; some sources percent-encode on top of that.
	unescape := strings.NewReplacer("~1", "/", "~0", "~").Replace
	if index, ok = s.byName[unescape(name)]; ok {
		return index, rest, true
	}
	plain, err := url.PathUnescape(name)
	if err != nil {
		return 0, "", false
	}
	index, ok = s.byName[unescape(plain)]
	return index, rest, ok
}

// resolve returns the members of a schema, following references to whole named
// schemas; nil if it is no object.
func (s *schemas) resolve(raw []byte) []member {
	for range maxReferences {
		if jsontext.Value(raw).Kind() != '{' {
			return nil
		}
		list := members(raw)
		ref := property(list, "$ref")
		if ref.Kind() != '"' {
			return list
		}
		index, rest, ok := s.named(text(ref))
		if !ok || rest != "" {
			return list
		}
		raw = s.list[index].GetJson()
	}
	return nil
}

// compile makes a validator. Real descriptions hold schemas that no validator
// accepts, or that ask for endless work; they restrict nothing: the API has the
// last word. So the result is nil then, as it is for a schema that says nothing.
func (s *schemas) compile(raw []byte) *validator {
	if len(raw) == 0 {
		return nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.compiler == nil {
		s.compiler = s.newCompiler()
	}
	s.made++
	at := schemaHost + "inline/" + strconv.Itoa(s.made)
	if err := s.compiler.AddResource(at, s.clean(doc)); err != nil {
		return nil
	}
	compiled, err := s.compiler.Compile(at)
	if err != nil || !bounded(compiled) {
		return nil
	}
	return &validator{compiled}
}

// newCompiler returns a compiler with draft 4, which is what Swagger 2.0 builds
// on; what newer drafts say differently is translated by clean.
func (s *schemas) newCompiler() *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	c.UseLoader(loader{s}) // the default one opens files that a schema names
	c.UseRegexpEngine(lenientRegexp)
	c.RegisterVocabulary(vocabulary())
	return c
}

// loader hands out named schemas and refuses everything else.
type loader struct{ schemas *schemas }

// Load implements [jsonschema.URLLoader].
func (l loader) Load(at string) (any, error) {
	number, ok := strings.CutPrefix(at, schemaHost)
	index, err := strconv.Atoi(number)
	if !ok || err != nil || index < 0 || index >= len(l.schemas.list) {
		return nil, fmt.Errorf("schema %q is not part of the definition", at)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(l.schemas.list[index].GetJson()))
	if err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	return l.schemas.clean(doc), nil
}

// lenientRegexp accepts what Go cannot compile (ECMAScript has look-ahead and
// back references) and lets it match everything.
func lenientRegexp(pattern string) (jsonschema.Regexp, error) {
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		return anything{}, nil //nolint:nilerr // see above
	}
	return compiled, nil
}

type anything struct{}

// MatchString implements [jsonschema.Regexp].
func (anything) MatchString(string) bool { return true }

// String implements [jsonschema.Regexp].
func (anything) String() string { return ".*" }
