package request

import (
	"slices"
	"strings"
)

// Servers that hand fields on as variables of an environment (RFC 3875, section
// 4.1.18) take "-" and "_" in a name for the same, and put the values of both into one
// variable, or take the last. A caller must not add to a field of ours that way.

// DropAmbiguous takes those fields with "_" in their names out of a header of which
// another name differs by that alone.
func DropAmbiguous(header map[string][]string) {
	dropAlike(header, func(name, _ string) bool { return strings.Contains(name, "_") })
}

// DropAlike takes those fields of a caller's out of a header whose names differ from
// one that is not the caller's by "_" and "-" alone. given is what the caller sent; of
// names that are alike it holds one, see [DropAmbiguous].
func DropAlike(header, given map[string][]string) {
	dropAlike(header, func(name, other string) bool {
		_, theirs := given[name]
		_, both := given[other]
		return theirs && !both
	})
}

// dropAlike drops the names of which drop is true, with another that is alike.
func dropAlike(header map[string][]string, drop func(name, other string) bool) {
	if !anyLine(header) {
		return
	}
	alike := map[string][]string{}
	for name := range header {
		plain := strings.ToLower(strings.ReplaceAll(name, "_", "-"))
		alike[plain] = append(alike[plain], name)
	}
	for _, names := range alike {
		for _, name := range names {
			if slices.ContainsFunc(names, func(other string) bool { return other != name && drop(name, other) }) {
				delete(header, name)
			}
		}
	}
}

// anyLine reports whether any name has "_" in it: in nearly all headers there is none.
func anyLine(header map[string][]string) bool {
	for name := range header {
		if strings.IndexByte(name, '_') >= 0 {
			return true
		}
	}
	return false
}
