package sandbox

import (
	"context"
	"encoding/json"
)

// Host answers what a script asks for. Any argument may hold handles of secrets,
// and any result that is text may hold them too; no result holds a secret.
//
// An error becomes an exception in the script, which may catch it: its text is
// what the script sees, so it holds nothing that the maker of the script must not
// know. The context is that of Run; when it has ended, the call has too.
//
// The comment of each method names the JavaScript that leads to it.
type Host interface {
	// Send sends a request and waits for the answer: send(request). The host
	// judges the destination, and replaces handles on the wire only.
	Send(ctx context.Context, request *Request) (*Response, error)
	// Parameter returns a parameter of the connection, or a handle where it is
	// secret: ctx.connection.parameter(name). It is undefined in the script where
	// found is false.
	Parameter(ctx context.Context, name string) (value string, found bool, err error)
	// CallbackURL returns the public URL under which deliveries for this
	// connection arrive, with path behind it: ctx.callbackUrl(path).
	CallbackURL(ctx context.Context, path string) (string, error)
	// LoadState returns the value stored under key, or nil: ctx.state.get(key).
	LoadState(ctx context.Context, key string) (json.RawMessage, error)
	// StoreState stores a value, valid JSON, under key; nil removes it:
	// ctx.state.set(key, value) and ctx.state.delete(key).
	StoreState(ctx context.Context, key string, value json.RawMessage) error
	// Digest computes a hash or an HMAC: crypto.hash(…) and crypto.hmac(…). Where
	// the script wants it as text, Encode makes that of the result.
	Digest(ctx context.Context, d Digest) ([]byte, error)
	// Encode returns data as text: base64.encode(…), base64.encodeUrl(…) and
	// hex.encode(…). Where data holds a handle, the result is a handle for the
	// encoded text.
	Encode(ctx context.Context, e Encoding, data []byte) (string, error)
	// Decode is the reverse, of handles as well: base64.decode(…),
	// base64.decodeUrl(…) and hex.decode(…).
	Decode(ctx context.Context, e Encoding, text string) ([]byte, error)
}

// Encoding is a way to write bytes as text.
type Encoding string

// The encodings that scripts know.
const (
	// Base64 is RFC 4648 section 4, with padding; decoding takes it without, too.
	Base64 Encoding = "base64"
	// Base64URL is RFC 4648 section 5, without padding; decoding takes it with, too.
	Base64URL Encoding = "base64url"
	// Hex is lower-case; decoding takes upper-case too.
	Hex Encoding = "hex"
)

// Digest is what a hash or an HMAC is computed of.
type Digest struct {
	// Algorithm is "md5", "sha1", "sha256", "sha384" or "sha512": lower-case and
	// without hyphen, however the script wrote it. The sandbox lets no other pass.
	Algorithm string
	// Keyed tells an HMAC with Key from a plain hash.
	Keyed bool
	// Key is the key of an HMAC; UTF-8 where the script gave text.
	Key []byte
	// Data is what is hashed; UTF-8 where the script gave text.
	Data []byte
}
