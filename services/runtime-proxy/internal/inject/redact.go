package inject

import (
	"cmp"
	"encoding/base64"
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
		for _, form := range slices.Compact(forms) {
			c.forms = append(c.forms, secret.FromString(form))
		}
		return nil
	})
}

// Redact returns text without the secrets of the credential: each occurrence of
// at least four bytes, as it is or encoded in one of the usual ways, becomes
// "[redacted]".
func (c *Credential) Redact(text string) string {
	for _, form := range c.forms {
		_ = form.Use(reveal.Grant(), func(b []byte) error {
			if contains(text, b) {
				text = strings.ReplaceAll(text, string(b), Redacted)
			}
			return nil
		})
	}
	return text
}

// RedactAll redacts all values of a header in place.
func (c *Credential) RedactAll(header map[string][]string) {
	for _, form := range c.forms {
		_ = form.Use(reveal.Grant(), func(b []byte) error {
			for _, values := range header {
				for i, value := range values {
					if contains(value, b) {
						values[i] = strings.ReplaceAll(value, string(b), Redacted)
					}
				}
			}
			return nil
		})
	}
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
