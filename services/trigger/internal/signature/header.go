package signature

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
)

// Formats of headers with several values.
const (
	formatPairs = "pairs"
	formatWords = "words"
)

// maxElements bounds the elements of one header that are looked at.
const maxElements = 64

// envelope is what a header, or several, say about a signature.
type envelope struct {
	// signatures are the candidates: an API that replaces its secret signs with the
	// old one and with the new one.
	signatures [][]byte
	// stamp is the time as it is written there; empty if it is not there.
	stamp string
}

// carrier reads signatures out of headers.
type carrier struct {
	names                []string
	prefix               string
	format               string
	signatureKey, timeAt string
	decode               func(string) ([]byte, error)
}

func carrierOf(r Rule) (carrier, error) {
	decode, err := decoderOf(r.Encoding)
	if err != nil {
		return carrier{}, err
	}
	return carrier{
		names: r.headers(), prefix: r.Prefix, format: r.HeaderFormat, signatureKey: r.SignatureKey, timeAt: r.TimestampKey, decode: decode,
	}, nil
}

// read returns what the headers hold: at least one candidate.
func (c carrier) read(h http.Header) (envelope, error) {
	var found envelope
	missing := ErrMissing
	for _, name := range c.names {
		value, err := single(h, name)
		if err != nil {
			if len(h.Values(name)) > 0 {
				return envelope{}, err
			}
			continue
		}
		missing = ErrMismatch
		if err := c.parse(value, &found); err != nil {
			return envelope{}, err
		}
	}
	if len(found.signatures) == 0 {
		return envelope{}, missing
	}
	return found, nil
}

// parse reads one header. What it does not know it passes over, because APIs add
// versions; what is said twice about the time is refused.
func (c carrier) parse(value string, into *envelope) error {
	switch c.format {
	case formatPairs:
		return c.parseElements(strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ';' }), "=", into)
	case formatWords:
		return c.parseElements(strings.Fields(value), ",", into)
	}
	c.candidate(strings.TrimSpace(value), into)
	return nil
}

func (c carrier) parseElements(elements []string, separator string, into *envelope) error {
	if len(elements) > maxElements {
		return fmt.Errorf("%w: its header has %d elements", ErrMismatch, len(elements))
	}
	for _, element := range elements {
		key, value, ok := strings.Cut(strings.TrimSpace(element), separator)
		switch {
		case !ok:
		case key == c.signatureKey:
			c.candidate(value, into)
		case c.timeAt != "" && key == c.timeAt:
			if into.stamp != "" {
				return fmt.Errorf("%w: its header has two times", ErrMismatch)
			}
			into.stamp = value
		}
	}
	return nil
}

// candidate adds a signature, unless its text is none.
func (c carrier) candidate(text string, into *envelope) {
	text, ok := strings.CutPrefix(text, c.prefix)
	if !ok || text == "" || len(into.signatures) == maxCandidates {
		return
	}
	if raw, err := c.decode(text); err == nil {
		into.signatures = append(into.signatures, raw)
	}
}

// decoderOf returns how the text of a signature is read.
func decoderOf(encoding string) (func(string) ([]byte, error), error) {
	switch encoding {
	case "", "hex":
		return hex.DecodeString, nil
	case "base64":
		return decodeBase64, nil
	}
	return nil, fmt.Errorf("%w: encoding %q is neither hex nor base64", ErrRule, encoding)
}

// decodeBase64 takes the standard alphabet, with or without padding.
func decodeBase64(text string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
}
