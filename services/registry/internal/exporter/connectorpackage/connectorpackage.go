// Package connectorpackage writes connector packages: apiDefinition.swagger.json,
// apiProperties.json, the icon and the scripts.
//
// The document is Swagger 2.0 as package openapi writes it, with the vendor's own
// extensions and none of this platform. What the model knows beyond it goes to
// the properties in the vendor's notation. A package has no words for some ways
// to authenticate: those that are a header are written as a policy that sets it.
//
// The package is imported again before it is handed out, and everything that
// comes back differently is reported.
package connectorpackage

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/openapi"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/target"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/tree"
	importer "github.com/ferrule-dev/ferrule/services/registry/internal/importer/connectorpackage"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/scriptfile"
	"github.com/ferrule-dev/ferrule/services/registry/internal/overlay"
)

// The files of a package.
const (
	definitionFile = "apiDefinition.swagger.json"
	propertiesFile = "apiProperties.json"
	scriptFile     = "script.csx"
)

// defaultColor is what the vendor's wizard writes: a package has to have one.
const defaultColor = "#007ee5"

// Exporter writes connector packages.
type Exporter struct{}

var _ target.Exporter = Exporter{}

// Format returns [target.ConnectorPackage].
func (Exporter) Format() target.ID { return target.ConnectorPackage }

// Export writes the package. It fails when ctx ends, and with a fault where the
// definition holds text that is no JSON.
func (Exporter) Export(ctx context.Context, in target.Input) (*target.Output, error) {
	p := &pack{def: in.Definition, files: in.Files, properties: tree.New()}
	definition, err := tree.Document(openapi.Swagger(p.def, &p.findings))
	if err != nil {
		return nil, fmt.Errorf("export a connector package: %w", err)
	}
	p.sets()
	p.branding()
	policies := append(p.headers(), p.policies()...)
	p.scripts()
	p.properties.Set("capabilities", tree.Strings(p.def.GetInfo().GetCapabilities()))
	if len(policies) > 0 {
		p.properties.Set("policyTemplateInstances", policies)
	}
	info := p.def.GetInfo()
	p.properties.Text("publisher", info.GetPublisher()).Text("stackOwner", info.GetStackOwner())
	properties, err := tree.Document(tree.New().Set("properties", p.properties))
	if err != nil {
		return nil, fmt.Errorf("export a connector package: %w", err)
	}
	files := append([]format.File{
		{Path: definitionFile, Content: definition}, {Path: propertiesFile, Content: properties},
	}, p.assets()...)
	if err := p.check(ctx, files); err != nil {
		return nil, err
	}
	return &target.Output{Files: files, Findings: p.findings.Sorted()}, nil
}

// pack is the work on one package.
type pack struct {
	def        *connectorv1.Definition
	files      []format.File
	findings   target.Findings
	properties *tree.Object
	// script is the file with code for the vendor, running the one with code that
	// runs here; nil if there is none.
	script, running *format.File
}

func (p *pack) branding() {
	color := p.def.GetInfo().GetBrandColor()
	if color == "" {
		color = defaultColor
		p.findings.Approximated("/info/brandColor", "", "a package needs a brand colour; %q is used", color)
	}
	p.properties.Set("iconBrandColor", tree.String(color))
	if p.def.GetInfo().GetIcon().GetUrl() != "" {
		p.findings.Lost("/info/icon", "", "a package has its icon as a file; the one at a URL is left out")
	}
}

// scripts says which operations custom code handles. A package has one file with
// code for the vendor and one that runs here, and one list of operations for both.
func (p *pack) scripts() {
	var first []string
	said := false
	for i, s := range p.def.GetScripts() {
		at := fmt.Sprintf("/scripts/%d", i)
		into, content := &p.script, p.file(s.GetPath())
		if s.GetLanguage() == scriptfile.Language {
			into = &p.running
			if s.GetSource() != "" {
				content = &format.File{Content: []byte(s.GetSource())}
			}
		}
		switch {
		case *into != nil:
			p.findings.Lost(at, "", "a package has one script of each language; %q is left out", s.GetPath())
			continue
		case content == nil:
			p.findings.Lost(at, "", "the script %q is not among the files of the source; the operations that need it fail", s.GetPath())
		}
		*into = content
		if said && !slices.Equal(first, s.GetOperationIds()) {
			p.findings.Lost(at+"/operationIds", "", "a package has one list of operations for all of its code; that of %q is left out", s.GetPath())
			continue
		}
		p.properties.Set("scriptOperations", tree.Strings(s.GetOperationIds()))
		first, said = s.GetOperationIds(), true
	}
}

func (p *pack) file(name string) *format.File {
	i := slices.IndexFunc(p.files, func(f format.File) bool { return f.Path == name })
	if name == "" || i < 0 {
		return nil
	}
	return &p.files[i]
}

// assets returns the icon and the scripts.
func (p *pack) assets() []format.File {
	var files []format.File
	name := p.def.GetInfo().GetIcon().GetFile()
	switch icon := p.file(name); {
	case icon != nil:
		files = append(files, format.File{Path: path.Base(name), Content: icon.Content})
	case name != "":
		p.findings.Lost("/info/icon", "", "the icon %q is not among the files of the source", name)
	}
	if p.script != nil {
		files = append(files, format.File{Path: scriptFile, Content: p.script.Content})
	}
	if p.running != nil {
		files = append(files, format.File{Path: scriptfile.Name, Content: p.running.Content})
	}
	return files
}

// check imports the package and reports what comes back differently.
func (p *pack) check(ctx context.Context, files []format.File) error {
	differences, err := p.differences(ctx, files)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("export a connector package: %w", ctx.Err())
	case err != nil:
		p.findings.Lost("", "", "the package cannot be read back, so that nobody knows whether it is complete: %v", err)
	}
	for _, d := range differences {
		if d.Field == "explode" && p.isPlain(d.Operation, d.Model) {
			p.findings.Approximated("", "", "a package does not say whether plain values are exploded; it makes no difference")
			continue
		}
		if p.findings.Covers(d.Model) {
			continue // said in better words
		}
		p.findings.Lost(d.Model, d.Operation, "a package cannot say all of %q; importing it gives something else", d.Field)
	}
	return nil
}

// isPlain reports whether the field is one of a parameter with plain values.
func (p *pack) isPlain(operation, field string) bool {
	i := slices.IndexFunc(p.def.GetOperations(), func(op *connectorv1.Operation) bool { return op.GetOperationId() == operation })
	var at int
	_, after, _ := strings.Cut(field, "/parameters/")
	if _, err := fmt.Sscanf(after, "%d/", &at); err != nil || i < 0 || at >= len(p.def.GetOperations()[i].GetParameters()) {
		return false
	}
	schema := p.def.GetOperations()[i].GetParameters()[at].GetSchema()
	doc, err := document.Parse("schema.json", schema)
	return err == nil && slices.Contains([]string{"string", "number", "integer", "boolean"}, doc.Root().Str("type"))
}

func (p *pack) differences(ctx context.Context, files []format.File) ([]overlay.Difference, error) {
	src, err := format.NewSource(files)
	if err != nil {
		return nil, fmt.Errorf("read back: %w", err)
	}
	doc, err := src.Document(definitionFile)
	if err != nil {
		return nil, fmt.Errorf("read back: %w", err)
	}
	result, err := importer.Importer{}.Import(ctx, src)
	if err != nil {
		return nil, fmt.Errorf("read back: %w", err)
	}
	differences, err := overlay.Compare(p.def, result.Definition, doc.Root())
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	return differences, nil
}
