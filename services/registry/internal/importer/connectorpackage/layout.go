package connectorpackage

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/scriptfile"
)

// The files of a package.
const (
	definitionFile = "apiDefinition.swagger.json"
	propertiesFile = "apiProperties.json"
	scriptFile     = "script.csx"
)

// The files of a connector in a solution. Each has the name of the connector in
// front, in a folder "Connector" or "Connectors".
const (
	definitionPart     = "_openapidefinition.json"
	scriptPart         = "_customcodeblobcontent.csx"
	iconPart           = "_iconblob"
	customizationsFile = "customizations.xml"
)

// propertyParts are the files of a connector in a solution that hold one property
// of a package each.
var propertyParts = map[string]string{
	"_connectionparameters.json":    "connectionparameters",
	"_connectionparametersets.json": "connectionparametersets",
	"_policytemplateinstances.json": "policytemplateinstances",
	"_scriptoperations.json":        "scriptoperations",
	"_capabilities.json":            "capabilities",
}

// layout is where the things of one connector are: in the files of a package, or
// spread over those of a solution.
type layout struct {
	definition *document.Document
	// documents are the other documents that are read.
	documents []*document.Document
	// root is the object that holds the properties, nil in a solution; parts are
	// single properties by their names in lower case, nil in a package.
	root  *document.Node
	parts map[string]*document.Node
	// code are the files with custom code, pictures those that may be the icon.
	code     []string
	pictures []format.File
	// running is the custom code that runs here, nil if there is none.
	running *connectorv1.Script
	// color is the brand colour that a solution keeps elsewhere.
	color string
}

// find looks for the files and parses them.
func find(src *format.Source) (*layout, error) {
	definitions := definitionParts(src)
	if len(definitions) == 0 || len(src.Named(definitionFile)) > 0 {
		return findPackage(src)
	}
	if len(definitions) > 1 {
		return nil, several(definitionPart, definitions)
	}
	return findPart(src, definitions[0])
}

func findPackage(src *format.Source) (*layout, error) {
	definition, err := only(src, definitionFile)
	if err != nil {
		return nil, err
	}
	properties, err := only(src, propertiesFile)
	if err != nil {
		return nil, err
	}
	l := &layout{
		definition: definition, documents: []*document.Document{properties},
		root: properties.Root().GetFold("properties"), code: src.Named(scriptFile),
		running: scriptfile.Find(src, properties.Path()),
	}
	if !l.root.Is(document.Object) {
		// Some leave the outer object out.
		if l.root = properties.Root(); !slices.ContainsFunc(l.root.Children(), isProperty) {
			return nil, invalid(properties, "/properties", "it has no object \"properties\"; add one")
		}
	}
	folder := path.Dir(properties.Path())
	for _, f := range src.Files() {
		if path.Dir(f.Path) == folder && strings.EqualFold(strings.TrimSuffix(path.Base(f.Path), path.Ext(f.Path)), "icon") {
			l.pictures = append(l.pictures, f)
		}
	}
	return l, nil
}

func isProperty(n *document.Node) bool { return knownKeys[strings.ToLower(n.Key())] }

// only parses the one file of that name.
func only(src *format.Source, name string) (*document.Document, error) {
	paths := src.Named(name)
	switch {
	case len(paths) == 0:
		return nil, fault.Invalid(fault.ReasonDocumentInvalid,
			"a connector package needs the file %q; add it", name).With("path", name)
	case len(paths) > 1:
		return nil, several(name, paths)
	}
	return src.Document(paths[0])
}

func several(name string, paths []string) error {
	return fault.Invalid(fault.ReasonDocumentInvalid,
		"there are several files %q: %q and %q; import one connector at a time", name, paths[0], paths[1]).
		With("path", paths[1])
}

// definitionParts returns the definitions of the connectors of a solution.
func definitionParts(src *format.Source) []string {
	var found []string
	for _, f := range src.Files() {
		if _, ok := cutSuffixFold(f.Path, definitionPart); ok {
			found = append(found, f.Path)
		}
	}
	return found
}

// findPart finds the files that have the same name in front as the definition.
func findPart(src *format.Source, definition string) (*layout, error) {
	name, _ := cutSuffixFold(definition, definitionPart)
	l := &layout{parts: map[string]*document.Node{}}
	var err error
	if l.definition, err = src.Document(definition); err != nil {
		return nil, err
	}
	for _, f := range src.Files() {
		if strings.EqualFold(path.Base(f.Path), customizationsFile) {
			l.color = brandColor(f.Content)
		}
		if len(f.Path) < len(name) || !strings.EqualFold(f.Path[:len(name)], name) {
			continue
		}
		suffix := strings.ToLower(f.Path[len(name):])
		key, isPart := propertyParts[suffix]
		switch {
		case suffix == scriptPart:
			l.code = append(l.code, f.Path)
		case strings.HasPrefix(suffix, iconPart):
			l.pictures = append(l.pictures, f)
		case isPart && len(bytes.TrimSpace(f.Content)) > 0:
			doc, err := src.Document(f.Path)
			if err != nil {
				return nil, err
			}
			l.documents = append(l.documents, doc)
			l.parts[key] = doc.Root()
		}
	}
	return l, nil
}

func cutSuffixFold(s, suffix string) (string, bool) {
	cut := len(s) - len(suffix)
	if cut < 0 || !strings.EqualFold(s[cut:], suffix) {
		return s, false
	}
	return s[:cut], true
}

// brandColor reads the colour of the only connector in the customizations of a
// solution. A file that cannot be read has none: nothing else is in it that a
// connector needs.
func brandColor(content []byte) string {
	decoder := xml.NewDecoder(bytes.NewReader(content))
	decoder.Strict = false
	decoder.CharsetReader = func(string, io.Reader) (io.Reader, error) {
		return nil, errors.New("only UTF-8 is read")
	}
	color := ""
	for {
		token, err := decoder.Token()
		if err != nil {
			return color
		}
		start, ok := token.(xml.StartElement)
		if !ok || !strings.EqualFold(start.Name.Local, "iconbrandcolor") {
			continue
		}
		text, err := decoder.Token()
		if chars, ok := text.(xml.CharData); ok && err == nil && color == "" {
			color = string(chars)
		}
	}
}
