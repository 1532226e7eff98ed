package vendor

import (
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

const (
	// prefix is what the extensions of this vendor start with.
	prefix = "x-ms-"
	// maxUnknown is how many unknown extensions are reported: spelling is a
	// courtesy.
	maxUnknown = 200
	// maxName is the greatest length of a name that is compared with others.
	maxName = 64
)

// Known reports whether some consumer of connector documents reads the
// extension, or knowingly ignores it as the leftover of a generator.
func Known(name string) bool {
	_, known := slices.BinarySearch(names, name)
	return known
}

// Nearest returns the known extension that was probably meant by an unknown
// "x-ms-" name: the closest in spelling, or the first of several; "" if none is
// similar enough to be sure.
func Nearest(name string) string {
	if len(name) > maxName || !isOurs(name) || Known(name) {
		return ""
	}
	// Two edits are sure in any name; a name that only goes on after a known
	// one, like "x-ms-summary title", means that one.
	best, meant := 3, ""
	lower := strings.ToLower(name)
	for _, known := range names {
		if d := distance(lower, strings.ToLower(known)); d < best {
			best, meant = d, known
		}
	}
	if meant != "" {
		return meant
	}
	head, _, cut := strings.Cut(name, " ")
	if cut && Known(head) {
		return head
	}
	return ""
}

// isOurs reports whether a name claims to be an extension of this vendor, also
// in a wrong spelling of its prefix.
func isOurs(name string) bool {
	for _, p := range []string{prefix, "x_ms_", "x-ms_", "x_ms-", "xms-", "x-ms.", "-ms-"} {
		if len(name) > len(p) && strings.EqualFold(name[:len(p)], p) {
			return true
		}
	}
	return false
}

// Name reports a key that looks like a vendor extension and is none: it is
// silently without effect, and most are misspelt.
func (r *Reader) Name(n *document.Node) {
	name := n.Key()
	if !strings.HasPrefix(name, "x") || !isOurs(name) || Known(name) {
		return
	}
	if r.unknown++; r.unknown > maxUnknown {
		return
	}
	if meant := Nearest(name); meant != "" {
		r.warn("ExtensionUnknown", n, "write \""+meant+"\"", "%q is no known extension and has no effect", name)
		return
	}
	r.report.Report(format.Info, "ExtensionUnknown", n, "", "%q is no known extension and has no effect", name)
}

// distance is the number of insertions, deletions, replacements and swaps of
// neighbours between two short ASCII strings.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// names are the known extensions in order.
var names = []string{
	"x-ms-agentic-protocol", "x-ms-ai-sensitivity", "x-ms-api-annotation", "x-ms-azure-resource",
	"x-ms-base-path", "x-ms-capabilities", "x-ms-client-flatten", "x-ms-client-name", "x-ms-client-request-id",
	"x-ms-code-generation-settings", "x-ms-connection-required", "x-ms-connector-metadata", "x-ms-content-hint",
	"x-ms-create-new-resource", "x-ms-deployment-version", "x-ms-description-for-model", "x-ms-deserialization",
	"x-ms-dev-queryfilterParamName", "x-ms-dev-triggerDateFormat", "x-ms-dev-triggerType",
	"x-ms-dev-triggerValueCollection", "x-ms-dev-triggerValuePath", "x-ms-discriminator-value",
	"x-ms-displayFormat", "x-ms-docs", "x-ms-docs-grouped-path", "x-ms-docs-key-type", "x-ms-docs-operation-type",
	"x-ms-docs-toc-type", "x-ms-dynamic-list", "x-ms-dynamic-properties", "x-ms-dynamic-schema",
	"x-ms-dynamic-tree", "x-ms-dynamic-values", "x-ms-dynamically-added", "x-ms-editor", "x-ms-editor-options",
	"x-ms-enum", "x-ms-enum-flags", "x-ms-enum-values", "x-ms-error-response", "x-ms-examples",
	"x-ms-explicit-input", "x-ms-external", "x-ms-format", "x-ms-group-name", "x-ms-header-collection-prefix",
	"x-ms-headers", "x-ms-input-dependencies", "x-ms-keyOrder", "x-ms-keyType", "x-ms-keywords",
	"x-ms-localizeDefaultValue", "x-ms-long-running-operation", "x-ms-long-running-operation-options",
	"x-ms-media-kind", "x-ms-mutability", "x-ms-name-for-model", "x-ms-navigationProperty",
	"x-ms-no-generic-test", "x-ms-notification", "x-ms-notification-content", "x-ms-notification-url",
	"x-ms-odata", "x-ms-openai-data", "x-ms-openai-manifest", "x-ms-openai-published-to-copilots",
	"x-ms-operation-context", "x-ms-pageable", "x-ms-parameter-grouping", "x-ms-parameter-location",
	"x-ms-parameterized-host", "x-ms-paths", "x-ms-permission", "x-ms-property-name-alias", "x-ms-relationships",
	"x-ms-request-id", "x-ms-require-user-confirmation", "x-ms-safe-operation", "x-ms-scheduler-recommendation",
	"x-ms-scheduler-trigger", "x-ms-secret", "x-ms-serialization", "x-ms-skip-url-encoding", "x-ms-sort",
	"x-ms-stateless-default", "x-ms-summary", "x-ms-test-value", "x-ms-text", "x-ms-trigger", "x-ms-trigger-hint",
	"x-ms-trigger-metadata", "x-ms-trigger-value", "x-ms-url-encoding", "x-ms-visibility",
}
