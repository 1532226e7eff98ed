package inject

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

const (
	// handleBytes of randomness in a handle: not to be guessed within a call.
	handleBytes = 16
	// handleStart makes handles recognisable to people who debug a policy.
	handleStart = "fh"
	prefixSize  = len(handleStart) + 2*handleBytes
	slotSize    = 2 // hexadecimal digits
	maxSlots    = 1 << (4 * slotSize)
	digits      = "0123456789abcdef"
)

// Handles are the handles of one call. They belong to its goroutine.
type Handles struct {
	credential *Credential
	prefix     string // "" until the first handle is made

	proved   slots // what signatures are worked out of, for every request of the call
	carried  slots // what the request carries that was revealed last
	before   slots // what those before it carried
	signers  []signer
	digest   *digestProof
	identity *upstream.Identity

	derived []derived // what was worked out of secrets, see Compute
	worked  int       // how long all of that is, in bytes
	spread  bool      // handles may be in the body, see Spread
}

// Handles returns the handles of a new call.
func (c *Credential) Handles() Handles { return Handles{credential: c} }

// Place writes the handles of the placements into a request, in place of
// whatever is there under their names.
func (h *Handles) Place(req *request.Request, placements []Placement) {
	for i := range placements {
		p := &placements[i]
		if p.proof != nil {
			p.proof.place(h)
			continue
		}
		value := p.prefix + h.of(p.slot)
		switch p.Location {
		case Header:
			req.SetHeader(p.Name, value)
		case Query:
			req.SetQuery(p.Name, value)
		case Cookie:
			req.SetCookie(p.Name, value)
		}
	}
}

// PlaceQuery writes those handles of the placements that belong into the query,
// unless there is something under their names: for a request that was made of the
// header of another.
func (h *Handles) PlaceQuery(req *request.Request, placements []Placement) {
	for i := range placements {
		p := &placements[i]
		if p.proof != nil || p.Location != Query {
			continue
		}
		if _, ok := req.QueryValue(p.Name); !ok {
			req.SetQuery(p.Name, p.prefix+h.of(p.slot))
		}
	}
}

// Parameter returns the value of a connection parameter as policies may see it:
// plain parameters as they are, secrets as handles. Names are compared without
// case.
func (h *Handles) Parameter(name string) (string, bool) {
	if value, ok := h.credential.plain(name); ok {
		return value, true
	}
	for have, slot := range h.credential.byName {
		if strings.EqualFold(have, name) {
			return h.of(slot), true
		}
	}
	return "", false
}

func (h *Handles) of(slot int) string {
	if slot >= maxSlots {
		return "" // a connection has at most 64 parameters, and Compute counts
	}
	if h.prefix == "" {
		var random [handleBytes]byte
		_, _ = rand.Read(random[:]) // never fails (crypto/rand, Go 1.24)
		var text [prefixSize + slotSize]byte
		copy(text[:], handleStart)
		hex.Encode(text[len(handleStart):], random[:])
		text[prefixSize], text[prefixSize+1] = digits[slot>>4], digits[slot&15]
		first := string(text[:]) // one piece of memory for the prefix and the only handle that most calls have
		h.prefix = first[:prefixSize]
		return first
	}
	return h.prefix + string([]byte{digits[slot>>4], digits[slot&15]})
}

// Used reports whether the call carries anything of the credential: a handle was
// given out, or the request will be proved in another way.
func (h *Handles) Used() bool {
	return h.prefix != "" || len(h.signers) > 0 || h.digest != nil || h.identity != nil
}

// CarriesToken reports whether a request of the call carries the access token of the
// connection, as it is or as a part of another value. That is known after
// [Handles.Reveal]. Signatures that are worked out of a token count.
func (h *Handles) CarriesToken() bool {
	return h.carried.meet(h.credential.tokens) || h.before.meet(h.credential.tokens)
}

// CarriesKey reports whether the request that was revealed and finished last, and not
// another one of its call, carries something of the credential, and no access token: a
// secret, a signature, the answer to a challenge, or the identity of the connection.
func (h *Handles) CarriesKey() bool {
	return (h.carried != (slots{}) || h.identity != nil) && !h.carried.meet(h.credential.tokens)
}

// slots is a set of them.
type slots [maxSlots / 64]uint64

func (s *slots) add(slot int) {
	if slot >= 0 && slot < maxSlots {
		s[slot/64] |= 1 << (slot % 64)
	}
}

func (s *slots) has(slot int) bool {
	return slot >= 0 && slot < maxSlots && s[slot/64]&(1<<(slot%64)) != 0
}

// join adds all of another set.
func (s *slots) join(others slots) {
	for i, word := range others {
		s[i] |= word
	}
}

// meet reports whether two sets have anything in common.
func (s *slots) meet(others slots) bool {
	for i, word := range s {
		if word&others[i] != 0 {
			return true
		}
	}
	return false
}

// Reveal replaces all handles in the path, the query and the header of a request
// by what they stand for. A secret that cannot be sent where its handle stands
// is CONNECTION_PARAMETERS_INVALID, a header that cannot be set
// CONNECTION_NOT_READY, and a part that gets longer than [MaxBody] by it
// SCRIPT_LIMIT_EXCEEDED. Afterwards the request must not be logged.
func (h *Handles) Reveal(req *request.Request) error {
	h.before.join(h.carried)
	h.carried = h.proved
	if h.prefix == "" {
		return nil
	}
	var err error
	if req.Path, err = h.replace(req.Path, request.Escape); err != nil {
		return err
	}
	if req.Query, err = h.replace(req.Query, request.Escape); err != nil {
		return err
	}
	if err := h.revealHeader(req.Header); err != nil {
		return err
	}
	return h.revealBody(req)
}

func (h *Handles) revealHeader(header map[string][]string) error {
	for name, values := range header {
		escape := asIs
		if name == "Cookie" {
			escape = request.Escape
		}
		for i, value := range values {
			if !strings.Contains(value, h.prefix) {
				continue
			}
			if name == "Host" || request.OfTransport(name) || !request.ValidFieldName(name) {
				return fault.Precondition(fault.ReasonConnectionNotReady,
					"the connector puts a secret of the connection into %q, which is no header that can be set; the connector has to be mended", name)
			}
			revealed, err := h.replace(value, escape)
			if err != nil {
				return err
			}
			if !request.ValidFieldValue(revealed) {
				return fault.Precondition(fault.ReasonConnectionParametersInvalid,
					"a secret of the connection holds characters that cannot be sent in the header %q; store it again without line breaks", name)
			}
			values[i] = revealed
		}
	}
	return nil
}

func asIs(text string) string { return text }

// replace returns a text with what its handles stand for. One that gets longer than
// [MaxBody] by that is SCRIPT_LIMIT_EXCEEDED: code can write a handle many times.
func (h *Handles) replace(text string, escape func(string) string) (string, error) {
	var out strings.Builder
	done := 0
	for from := 0; ; {
		at := strings.Index(text[from:], h.prefix)
		if at < 0 {
			break
		}
		at += from
		from = at + prefixSize
		slot, ok := slotOf(text, from, from+slotSize)
		if !ok || !h.stands(slot) {
			continue // somebody cut it
		}
		value := h.reveal(slot, escape)
		from += slotSize
		if done == 0 {
			out.Grow(len(text) + len(value))
		}
		out.WriteString(text[done:at])
		out.WriteString(value)
		if done = from; out.Len() > MaxBody {
			return "", tooMuch("it writes so many secrets into one text that this has", MaxBody)
		}
	}
	if done == 0 {
		return text, nil
	}
	out.WriteString(text[done:])
	return out.String(), nil
}

// tooMuch is for custom code that makes more of secrets than there is room for.
func tooMuch(what string, limit int) error {
	return fault.Precondition(fault.ReasonScriptLimitExceeded, "the custom code was stopped: %s more than %d bytes; it has to do less", what, limit).
		With("limit", "secrets").With("allowed", strconv.Itoa(limit))
}

func slotOf(text string, from, to int) (int, bool) {
	if to > len(text) {
		return 0, false
	}
	raw, err := hex.DecodeString(text[from:to])
	if err != nil {
		return 0, false
	}
	return int(raw[0]), true
}
