package signature

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// bodyHash is the query parameter with which an API that signs its URL vouches for
// a body that is no form (Twilio, "Validating signatures with a body").
const bodyHash = "bodySHA256"

// content is what is signed, in pieces.
type content struct{ pieces []piece }

// piece writes a part of what is signed.
type piece func(to io.Writer, in signedInput) error

// signedInput is what pieces may write.
type signedInput struct {
	Message
	stamp  string
	secret []byte
}

// compile reads the template of a rule's content. It refuses one that leaves open
// what a signature has to cover.
func compile(r Rule) (content, error) {
	template := r.Content
	if template == "" {
		template = "{body}"
	}
	var c content
	names := map[string]bool{}
	for rest := template; rest != ""; {
		literal, after, found := strings.Cut(rest, "{")
		if literal != "" {
			c.pieces = append(c.pieces, textPiece(literal))
		}
		if !found {
			break
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			return content{}, fmt.Errorf("%w: its content has a brace that is not closed", ErrRule)
		}
		p, err := placeholder(name, r)
		if err != nil {
			return content{}, err
		}
		c.pieces, names[name], rest = append(c.pieces, p), true, tail
	}
	return c, covers(r, names)
}

// covers checks that a signature covers what is relied on.
func covers(r Rule, names map[string]bool) error {
	urlSigned := names["url"] || names["query"]
	switch {
	case names["form"] && !names["body"] && !urlSigned:
		return fmt.Errorf("%w: with {form} its content must have {url} or {body}, for bodies that are no form", ErrRule)
	case !names["body"] && !names["form"] && !names["body_sha256"]:
		return fmt.Errorf("%w: its content does not cover the body", ErrRule)
	case (r.TimestampHeader != "" || r.TimestampKey != "") && !names["timestamp"] && !names["header:"+r.TimestampHeader]:
		return fmt.Errorf("%w: its content does not cover the timestamp", ErrRule)
	case (r.Scheme == "hash") != names["secret"]:
		return fmt.Errorf("%w: {secret} belongs in the content of the scheme hash, and only there", ErrRule)
	}
	return nil
}

// placeholder returns the piece of a name in braces.
func placeholder(name string, r Rule) (piece, error) {
	if header, ok := strings.CutPrefix(name, "header:"); ok && header != "" {
		return headerPiece(header), nil
	}
	switch name {
	case "body":
		return func(to io.Writer, in signedInput) error { return write(to, in.Body) }, nil
	case "body_sha256":
		return func(to io.Writer, in signedInput) error { return write(to, hexSum(in.Body)) }, nil
	case "secret":
		return func(to io.Writer, in signedInput) error { return write(to, in.secret) }, nil
	case "method":
		return func(to io.Writer, in signedInput) error { return write(to, []byte(in.Method)) }, nil
	case "url":
		return func(to io.Writer, in signedInput) error { return write(to, []byte(in.URL)) }, nil
	case "path", "query":
		return urlPiece(name), nil
	case "form":
		return writeForm, nil
	case "timestamp":
		if r.TimestampHeader == "" && r.TimestampKey == "" {
			return nil, fmt.Errorf("%w: its content has a timestamp and nothing says where that is", ErrRule)
		}
		return func(to io.Writer, in signedInput) error { return write(to, []byte(in.stamp)) }, nil
	case "id":
		if r.IDHeader == "" {
			return nil, fmt.Errorf("%w: its content has an id and nothing says in which header that is", ErrRule)
		}
		return headerPiece(r.IDHeader), nil
	}
	return nil, fmt.Errorf("%w: {%s} in its content means nothing", ErrRule, name)
}

func textPiece(text string) piece {
	return func(to io.Writer, _ signedInput) error { return write(to, []byte(text)) }
}

func headerPiece(name string) piece {
	return func(to io.Writer, in signedInput) error {
		value, err := single(in.Header, name)
		if err != nil {
			return err
		}
		return write(to, []byte(value))
	}
}

func urlPiece(part string) piece {
	return func(to io.Writer, in signedInput) error {
		u, err := url.Parse(in.URL)
		if err != nil {
			return fmt.Errorf("%w: its URL cannot be read", ErrMismatch)
		}
		if part == "query" {
			return write(to, []byte(u.RawQuery))
		}
		return write(to, []byte(u.EscapedPath()))
	}
}

// writeForm writes the parameters of a form by name, those with one name by value
// and each value once. A body that is no form has none; then the signed URL must
// hold its hash, or nobody vouches for it.
func writeForm(to io.Writer, in signedInput) error {
	if !isForm(in.Header) {
		return vouched(in)
	}
	form, err := url.ParseQuery(string(in.Body))
	if err != nil {
		return fmt.Errorf("%w: its form cannot be read", ErrMismatch)
	}
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			if err := write(to, []byte(name+value)); err != nil {
				return err
			}
		}
	}
	return nil
}

func isForm(h http.Header) bool {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && media == "application/x-www-form-urlencoded"
}

func vouched(in signedInput) error {
	u, err := url.Parse(in.URL)
	if err != nil {
		return fmt.Errorf("%w: its URL cannot be read", ErrMismatch)
	}
	query := u.Query()
	if len(in.Body) == 0 && !query.Has(bodyHash) {
		return nil
	}
	given := strings.ToLower(query.Get(bodyHash))
	if subtle.ConstantTimeCompare([]byte(given), hexSum(in.Body)) != 1 {
		return fmt.Errorf("%w: nothing vouches for its body", ErrMismatch)
	}
	return nil
}

func hexSum(data []byte) []byte {
	sum := sha256.Sum256(data)
	return []byte(hex.EncodeToString(sum[:]))
}

// write writes to something that cannot fail, a hash or a buffer.
func write(to io.Writer, data []byte) error {
	_, err := to.Write(data)
	return err
}

// writeTo writes all pieces.
func (c content) writeTo(to io.Writer, in signedInput) error {
	for _, p := range c.pieces {
		if err := p(to, in); err != nil {
			return err
		}
	}
	return nil
}
