package openapi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// repaired returns the path template of p with braces that match: a name with one
// brace of two gets the other within its segment, braces with nothing in them get
// a name, and those that are left over go.
func (t *translation) repaired(p *document.Node, path string) string {
	if !strings.ContainsAny(placeholder.ReplaceAllString(path, ""), "{}") && !strings.Contains(path, "{}") {
		return path
	}
	names := placeholders(path)
	unnamed := func() string {
		name := "value"
		for i := 2; slices.Contains(names, name); i++ {
			name = "value_" + strconv.Itoa(i)
		}
		names = append(names, name)
		return name
	}
	var segments []string
	for segment := range strings.SplitSeq(path, "/") {
		segments = append(segments, balanced(segment, unnamed))
	}
	better := strings.Join(segments, "/")
	t.warn("PathMalformed", p, "write each parameter as its name in a pair of braces",
		"the braces of the path %q do not match; it is read as %q", path, better)
	return better
}

// balanced returns one segment with braces that match.
func balanced(segment string, unnamed func() string) string {
	var done, name strings.Builder
	inside := false
	closeName := func() {
		done.WriteString("{" + name.String() + "}")
		name.Reset()
		inside = false
	}
	for i, r := range segment {
		switch {
		case r == '{' && inside && name.Len() == 0: // the second of two
		case r == '{':
			if inside {
				closeName()
			}
			inside = true
		case r == '}' && inside:
			if name.Len() == 0 {
				name.WriteString(unnamed())
			}
			closeName()
		case r == '}' && i > 0 && !strings.ContainsAny(segment[:i], "{}"):
			name.WriteString(done.String())
			done.Reset()
			closeName()
		case r == '}': // one too many
		case inside:
			name.WriteRune(r)
		default:
			done.WriteRune(r)
		}
	}
	if inside && name.Len() > 0 {
		closeName()
	}
	return done.String()
}
