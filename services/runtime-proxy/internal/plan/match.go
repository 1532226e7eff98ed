package plan

import (
	"net/url"
	"strings"
)

// Match returns the operation that a raw request would be, by its method and its
// percent-encoded path below the server's own. Of several that fit, the one with
// the fewest placeholders wins, and of those the longest. Literal text is compared
// without case: better one policy too many than one too few. It looks at every
// operation of the method.
func (r *Revision) Match(method, path string) (id string, ok bool) {
	path, _, _ = strings.Cut(path, "?")
	var best string
	for _, op := range r.definition.GetOperations() {
		template, _, _ := strings.Cut(op.GetPath(), "?")
		template, _, _ = strings.Cut(template, "#")
		if notifies(op) {
			continue
		}
		if !strings.EqualFold(op.GetMethod(), method) || !fitsTemplate(template, path) || (ok && !closer(template, best)) {
			continue
		}
		id, ok, best = op.GetOperationId(), true, template
	}
	return id, ok
}

// Fits reports whether a percent-encoded path below the server's own is one of the
// operation's.
func (o *Operation) Fits(path string) bool {
	template, _, _ := strings.Cut(o.source.GetPath(), "?")
	template, _, _ = strings.Cut(template, "#")
	path, _, _ = strings.Cut(path, "?")
	return fitsTemplate(template, path)
}

// Ambiguous reports whether servers may read a percent-encoded path in different
// ways: with empty or dot segments, with separators that are escaped or that are
// some servers' own, or with parameters in a segment (RFC 3986, section 3.3).
func Ambiguous(path string) bool {
	path, _, _ = strings.Cut(path, "?")
	plain, err := url.PathUnescape(path)
	if err != nil || strings.ContainsAny(plain, "\\;") || strings.Count(plain, "/") != strings.Count(path, "/") {
		return true
	}
	segments := strings.Split(strings.Trim(plain, "/"), "/")
	for i, s := range segments {
		if s == "." || s == ".." || s == "" && (i > 0 || len(segments) > 1) {
			return true
		}
	}
	return strings.HasPrefix(plain, "//") || strings.HasSuffix(plain, "//")
}

func closer(template, than string) bool {
	open, other := strings.Count(template, "{"), strings.Count(than, "{")
	return open < other || (open == other && len(template) > len(than))
}

// fitsTemplate compares segment by segment; a segment with a placeholder fits
// whatever has its literal ends.
func fitsTemplate(template, path string) bool {
	template, path = strings.Trim(template, "/"), strings.Trim(path, "/")
	for {
		want, moreWanted, wantMore := strings.Cut(template, "/")
		have, moreHad, haveMore := strings.Cut(path, "/")
		if !fitsSegment(want, have) || wantMore != haveMore {
			return false
		}
		if !wantMore {
			return true
		}
		template, path = moreWanted, moreHad
	}
}

func fitsSegment(want, have string) bool {
	plain, err := url.PathUnescape(have)
	if err != nil {
		plain = have
	}
	before, rest, open := strings.Cut(want, "{")
	if !open {
		return strings.EqualFold(want, plain)
	}
	after := rest[strings.LastIndexByte(rest, '}')+1:]
	return len(plain) > len(before)+len(after) &&
		strings.EqualFold(plain[:len(before)], before) &&
		strings.EqualFold(plain[len(plain)-len(after):], after)
}
