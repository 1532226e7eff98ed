package inject

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

const (
	// Redacted stands where an API repeated a secret.
	Redacted = "[redacted]"
	// minRedacted is the shortest text that is looked for: replacing every "ab"
	// would destroy messages and protect nobody.
	minRedacted = 4
)

// addForms notes how an API could repeat a value: as it is, encoded for a URL,
// as part of a JSON string, in base64.
func (c *Credential) addForms(text secret.Text) {
	_ = text.Use(reveal.Grant(), func(b []byte) error {
		if len(b) < minRedacted {
			return nil
		}
		plain := string(b)
		forms := []string{
			plain, request.Escape(plain), url.QueryEscape(plain),
			base64.StdEncoding.EncodeToString(b),
		}
		if quoted, err := jsontext.AppendQuote(nil, plain); err == nil {
			forms = append(forms, string(quoted[1:len(quoted)-1]))
		}
		// The longest first: no form may leave a part of another behind.
		slices.SortFunc(forms, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
		c.addForm(slices.Compact(forms))
		return nil
	})
}

// addForm appends forms to the list. It is one secret, so that looking through
// it opens one: two bytes of length before each form.
func (c *Credential) addForm(forms []string) {
	var list []byte
	_ = c.forms.Use(reveal.Grant(), func(b []byte) error { list = bytes.Clone(b); return nil })
	defer func() { clear(list) }()
	for _, form := range forms {
		list = binary.BigEndian.AppendUint16(list, uint16(min(len(form), math.MaxUint16))) //nolint:gosec // bounded on this line
		list = append(list, form[:min(len(form), math.MaxUint16)]...)
	}
	c.forms = secret.New(list)
}

// eachForm calls f for each form, which f must not keep.
func (c *Credential) eachForm(f func(form []byte)) {
	_ = c.forms.Use(reveal.Grant(), func(list []byte) error {
		for len(list) > 2 {
			size := int(binary.BigEndian.Uint16(list))
			f(list[2 : 2+size])
			list = list[2+size:]
		}
		return nil
	})
}

// Redact returns text without the secrets of the credential: each occurrence of
// at least four bytes, as it is or encoded in one of the usual ways, becomes
// "[redacted]".
func (c *Credential) Redact(text string) string {
	c.eachForm(func(form []byte) {
		if contains(text, form) {
			text = strings.ReplaceAll(text, string(form), Redacted)
		}
	})
	return text
}

// RedactAll redacts all values of a header in place.
func (c *Credential) RedactAll(header map[string][]string) {
	if len(header) == 0 {
		return
	}
	c.eachForm(func(form []byte) {
		for _, values := range header {
			for i, value := range values {
				if contains(value, form) {
					values[i] = strings.ReplaceAll(value, string(form), Redacted)
				}
			}
		}
	})
}

// contains is strings.Contains without a copy of the secret.
func contains(text string, part []byte) bool {
	for len(text) >= len(part) {
		at := strings.IndexByte(text, part[0])
		if at < 0 || at+len(part) > len(text) {
			return false
		}
		if text[at:at+len(part)] == string(part) {
			return true
		}
		text = text[at+1:]
	}
	return false
}
