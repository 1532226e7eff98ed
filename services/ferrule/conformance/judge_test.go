package conformance_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	multi "mime/multipart"
	"net/http"
	"slices"
	"strings"
)

// mismatch is a difference between what was expected and what went over the wire.
type mismatch struct{ class, detail string }

// judge compares a request with what was expected, and returns the first
// difference.
func (want expectation) judge(got received) (mismatch, bool) {
	path, query, _ := strings.Cut(got.target, "?")
	pairs := pairsOf(query)
	slices.Sort(pairs)
	switch {
	case got.method != want.method:
		return differ("method", want.method, got.method)
	case canonical(path, "/,") != want.path:
		return differ("path", want.path, canonical(path, "/,"))
	case !slices.Equal(pairs, want.pairs):
		return differ("query", want.pairs, pairs)
	}
	for name, value := range want.header {
		if !sameHeader(name, value, got.header) {
			have := got.header[http.CanonicalHeaderKey(name)]
			return differ("header", name+": "+value, have)
		}
	}
	if _, chosen := want.header[fold(want.header, "Accept")]; !chosen && !accepts(got.header.Get("Accept"), want.accept) {
		return differ("accept", want.accept, got.header.Get("Accept"))
	}
	return want.body.judge(got)
}

// sameHeader compares a header field with what it has to be. A boundary is the
// sender's own, an empty user agent is none, and "identity" is how one says that no
// coding is wanted.
func sameHeader(name, want string, header http.Header) bool {
	name, want = http.CanonicalHeaderKey(name), strings.TrimSpace(want)
	got := strings.Join(header[name], ",")
	switch {
	case name == "Content-Type" && sameType(want, got), name == "Accept-Encoding" && want == "" && got == "identity":
		return true
	case name == "Cookie":
		pairs := strings.Split(got, "; ")
		slices.Sort(pairs)
		return strings.Join(pairs, "; ") == want
	case name == "User-Agent" && want == "":
		return got == ""
	}
	return len(header[name]) > 0 && got == want
}

// fold returns the spelling that a name has in a map, itself if it has none.
func fold(in map[string]string, name string) string {
	for have := range in {
		if strings.EqualFold(have, name) {
			return have
		}
	}
	return name
}

func differ(class string, want, got any) (mismatch, bool) {
	return mismatch{class, fmt.Sprintf("want %.600v\n      got %.600v", want, got)}, true
}

// accepts reports whether an Accept header lets one of the types through.
func accepts(header string, produces []string) bool {
	if header == "" || len(produces) == 0 {
		return true
	}
	for one := range strings.SplitSeq(header, ",") {
		accepted, _, err := mime.ParseMediaType(one)
		if err != nil {
			return false
		}
		for _, p := range produces {
			base, _, err := mime.ParseMediaType(p)
			if err != nil || base == accepted || accepted == "*/*" || strings.Contains(base, "*") {
				return true
			}
		}
	}
	return false
}

func (c content) judge(got received) (mismatch, bool) {
	contentType := got.header.Get("Content-Type")
	if c.kind == noBody {
		if len(got.body) > 0 {
			return differ("body", "none", string(got.body))
		}
		return mismatch{}, false
	}
	if strings.Contains(contentType, "*") {
		return differ("content type", "a media type, and no range", contentType)
	}
	if len(c.types) > 0 && !slices.ContainsFunc(c.types, func(t string) bool { return sameType(t, contentType) }) {
		return differ("content type", c.types, contentType)
	}
	switch c.kind {
	case jsonBody:
		v, err := readJSON(got.body)
		if err != nil || !bytes.Equal(writeJSON(v), writeJSON(c.json)) {
			return differ("body", string(writeJSON(c.json)), string(got.body))
		}
	case formBody:
		fields := pairsOf(string(got.body))
		slices.Sort(fields)
		if !slices.Equal(fields, c.fields) {
			return differ("form", c.fields, fields)
		}
	case multipart:
		parts, err := partsOf(contentType, got.body)
		if err != nil || !slices.Equal(parts, c.parts) {
			return differ("parts", c.parts, fmt.Sprint(parts, err))
		}
	case rawBody:
		if string(got.body) != c.raw {
			return differ("body", c.raw, string(got.body))
		}
	case noBody:
	}
	return mismatch{}, false
}

// sameType compares media types; a boundary is the sender's own.
func sameType(want, got string) bool {
	a, wanted, err := mime.ParseMediaType(want)
	b, have, err2 := mime.ParseMediaType(got)
	if err != nil || err2 != nil {
		return strings.EqualFold(strings.TrimSpace(want), strings.TrimSpace(got))
	}
	if strings.Contains(a, "*") {
		return true
	}
	for name, value := range wanted {
		if have[name] != value {
			return false
		}
	}
	return a == b
}

func partsOf(contentType string, body []byte) ([]string, error) {
	_, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, err
	}
	var out []string
	r := multi.NewReader(bytes.NewReader(body), parameters["boundary"])
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(p)
		if err != nil {
			return nil, err
		}
		_, disposition, err := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
		if err != nil {
			return nil, err
		}
		out = append(out, partLine(disposition["name"], disposition["filename"], p.Header.Get("Content-Type"), string(content)))
	}
	slices.Sort(out)
	return out, nil
}
