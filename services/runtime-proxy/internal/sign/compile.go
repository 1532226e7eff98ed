package sign

import (
	"crypto/md5"  //nolint:gosec // what APIs ask for
	"crypto/sha1" //nolint:gosec // what APIs ask for
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"net/textproto"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// maxFields bounds the headers, and the query parameters, that a signature
// brings.
const maxFields = 16

// value is what a placeholder stands for.
type value int

const (
	text value = iota
	method
	path
	query
	sortedQuery
	host
	body
	bodySHA256
	bodyMD5
	bodySHA256Base64
	bodyMD5Base64
	timestamp
	nonce
	signature
	header    // of the name in piece.text
	length    // the header Content-Length, which only the transport writes
	parameter // of the name in piece.text
)

var placeholders = map[string]value{
	"method": method, "path": path, "query": query, "sorted_query": sortedQuery, "host": host,
	"body": body, "body_sha256": bodySHA256, "body_md5": bodyMD5,
	"body_sha256_base64": bodySHA256Base64, "body_md5_base64": bodyMD5Base64,
	"timestamp": timestamp, "nonce": nonce, "signature": signature,
}

// piece is a piece of a compiled template.
type piece struct {
	value value
	text  string
}

// field is a header or query parameter that a signature brings.
type field struct {
	name     string
	inQuery  bool
	template []piece
}

// HMAC is a compiled scheme. It is immutable and safe for concurrent use.
type HMAC struct {
	hash       func() hash.Hash
	toSign     []piece
	key        string // its encoding
	signature  string // its encoding
	timestamp  string // its format
	before     []field
	after      []field
	parameters []string
	needsBody  bool
}

var (
	hashes     = map[string]func() hash.Hash{"": sha256.New, "sha1": sha1.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}
	keys       = []string{"", "text", "base64", "hex"}
	signatures = []string{"", "hex", "base64", "base64url"}
	timestamps = []string{"", "unix", "unix_ms", "rfc3339", "http", "iso8601_basic"}
)

// CompileHMAC compiles a scheme. Errors are sentences for its author.
func CompileHMAC(scheme *connectorv1.HmacScheme) (*HMAC, error) {
	h := &HMAC{
		hash: hashes[scheme.GetAlgorithm()], key: scheme.GetKeyEncoding(),
		signature: scheme.GetSignatureEncoding(), timestamp: scheme.GetTimestampFormat(),
	}
	switch {
	case h.hash == nil:
		return nil, fmt.Errorf("the algorithm %q is not known", scheme.GetAlgorithm())
	case !slices.Contains(keys, h.key):
		return nil, fmt.Errorf("the key encoding %q is not known", h.key)
	case !slices.Contains(signatures, h.signature):
		return nil, fmt.Errorf("the signature encoding %q is not known", h.signature)
	case !slices.Contains(timestamps, h.timestamp):
		return nil, fmt.Errorf("the timestamp format %q is not known", h.timestamp)
	case len(scheme.GetHeaders()) > maxFields || len(scheme.GetQuery()) > maxFields:
		return nil, fmt.Errorf("there may be at most %d headers and %d query parameters", maxFields, maxFields)
	}
	var err error
	if h.toSign, err = h.compile(scheme.GetStringToSign()); err != nil {
		return nil, fmt.Errorf("string_to_sign: %w", err)
	}
	if len(h.toSign) == 0 {
		return nil, fmt.Errorf("string_to_sign: there is nothing to sign")
	}
	if slices.ContainsFunc(h.toSign, isSignature) {
		return nil, fmt.Errorf("string_to_sign: {signature} cannot sign itself")
	}
	if err := h.addFields(scheme); err != nil {
		return nil, err
	}
	if len(h.after) == 0 {
		return nil, fmt.Errorf("no header and no query parameter holds {signature}")
	}
	return h, nil
}

func isSignature(p piece) bool { return p.value == signature }

func (h *HMAC) addFields(scheme *connectorv1.HmacScheme) error {
	for _, f := range scheme.GetHeaders() {
		name := textproto.CanonicalMIMEHeaderKey(f.GetName())
		if name == "Host" || request.OfTransport(name) || !request.ValidFieldName(name) {
			return fmt.Errorf("%q is no header that can be set", f.GetName())
		}
		if err := h.addField(name, f.GetTemplate(), false); err != nil {
			return err
		}
	}
	for _, f := range scheme.GetQuery() {
		if f.GetName() == "" {
			return fmt.Errorf("a query parameter has no name")
		}
		if err := h.addField(f.GetName(), f.GetTemplate(), true); err != nil {
			return err
		}
	}
	return nil
}

// addField puts a field where its turn is: what holds the signature after it has
// been made, everything else before, so that it can be signed.
func (h *HMAC) addField(name, template string, inQuery bool) error {
	pieces, err := h.compile(template)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	f := field{name, inQuery, pieces}
	if slices.ContainsFunc(pieces, isSignature) {
		h.after = append(h.after, f)
	} else {
		h.before = append(h.before, f)
	}
	return nil
}

func (h *HMAC) compile(template string) ([]piece, error) {
	parts, err := ParseTemplate(template)
	if err != nil {
		return nil, err
	}
	out := make([]piece, 0, len(parts))
	for _, p := range parts {
		if p.Placeholder == "" {
			out = append(out, piece{text, strings.ReplaceAll(p.Text, `\n`, "\n")})
			continue
		}
		compiled, ok := h.placeholder(p.Placeholder)
		if !ok {
			return nil, fmt.Errorf("there is no placeholder {%s}", p.Placeholder)
		}
		out = append(out, compiled)
	}
	return out, nil
}

func (h *HMAC) placeholder(name string) (piece, bool) {
	if found, ok := placeholders[name]; ok {
		h.needsBody = h.needsBody || found >= body && found <= bodyMD5Base64
		return piece{value: found}, true
	}
	kind, of, ok := strings.Cut(name, ":")
	switch {
	case !ok || of == "":
		return piece{}, false
	case kind == "parameter":
		if !slices.Contains(h.parameters, of) {
			h.parameters = append(h.parameters, of)
		}
		return piece{parameter, of}, true
	case kind == "header" && request.ValidFieldName(of):
		of = textproto.CanonicalMIMEHeaderKey(of)
		switch of {
		case "Host":
			return piece{value: host}, true
		case "Content-Length":
			h.needsBody = true
			return piece{value: length}, true
		}
		return piece{header, of}, true
	}
	return piece{}, false
}

// Parameters returns the names of the connection parameters that the templates
// use. The slice must not be changed.
func (h *HMAC) Parameters() []string { return h.parameters }

// Headers returns the names of the headers that the scheme sets, canonical.
func (h *HMAC) Headers() []string {
	var names []string
	for _, f := range slices.Concat(h.before, h.after) {
		if !f.inQuery {
			names = append(names, f.name)
		}
	}
	return names
}

// NeedsBody reports whether the body has a part in the signature.
func (h *HMAC) NeedsBody() bool { return h.needsBody }

func sumSHA256(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

// sumMD5 is here so that the exception is made once.
func sumMD5(b []byte) []byte {
	sum := md5.Sum(b) //nolint:gosec // what APIs ask for
	return sum[:]
}
