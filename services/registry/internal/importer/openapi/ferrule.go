package openapi

import (
	"errors"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/scriptfile"
	"github.com/ferrule-dev/ferrule/services/registry/internal/overlay"
)

// needed are the extensions without which calls would do something else than is meant,
// with what happens then.
var needed = map[string]string{
	overlay.Prefix + "policies": "none of its policies is applied",
	overlay.Prefix + "scripts":  "none of its custom code runs",
}

// ferrule reads the extensions of this platform, which say what OpenAPI cannot:
// see package overlay. They count whatever else the document says, unless it was
// edited since they were written, so that this is the last step of a translation, after which nothing else is derived.
func (t *translation) ferrule() {
	read := overlay.Apply(t.root, t.def, func(at *document.Node, err error) {
		if errors.Is(err, overlay.ErrStale) {
			t.warn("ExtensionStale", at, "remove the extension",
				"what the extension %q replaces was edited after the extension was written; the extension is ignored", at.Key())
			return
		}
		remedy := "correct it or remove it"
		name := at.Key()
		if m, ok := errors.AsType[*overlay.ValueError](err); ok {
			at, remedy = m.At, m.Remedy
		}
		if lost := needed[name]; lost != "" {
			t.Report(format.Error, format.ExtensionInvalid, at, remedy, "the extension %q cannot be read, and %s: %v", name, lost, err)
			return
		}
		t.warn(format.ExtensionInvalid, at, remedy, "the extension %q is ignored: %v", name, err)
	})
	t.withoutEffect(read)
	for _, part := range []string{"policies", "scripts"} {
		t.places.Put("/"+part, t.files.main.place, t.root.Get(overlay.Prefix+part))
	}
}

// script takes the custom code that lies beside the document. The extension
// "x-ferrule-scripts", read after it, says all scripts there are.
func (t *translation) script() {
	if t.files.source == nil {
		return
	}
	if script := scriptfile.Find(t.files.source, t.files.main.doc.Path()); script != nil {
		t.def.Scripts = []*connectorv1.Script{script}
	}
}
