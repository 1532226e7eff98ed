package plan

import (
	"net/url"
	"strings"
)

// PathValue returns what a raw path, percent-encoded and below the server's own, has
// in the place of a path parameter, as plain text; false if the operation has no such
// parameter, or the path is not one of its paths.
func (o *Operation) PathValue(path, name string) (string, bool) {
	template, _, _ := strings.Cut(o.source.GetPath(), "#")
	template, _, _ = strings.Cut(template, "?")
	path, _, _ = strings.Cut(path, "?")
	if !fitsTemplate(template, path) {
		return "", false
	}
	want, have := strings.Split(strings.Trim(template, "/"), "/"), strings.Split(strings.Trim(path, "/"), "/")
	for i, segment := range want {
		before, after, found := strings.Cut(segment, "{"+name+"}")
		if !found {
			continue
		}
		plain, err := url.PathUnescape(have[i])
		if err != nil || strings.ContainsAny(before+after, "{}") || len(plain) < len(before)+len(after) {
			return "", false // several in one segment: nobody knows where one ends
		}
		return plain[len(before) : len(plain)-len(after)], true
	}
	return "", false
}
