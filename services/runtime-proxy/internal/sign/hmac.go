package sign

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// nonceBytes is the randomness of {nonce}: 32 hexadecimal digits.
const nonceBytes = 16

// Moment is what a signature is made with besides the request.
type Moment struct {
	// Key is the shared secret as it is stored. It is not kept.
	Key []byte
	// Now is the time of the request.
	Now time.Time
	// Parameter appends the value of a connection parameter.
	Parameter func(out []byte, name string) []byte
}

// Sign signs a request and writes what the scheme brings into it, in place of
// what is there under the same names: a request that is sent again holds an earlier
// signature, which is no part of what is signed. First come the fields that do not
// hold the signature, in the order of the scheme, headers before query parameters;
// what is signed can name them. Then the signature is made, and the other fields
// follow.
// A key that is not in the encoding of the scheme, and a value that cannot be
// sent, are CONNECTION_PARAMETERS_INVALID.
func (h *HMAC) Sign(req *request.Request, m Moment) error {
	key, err := h.decode(m.Key)
	if err != nil {
		return fault.Precondition(fault.ReasonConnectionParametersInvalid,
			"the shared secret of the connection is not written in %s, as the connector's signature wants it; store it again", h.key)
	}
	defer clear(key)
	withdraw(req, h.after)
	now := &signing{scheme: h, request: req, moment: m}
	if err := now.set(h.before); err != nil {
		return err
	}
	mac := hmac.New(h.hash, key)
	toSign := now.expand(h.toSign)
	_, _ = mac.Write(toSign) // never fails (package hash)
	clear(toSign)
	now.signature = h.encode(mac.Sum(nil))
	return now.set(h.after)
}

// withdraw removes fields from a request.
func withdraw(req *request.Request, fields []field) {
	for _, f := range fields {
		if f.inQuery {
			req.DeleteQuery(f.name)
		} else {
			delete(req.Header, textproto.CanonicalMIMEHeaderKey(f.name))
		}
	}
}

// decode returns the bytes of the key, a copy.
func (h *HMAC) decode(key []byte) (out []byte, err error) {
	switch h.key {
	case "hex":
		out = make([]byte, hex.DecodedLen(len(key)))
		_, err = hex.Decode(out, key)
	case "base64": // with and without padding, both alphabets
		trimmed := slices.Clone(key)
		defer clear(trimmed)
		for i, c := range trimmed {
			switch c {
			case '-':
				trimmed[i] = '+'
			case '_':
				trimmed[i] = '/'
			case '=':
				trimmed[i] = '\n' // skipped by the decoder
			}
		}
		out = make([]byte, base64.RawStdEncoding.DecodedLen(len(trimmed)))
		var n int
		n, err = base64.RawStdEncoding.Decode(out, trimmed)
		out = out[:n]
	default:
		out = slices.Clone(key)
	}
	if err == nil && len(out) == 0 {
		err = errors.New("empty key")
	}
	return out, err
}

func (h *HMAC) encode(sum []byte) string {
	switch h.signature {
	case "base64":
		return base64.StdEncoding.EncodeToString(sum)
	case "base64url":
		return base64.RawURLEncoding.EncodeToString(sum)
	}
	return hex.EncodeToString(sum)
}

// signing is one signature in the making.
type signing struct {
	scheme    *HMAC
	request   *request.Request
	moment    Moment
	nonce     string // once it was asked for
	signature string
}

// set writes fields into the request.
func (s *signing) set(fields []field) error {
	for _, f := range fields {
		expanded := s.expand(f.template)
		written := string(expanded)
		clear(expanded)
		if f.inQuery {
			s.request.SetQuery(f.name, request.Escape(written))
			continue
		}
		if !request.ValidFieldValue(written) {
			return fault.Precondition(fault.ReasonConnectionParametersInvalid,
				"what the connector's signature puts into the header %q holds characters that cannot be sent", f.name)
		}
		s.request.SetHeader(f.name, written)
	}
	return nil
}

func (s *signing) expand(template []piece) (out []byte) {
	for _, p := range template {
		out = s.append(out, p)
	}
	return out
}

func (s *signing) append(out []byte, p piece) []byte {
	req := s.request
	switch p.value {
	case text:
		return append(out, p.text...)
	case method:
		return append(out, req.Method...)
	case path:
		target, _, _ := strings.Cut(req.Target(), "?")
		return append(out, target...)
	case query:
		return append(out, req.Query...)
	case sortedQuery:
		return append(out, sorted(req.Query)...)
	case host:
		return append(out, hostOf(req)...)
	case header:
		return append(out, strings.Join(req.Header[p.text], ", ")...)
	case parameter:
		return s.moment.Parameter(out, p.text)
	case timestamp:
		return append(out, s.scheme.time(s.moment.Now)...)
	case nonce:
		return append(out, s.once()...)
	case signature:
		return append(out, s.signature...)
	default:
		return appendBody(out, p.value, req.Body)
	}
}

func appendBody(out []byte, v value, content []byte) []byte {
	switch v {
	case body:
		return append(out, content...)
	case length: // RFC 9110, section 8.6: a request without content need not have it
		if len(content) == 0 {
			return out
		}
		return strconv.AppendInt(out, int64(len(content)), 10)
	case bodySHA256:
		return hex.AppendEncode(out, sumSHA256(content))
	case bodySHA256Base64:
		return base64.StdEncoding.AppendEncode(out, sumSHA256(content))
	case bodyMD5:
		return hex.AppendEncode(out, sumMD5(content))
	case bodyMD5Base64:
		return base64.StdEncoding.AppendEncode(out, sumMD5(content))
	default:
		return out // all others were handled by the caller
	}
}

func (s *signing) once() string {
	if s.nonce == "" {
		var random [nonceBytes]byte
		_, _ = rand.Read(random[:]) // never fails (crypto/rand, Go 1.24)
		s.nonce = hex.EncodeToString(random[:])
	}
	return s.nonce
}

func (h *HMAC) time(now time.Time) string {
	now = now.UTC()
	switch h.timestamp {
	case "unix_ms":
		return strconv.FormatInt(now.UnixMilli(), 10)
	case "rfc3339":
		return now.Format(time.RFC3339)
	case "http":
		return now.Format(http.TimeFormat)
	case "iso8601_basic":
		return now.Format("20060102T150405Z")
	}
	return strconv.FormatInt(now.Unix(), 10)
}

// sorted returns a query with its pairs in the order of name and value, as they
// are written.
func sorted(query string) string {
	pairs := slices.DeleteFunc(strings.Split(query, "&"), func(pair string) bool { return pair == "" })
	slices.SortStableFunc(pairs, func(a, b string) int {
		nameA, valueA, _ := strings.Cut(a, "=")
		nameB, valueB, _ := strings.Cut(b, "=")
		if nameA != nameB {
			return strings.Compare(nameA, nameB)
		}
		return strings.Compare(valueA, valueB)
	})
	return strings.Join(pairs, "&")
}

// hostOf returns the host as it is sent.
func hostOf(req *request.Request) string {
	if req.Host != "" {
		return req.Host
	}
	return req.Base.Host
}
