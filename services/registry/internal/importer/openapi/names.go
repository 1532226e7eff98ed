package openapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/nearest"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/overlay"
)

// maxNames is how many extensions without effect are reported.
const maxNames = 200

// ours are the extensions that this package reads itself, with what they stand in.
func ours() map[string]string {
	const scheme, operation = "a security scheme", "an operation"
	return map[string]string{
		templateExtension: scheme, hmacExtension: scheme, awsExtension: scheme, oauthExtension: scheme,
		pollingExtension: operation, signatureExtension: operation, webhookExtension: operation,
	}
}

// withoutEffect reports the extensions of this platform that have no effect: those with a name
// that nobody knows, and those in the wrong place. read are those of package overlay that
// have one.
func (t *translation) withoutEffect(read []*document.Node) {
	w := names{t: t, read: make(map[*document.Node]bool, len(read)), places: overlay.Names(), schemes: t.dialect.schemeMap()}
	for _, n := range read {
		w.read[n] = true
	}
	for name, place := range ours() {
		w.places[name] = []string{place}
	}
	for _, name := range slices.Sorted(maps.Keys(w.places)) {
		w.words = append(w.words, strings.TrimPrefix(name, overlay.Prefix))
	}
	w.walk(t.root)
}

// names is a walk over a document.
type names struct {
	t      *translation
	read   map[*document.Node]bool
	places map[string][]string // where extensions stand, by name
	words  []string            // what follows the prefix in their names
	// schemes is the object that holds the security schemes.
	schemes *document.Node
	count   int
}

// values are members that may hold anything, and free those whose own members have
// names that authors choose.
var (
	values = map[string]bool{"example": true, "examples": true, "default": true, "enum": true, "const": true}
	free   = map[string]bool{
		"properties": true, "patternProperties": true, "dependentSchemas": true, "headers": true, "mapping": true, "variables": true, "scopes": true,
	}
)

// named reports whether authors choose the names of an object's members.
func (w *names) named(n *document.Node) bool {
	return free[n.Key()] || n == w.t.named || n == w.schemes
}

// walk looks for extensions below a node.
func (w *names) walk(n *document.Node) {
	for _, c := range n.Children() {
		key := c.Key()
		switch {
		case n.Is(document.Object) && strings.HasPrefix(key, "x-") && !w.named(n):
			if isOurs(key) {
				w.check(n, c)
			}
			if key == pathsExtension {
				w.walk(c)
			}
		case values[key] && n.Is(document.Object) && !w.named(n):
		default:
			w.walk(c)
		}
	}
}

// isOurs reports whether a name claims to be one of this platform, also in a wrong
// spelling of its prefix.
func isOurs(name string) bool {
	return strings.HasPrefix(name, "x-ferr") || strings.HasPrefix(name, "x-ferul")
}

// check reports one extension if it has no effect.
func (w *names) check(owner, n *document.Node) {
	name := n.Key()
	if name == overlay.Was || w.read[n] || w.standsHere(owner, name) {
		return
	}
	if w.count++; w.count > maxNames {
		return
	}
	if places := w.places[name]; places != nil {
		w.t.warn("ExtensionMisplaced", n, "move it into "+strings.Join(places, " or "), "the extension %q has no meaning here and is ignored", name)
		return
	}
	remedy := "correct its name or remove it"
	_, word, _ := strings.Cut(strings.TrimPrefix(name, "x-"), "-") // the prefix may be misspelt as well
	if meant := nearest.To(word, w.words); len(meant) > 0 {
		remedy = fmt.Sprintf("did you mean %q?", overlay.Prefix+meant[0])
	}
	w.t.warn("ExtensionUnknown", n, remedy, "%q is no known extension and has no effect", name)
}

// standsHere reports whether this package reads an extension of its owner.
func (w *names) standsHere(owner *document.Node, name string) bool {
	switch ours()[name] {
	case "a security scheme":
		return owner.Parent() == w.schemes
	case "an operation":
		_, is := w.t.operationIDs[owner]
		return is
	}
	return owner == w.t.root && slices.Contains([]string{overlay.Operations, overlay.Order, overlay.SchemeIDs}, name)
}
