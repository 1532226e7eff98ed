package request

import (
	"net/url"
	"strings"
)

// AddQuery appends a parameter to the query. The name is plain text; the value
// is already percent-encoded.
func (r *Request) AddQuery(name, encoded string) {
	pair := Escape(name) + "=" + encoded
	if r.Query == "" {
		r.Query = pair
		return
	}
	r.Query += "&" + pair
}

// SetQuery replaces all parameters of that name by one.
func (r *Request) SetQuery(name, encoded string) {
	r.DeleteQuery(name)
	r.AddQuery(name, encoded)
}

// DeleteQuery removes all parameters of that name; what is left keeps its order
// and spelling.
func (r *Request) DeleteQuery(name string) {
	if _, ok := r.QueryValue(name); !ok {
		return // the usual case costs no copy
	}
	var kept []string
	for pair := range strings.SplitSeq(r.Query, "&") {
		if !names(pair, name) {
			kept = append(kept, pair)
		}
	}
	r.Query = strings.Join(kept, "&")
}

// QueryValue returns the decoded value of the first parameter of that name. A
// value that is not well encoded is returned as it stands.
func (r *Request) QueryValue(name string) (string, bool) {
	for pair := range strings.SplitSeq(r.Query, "&") {
		if pair == "" || !names(pair, name) {
			continue
		}
		_, value, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(value)
		if err != nil {
			return value, true
		}
		return plain, true
	}
	return "", false
}

// names reports whether a "name=value" pair has the given plain name.
func names(pair, name string) bool {
	have, _, _ := strings.Cut(pair, "=")
	if have == name {
		return true
	}
	if !strings.ContainsAny(have, "%+") {
		return false
	}
	plain, err := url.QueryUnescape(have)
	return err == nil && plain == name
}
