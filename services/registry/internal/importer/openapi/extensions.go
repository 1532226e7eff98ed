package openapi

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// isExtension tells vendor keys from those of the specification.
func isExtension(key string) bool { return strings.HasPrefix(key, "x-") }

func (t *translation) extension(n *document.Node) *connectorv1.Extension {
	if t.budget.exhausted() {
		return &connectorv1.Extension{Name: n.Key()}
	}
	return &connectorv1.Extension{Name: n.Key(), Json: t.budget.spend(n.JSON())}
}

// extensions returns the vendor extensions of an object in the order of the
// source, without those that the caller has interpreted.
func (t *translation) extensions(n *document.Node, interpreted ...string) []*connectorv1.Extension {
	var list []*connectorv1.Extension
	for _, c := range n.Children() {
		if !isExtension(c.Key()) || slices.Contains(interpreted, c.Key()) {
			continue
		}
		t.checkName(c)
		list = append(list, t.extension(c))
	}
	return list
}

// checkName reports keys that look like a vendor extension and are none: they
// are silently without effect, and most are misspelt.
func (t *translation) checkName(n *document.Node) {
	name := n.Key()
	if !strings.HasPrefix(name, "x-ms-") || slices.Contains(knownExtensions, name) {
		return
	}
	if t.budget.unknownNames++; t.budget.unknownNames > maxUnknownNames {
		return
	}
	if meant := nearest(name); meant != "" {
		t.warn("ExtensionUnknown", n, "write \""+meant+"\"", "%q is no known extension and has no effect", name)
		return
	}
	t.note("ExtensionUnknown", n, "%q is no known extension and has no effect", name)
}

// nearest returns the known extension that is at most two edits away.
func nearest(name string) string {
	if len(name) > 64 {
		return ""
	}
	for _, known := range knownExtensions {
		if distance(name, known) <= 2 {
			return known
		}
	}
	return ""
}

// distance is the Levenshtein distance of two short ASCII strings.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// knownExtensions are those that some consumer of connector documents reads,
// and the leftovers of generators that everybody ignores knowingly.
var knownExtensions = []string{
	"x-ms-agentic-protocol", "x-ms-ai-sensitivity", "x-ms-api-annotation", "x-ms-azure-resource", "x-ms-base-path",
	"x-ms-capabilities", "x-ms-client-flatten", "x-ms-client-name", "x-ms-connection-required",
	"x-ms-connector-metadata", "x-ms-content-hint", "x-ms-create-new-resource", "x-ms-deployment-version",
	"x-ms-description-for-model", "x-ms-deserialization", "x-ms-dev-queryfilterParamName",
	"x-ms-dev-triggerDateFormat", "x-ms-dev-triggerType", "x-ms-dev-triggerValueCollection",
	"x-ms-dev-triggerValuePath", "x-ms-discriminator-value", "x-ms-displayFormat", "x-ms-docs",
	"x-ms-dynamic-list", "x-ms-dynamic-properties", "x-ms-dynamic-schema", "x-ms-dynamic-tree",
	"x-ms-dynamic-values", "x-ms-dynamically-added", "x-ms-editor", "x-ms-editor-options", "x-ms-enum",
	"x-ms-enum-values", "x-ms-examples", "x-ms-explicit-input", "x-ms-format", "x-ms-group-name", "x-ms-headers",
	"x-ms-input-dependencies", "x-ms-keyOrder", "x-ms-keyType", "x-ms-keywords", "x-ms-localizeDefaultValue",
	"x-ms-long-running-operation", "x-ms-long-running-operation-options", "x-ms-media-kind", "x-ms-mutability",
	"x-ms-name-for-model", "x-ms-navigationProperty", "x-ms-no-generic-test", "x-ms-notification",
	"x-ms-notification-content", "x-ms-notification-url", "x-ms-openai-data", "x-ms-openai-manifest",
	"x-ms-openai-published-to-copilots", "x-ms-operation-context", "x-ms-pageable", "x-ms-parameter-location",
	"x-ms-parameterized-host", "x-ms-permission", "x-ms-property-name-alias", "x-ms-relationships",
	"x-ms-require-user-confirmation", "x-ms-safe-operation", "x-ms-scheduler-recommendation",
	"x-ms-scheduler-trigger", "x-ms-secret", "x-ms-serialization", "x-ms-skip-url-encoding", "x-ms-sort",
	"x-ms-stateless-default", "x-ms-summary", "x-ms-test-value", "x-ms-trigger", "x-ms-trigger-hint",
	"x-ms-trigger-metadata", "x-ms-trigger-value", "x-ms-url-encoding", "x-ms-visibility",
}

// visibility reads x-ms-visibility, whose values are written in any case.
func (t *translation) visibility(n *document.Node) connectorv1.Visibility {
	v := n.Get("x-ms-visibility")
	switch strings.ToLower(strings.TrimSpace(v.Text())) {
	case "", "none", "null":
		return connectorv1.Visibility_VISIBILITY_UNSPECIFIED
	case "important":
		return connectorv1.Visibility_VISIBILITY_IMPORTANT
	case "advanced":
		return connectorv1.Visibility_VISIBILITY_ADVANCED
	case "internal":
		return connectorv1.Visibility_VISIBILITY_INTERNAL
	}
	t.warn("VisibilityUnknown", v, "write \"important\", \"advanced\" or \"internal\"",
		"the visibility %q is not known; it is shown normally", v.Text())
	return connectorv1.Visibility_VISIBILITY_UNSPECIFIED
}

// flag reads a boolean that some authors write as text.
func flag(n *document.Node) (value, present bool) {
	switch strings.ToLower(n.Text()) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}
