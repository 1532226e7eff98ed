package cache

import (
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

// Wish is what the header of a raw request says about answers that are kept (RFC
// 9111, section 5.2.1). The zero Wish says nothing. The directive max-stale is not
// looked at: what is old is asked about.
type Wish struct {
	// Apart means that the request has nothing to do with what is kept, neither to
	// be answered with it nor to add to it: no-store, a part of something, or a
	// condition that only the API can judge.
	Apart bool
	// Only means that the API is not to be asked (only-if-cached).
	Only bool

	ask      bool // the API, in any case
	bounded  bool
	maxAge   time.Duration
	minFresh time.Duration
}

// WishOf reads the header of a request, whose names are canonical. It allocates
// nothing for one that says nothing.
func WishOf(header map[string][]string) Wish {
	var w Wish
	for _, name := range [...]string{"Range", "If-Range", "If-Match", "If-Unmodified-Since"} {
		w.Apart = w.Apart || len(header[name]) > 0
	}
	lines := header["Cache-Control"]
	if len(lines) == 0 {
		pragma := header["Pragma"]
		w.ask = len(pragma) > 0 && parseControl(pragma).has("no-cache") // section 5.4
		return w
	}
	said := parseControl(lines)
	w.Apart = w.Apart || said.has("no-store")
	w.Only, w.ask = said.has("only-if-cached"), said.has("no-cache")
	w.maxAge, w.bounded = said.seconds("max-age")
	w.minFresh, _ = said.seconds("min-fresh")
	return w
}

// Takes reports whether an answer is fresh enough to be given without asking.
func (w Wish) Takes(f *Found, now time.Time) bool {
	if f == nil || !f.Fresh || w.Apart || w.ask {
		return false
	}
	age := f.present(now)
	return (!w.bounded || age <= w.maxAge && w.maxAge > 0) && age+w.minFresh <= f.life
}

// NotModified reports whether the one who asks has what is answered: by the
// conditions of his request's header (RFC 9110, section 13.2.2) and the header of
// an answer of 200.
func NotModified(asked map[string][]string, answer http.Header) bool {
	if lines := asked["If-None-Match"]; len(lines) > 0 {
		return matches(lines, answer.Get("Etag"))
	}
	since := asked["If-Modified-Since"]
	if len(since) != 1 {
		return false
	}
	from, err := http.ParseTime(since[0])
	if err != nil {
		return false
	}
	modified, err := http.ParseTime(answer.Get("Last-Modified"))
	return err == nil && !modified.After(from)
}

// matches compares entity tags weakly (RFC 9110, section 8.8.3.2). A comma within a
// tag ends up as two that match nothing: then the answer is sent whole.
func matches(lines []string, tag string) bool {
	tag = strings.TrimPrefix(tag, "W/")
	for _, line := range lines {
		for one := range strings.SplitSeq(line, ",") {
			one = textproto.TrimString(one)
			if one == "*" || (tag != "" && strings.TrimPrefix(one, "W/") == tag) {
				return true
			}
		}
	}
	return false
}

// KeepOfNotModified leaves in the header of an answer what belongs into one of 304
// (RFC 9110, section 15.4.5).
func KeepOfNotModified(header http.Header) {
	for name := range header {
		switch name {
		case "Age", "Cache-Control", "Content-Location", "Date", "Etag", "Expires", "Vary", "Last-Modified":
		default:
			delete(header, name)
		}
	}
}
