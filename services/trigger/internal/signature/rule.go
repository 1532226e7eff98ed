package signature

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// Rule says how one API signs. The fields are those of
// ferrule.connector.v1.WebhookSignature, which says what they mean. It is kept with
// a subscription, so its JSON form must stay readable.
//
// Beyond the message, a content may hold {body_sha256} (hexadecimal digits),
// {secret} (scheme "hash" only) and {json:PATH} (scheme "token" only: texts inside
// the body, "*" for each element of a list, which all must be the secret). A claim's
// value may be {body_sha256}. A header may name several, with commas between them:
// a signature in any of them counts.
type Rule struct {
	Scheme          string            `json:"scheme" yaml:"scheme"`
	Header          string            `json:"header,omitempty" yaml:"header"`
	Prefix          string            `json:"prefix,omitempty" yaml:"prefix"`
	Encoding        string            `json:"encoding,omitempty" yaml:"encoding"`
	SecretPointer   string            `json:"secret_pointer,omitempty" yaml:"secret_pointer"`
	IDHeader        string            `json:"id_header,omitempty" yaml:"id_header"`
	Algorithm       string            `json:"algorithm,omitempty" yaml:"algorithm"`
	Content         string            `json:"content,omitempty" yaml:"content"`
	TimestampHeader string            `json:"timestamp_header,omitempty" yaml:"timestamp_header"`
	TimestampFormat string            `json:"timestamp_format,omitempty" yaml:"timestamp_format"`
	Tolerance       time.Duration     `json:"tolerance,omitempty" yaml:"tolerance"`
	HeaderFormat    string            `json:"header_format,omitempty" yaml:"header_format"`
	SignatureKey    string            `json:"signature_key,omitempty" yaml:"signature_key"`
	TimestampKey    string            `json:"timestamp_key,omitempty" yaml:"timestamp_key"`
	KeyEncoding     string            `json:"key_encoding,omitempty" yaml:"key_encoding"`
	JWKSURL         string            `json:"jwks_url,omitempty" yaml:"jwks_url"`
	Claims          map[string]string `json:"claims,omitempty" yaml:"claims"`
}

// RuleOf translates a declared signature; nil for none.
func RuleOf(s *connectorv1.WebhookSignature) *Rule {
	if s == nil {
		return nil
	}
	return &Rule{
		Scheme: s.GetScheme(), Header: s.GetHeader(), Prefix: s.GetPrefix(), Encoding: s.GetEncoding(),
		SecretPointer: s.GetSecretPointer(), IDHeader: s.GetIdHeader(), Algorithm: s.GetAlgorithm(), Content: s.GetContent(),
		TimestampHeader: s.GetTimestampHeader(), TimestampFormat: s.GetTimestampFormat(), Tolerance: s.GetTolerance().AsDuration(),
		HeaderFormat: s.GetHeaderFormat(), SignatureKey: s.GetSignatureKey(), TimestampKey: s.GetTimestampKey(),
		KeyEncoding: s.GetKeyEncoding(), JWKSURL: s.GetJwksUrl(), Claims: maps.Clone(s.GetClaims()),
	}
}

// Proto is the inverse of [RuleOf].
func (r *Rule) Proto() *connectorv1.WebhookSignature {
	if r == nil {
		return nil
	}
	out := &connectorv1.WebhookSignature{
		Scheme: r.Scheme, Header: r.Header, Prefix: r.Prefix, Encoding: r.Encoding, SecretPointer: r.SecretPointer,
		IdHeader: r.IDHeader, Algorithm: r.Algorithm, Content: r.Content, TimestampHeader: r.TimestampHeader,
		TimestampFormat: r.TimestampFormat, HeaderFormat: r.HeaderFormat, SignatureKey: r.SignatureKey,
		TimestampKey: r.TimestampKey, KeyEncoding: r.KeyEncoding, JwksUrl: r.JWKSURL, Claims: maps.Clone(r.Claims),
	}
	if r.Tolerance != 0 {
		out.Tolerance = durationpb.New(r.Tolerance)
	}
	return out
}

// Resolve returns a rule with what its preset says where it says nothing itself,
// and that preset, which is empty for a rule without one. Its errors are
// [ErrUnknownScheme] and [ErrRule]: a rule that it returns can be used, given a
// secret.
func Resolve(rule Rule) (Rule, Preset, error) {
	var preset Preset
	full := rule
	if found, ok := Lookup(rule.Scheme); ok {
		preset = found
		full = found.Rule.with(rule)
	}
	if algorithm, ok := strings.CutPrefix(full.Scheme, "hmac-"); ok {
		if full.Algorithm != "" && full.Algorithm != algorithm {
			return Rule{}, Preset{}, fmt.Errorf("%w: scheme %q contradicts algorithm %q", ErrRule, full.Scheme, full.Algorithm)
		}
		full.Scheme, full.Algorithm = "hmac", algorithm
	}
	scheme, ok := families()[full.Scheme]
	if !ok {
		return Rule{}, Preset{}, fmt.Errorf("%w %q", ErrUnknownScheme, rule.Scheme)
	}
	if full.Tolerance < 0 || full.Tolerance > MaxTolerance {
		return Rule{}, Preset{}, fmt.Errorf("%w: its tolerance must lie between 0 and %v", ErrRule, MaxTolerance)
	}
	if full.Tolerance == 0 {
		full.Tolerance = DefaultTolerance
	}
	if err := scheme.check(full); err != nil {
		return Rule{}, Preset{}, err
	}
	return full, preset, nil
}

// with returns r with those values of over that are set, except the scheme.
func (r Rule) with(over Rule) Rule {
	set := func(field *string, value string) {
		if value != "" {
			*field = value
		}
	}
	set(&r.Header, over.Header)
	set(&r.Prefix, over.Prefix)
	set(&r.Encoding, over.Encoding)
	set(&r.SecretPointer, over.SecretPointer)
	set(&r.IDHeader, over.IDHeader)
	set(&r.Algorithm, over.Algorithm)
	set(&r.Content, over.Content)
	set(&r.TimestampHeader, over.TimestampHeader)
	set(&r.TimestampFormat, over.TimestampFormat)
	set(&r.HeaderFormat, over.HeaderFormat)
	set(&r.SignatureKey, over.SignatureKey)
	set(&r.TimestampKey, over.TimestampKey)
	set(&r.KeyEncoding, over.KeyEncoding)
	set(&r.JWKSURL, over.JWKSURL)
	if over.Tolerance != 0 {
		r.Tolerance = over.Tolerance
	}
	if len(over.Claims) > 0 {
		r.Claims = over.Claims
	}
	return r
}

// NeedsSecret reports whether notifications cannot be verified without a secret.
func (r Rule) NeedsSecret() bool { return r.Scheme != "jwt" || r.JWKSURL == "" }

// Public reports whether what the rule calls its secret is the signer's public
// key, which only the signer can hand out.
func (r Rule) Public() bool { return r.Scheme == "ed25519" || r.Scheme == "ecdsa-p256" }

// headers returns the names of the headers in which a signature may be.
func (r Rule) headers() []string {
	var names []string
	for name := range strings.SplitSeq(r.Header, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// checkSigned checks a rule whose signature is computed over a content.
func checkSigned(r Rule) error {
	if len(r.headers()) == 0 {
		return fmt.Errorf("%w: it names no header", ErrRule)
	}
	if _, err := decoderOf(r.Encoding); err != nil {
		return err
	}
	if _, err := digestOf(r.Algorithm); err != nil && (r.Scheme == "hmac" || r.Scheme == "hash") {
		return err
	}
	if err := checkHeaderFormat(r); err != nil {
		return err
	}
	if _, err := stampOf(r); err != nil {
		return err
	}
	if err := checkKeyEncoding(r); err != nil {
		return err
	}
	_, err := compile(r)
	return err
}

func checkKeyEncoding(r Rule) error {
	switch r.KeyEncoding {
	case "", "text", "base64", "hex":
		return nil
	}
	return fmt.Errorf("%w: key encoding %q is none of text, base64 and hex", ErrRule, r.KeyEncoding)
}

func checkHeaderFormat(r Rule) error {
	switch r.HeaderFormat {
	case "":
		if r.SignatureKey != "" || r.TimestampKey != "" {
			return fmt.Errorf("%w: it names keys in a header that holds the signature alone", ErrRule)
		}
		return nil
	case formatPairs, formatWords:
		if r.SignatureKey == "" {
			return fmt.Errorf("%w: it does not name the key of signatures in the header", ErrRule)
		}
		return nil
	}
	return fmt.Errorf("%w: header format %q is neither pairs nor words", ErrRule, r.HeaderFormat)
}
