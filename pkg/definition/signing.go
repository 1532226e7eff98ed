package definition

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// The limits of what signs requests.
const (
	// MaxTemplateBytes is the greatest length of one template of credentials.
	MaxTemplateBytes = 4096
	// MaxSignatureFields is the greatest number of headers, of query parameters and
	// of further parameters of a signature.
	MaxSignatureFields = 16
	// maxPlaceholders is the greatest number of placeholders of one template.
	maxPlaceholders = 64
)

// keyPlaceholder stands for the key in the template of an API key.
const keyPlaceholder = "{value}"

// CheckKeyTemplate says what is wrong with the template of an API key, which has
// to hold "{value}" once, no other braces and no control characters; "" if nothing
// is. An empty template is the key alone.
func CheckKeyTemplate(template string) string {
	switch {
	case template == "":
		return ""
	case len(template) > MaxTemplateBytes:
		return fmt.Sprintf("must have at most %d bytes", MaxTemplateBytes)
	case hasControl(template):
		return "must not hold control characters"
	case strings.Count(template, keyPlaceholder) != 1:
		return "must hold \"{value}\" once"
	case strings.ContainsAny(strings.Replace(template, keyPlaceholder, "", 1), "{}"):
		return "must hold no braces beside those of \"{value}\""
	}
	return ""
}

func hasControl(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// CheckHmac returns what contradicts the promises of a scheme, in the order of
// its fields; nil if nothing does. Fields are JSON pointers into the scheme's
// readable form.
func CheckHmac(s *connectorv1.HmacScheme) []fault.Violation {
	c := &signatureCheck{scheme: s}
	c.oneOf("/algorithm", s.GetAlgorithm(), "sha1", "sha256", "sha384", "sha512")
	if s.GetStringToSign() == "" {
		c.wrong("/stringToSign", "must not be empty: it is what is signed")
	}
	if c.template("/stringToSign", lines(s.GetStringToSign()))["signature"] {
		c.wrong("/stringToSign", "must not hold {signature}, which is made of it")
	}
	c.oneOf("/keyEncoding", s.GetKeyEncoding(), "text", "base64", "hex")
	c.oneOf("/signatureEncoding", s.GetSignatureEncoding(), "hex", "base64", "base64url")
	c.oneOf("/timestampFormat", s.GetTimestampFormat(), "unix", "unix_ms", "rfc3339", "http", "iso8601_basic")
	signed := c.fields("/headers", s.GetHeaders(), checkHeader)
	signed = c.fields("/query", s.GetQuery(), checkQuery) || signed
	if !signed {
		c.wrong("/headers", "must send the signature: no header or query parameter holds {signature}")
	}
	c.parameters()
	return c.violations
}

// signatureCheck is the work of one call of [CheckHmac].
type signatureCheck struct {
	scheme     *connectorv1.HmacScheme
	violations []fault.Violation
}

func (c *signatureCheck) wrong(field, format string, args ...any) {
	c.violations = append(c.violations, fault.Violation{Field: field, Description: fmt.Sprintf(format, args...)})
}

// oneOf complains about a word that is none of those; no word is the default.
func (c *signatureCheck) oneOf(field, word string, known ...string) {
	if word != "" && !slices.Contains(known, word) {
		c.wrong(field, "must be one of %s, not %.80q", strings.Join(known, ", "), word)
	}
}

// parameters complains about names that no template could use.
func (c *signatureCheck) parameters() {
	names := c.scheme.GetParameters()
	if len(names) > MaxSignatureFields {
		c.wrong("/parameters", "must be at most %d", MaxSignatureFields)
	}
	for i, name := range names {
		at := "/parameters/" + strconv.Itoa(i)
		switch {
		case name == "" || strings.ContainsAny(name, "{}") || hasControl(name):
			c.wrong(at, "must be a name without braces, not %.80q", name)
		case slices.Index(names, name) < i:
			c.wrong(at, "must be unique, and %.80q is there twice", name)
		}
	}
}

// fields checks headers or query parameters, and reports whether one of them
// holds the signature.
func (c *signatureCheck) fields(at string, list []*connectorv1.HmacField, check func(string) string) (signed bool) {
	if len(list) > MaxSignatureFields {
		c.wrong(at, "must be at most %d", MaxSignatureFields)
	}
	seen := map[string]bool{}
	for i, f := range list {
		at := at + "/" + strconv.Itoa(i)
		key := strings.ToLower(f.GetName())
		if text := check(f.GetName()); text != "" {
			c.wrong(at+"/name", "%s", text)
		} else if seen[key] {
			c.wrong(at+"/name", "must be unique, and %.80q is there twice", f.GetName())
		}
		seen[key] = true
		if strings.Contains(f.GetTemplate(), `\n`) {
			c.wrong(at+"/template", "must be one line")
		}
		signed = c.template(at+"/template", f.GetTemplate())["signature"] || signed
	}
	return signed
}

// lines returns a text without its line feeds, which the text that is signed may
// hold as they are.
func lines(text string) string { return strings.ReplaceAll(text, "\n", "") }

// checkHeader says why a signature cannot set a header, "" if it can.
func checkHeader(name string) string {
	if !isHeaderName(name) {
		return fmt.Sprintf("must be the name of a header, not %.80q", name)
	}
	switch strings.ToLower(name) {
	case "host", "content-length", "transfer-encoding", "connection", "trailer", "te", "upgrade", "keep-alive", "proxy-connection":
		return fmt.Sprintf("must not be %.80q, which belongs to the transport", name)
	}
	return ""
}

func checkQuery(name string) string {
	if name == "" || hasControl(name) {
		return "must not be empty, nor hold control characters"
	}
	return ""
}

// isHeaderName tells a token (RFC 9110, section 5.6.2).
func isHeaderName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// plain are the placeholders of a signature without an argument.
var plain = []string{
	"method", "path", "query", "sorted_query", "host", "body", "body_sha256", "body_md5", "body_sha256_base64", "body_md5_base64",
	"timestamp", "nonce", "signature",
}

// template complains about a template that cannot be filled in, and returns the
// placeholders that it has.
func (c *signatureCheck) template(at, text string) map[string]bool {
	found := map[string]bool{}
	switch {
	case len(text) > MaxTemplateBytes:
		c.wrong(at, "must have at most %d bytes", MaxTemplateBytes)
		return found
	case hasControl(text):
		c.wrong(at, "must not hold control characters")
		return found
	case strings.Count(text, "{") > maxPlaceholders:
		c.wrong(at, "must have at most %d placeholders", maxPlaceholders)
		return found
	}
	names, ok := signaturePlaceholders(text)
	if !ok {
		c.wrong(at, "must have matching braces; two in a row stand for one")
	}
	for _, name := range names {
		found[name] = true
		if text := c.placeholder(name); text != "" {
			c.wrong(at, "%s", text)
		}
	}
	return found
}

// placeholder says what is wrong with a placeholder, "" if nothing is.
func (c *signatureCheck) placeholder(name string) string {
	kind, argument, hasArgument := strings.Cut(name, ":")
	switch {
	case !hasArgument && slices.Contains(plain, name):
		return ""
	case hasArgument && kind == "header":
		if !isHeaderName(argument) {
			return fmt.Sprintf("must name a header in %.80q", "{"+name+"}")
		}
	case hasArgument && kind == "parameter":
		if !slices.Contains(c.scheme.GetParameters(), argument) {
			return fmt.Sprintf("must use parameters that \"parameters\" lists, and %.80q is none", argument)
		}
	default:
		return fmt.Sprintf("must not hold %.80q, which is no placeholder", "{"+name+"}")
	}
	return ""
}

// signaturePlaceholders returns what is in single braces, each once, in order. It
// is false where braces do not match.
func signaturePlaceholders(text string) (names []string, ok bool) {
	for {
		i := strings.IndexAny(text, "{}")
		switch {
		case i < 0:
			return names, true
		case strings.HasPrefix(text[i+1:], text[i:i+1]):
			text = text[i+2:]
			continue
		case text[i] == '}':
			return names, false
		}
		end := strings.IndexAny(text[i+1:], "{}")
		if end < 0 || text[i+1+end] == '{' {
			return names, false
		}
		if name := text[i+1 : i+1+end]; !slices.Contains(names, name) {
			names = append(names, name)
		}
		text = text[i+2+end:]
	}
}
