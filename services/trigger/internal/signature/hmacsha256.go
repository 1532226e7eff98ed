package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// hmacSHA256 is the scheme "hmac-sha256": HMAC-SHA256 (RFC 2104) of the body.
type hmacSHA256 struct {
	header, prefix string
	decode         func(string) ([]byte, error)
}

func newHMACSHA256(rule Rule) (Verifier, error) {
	if rule.Header == "" {
		return nil, fmt.Errorf("%w: it names no header", ErrRule)
	}
	v := hmacSHA256{header: rule.Header, prefix: rule.Prefix}
	switch rule.Encoding {
	case "", "hex":
		v.decode = hex.DecodeString
	case "base64":
		v.decode = decodeBase64
	default:
		return nil, fmt.Errorf("%w: encoding %q is neither hex nor base64", ErrRule, rule.Encoding)
	}
	return v, nil
}

// Verify implements [Verifier].
func (v hmacSHA256) Verify(m Message, secret []byte) error {
	value, err := single(m.Header, v.header)
	if err != nil {
		return err
	}
	text, ok := strings.CutPrefix(strings.TrimSpace(value), v.prefix)
	if !ok {
		return ErrMismatch
	}
	got, err := v.decode(text)
	if err != nil {
		return ErrMismatch
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(m.Body)
	if !hmac.Equal(got, mac.Sum(nil)) {
		return ErrMismatch
	}
	return nil
}

// decodeBase64 takes the standard alphabet, with or without padding.
func decodeBase64(text string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
}
