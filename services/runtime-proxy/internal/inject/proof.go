package inject

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/digest"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/sign"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// proof is what a placement works out instead of writing a value.
type proof interface {
	// place notes the proof for a call.
	place(h *Handles)
	// headers are the names of the fields that it writes.
	headers() []string
}

// signer makes a signature over a finished request.
type signer interface {
	sign(ctx context.Context, c *Credential, req *request.Request, now time.Time, streamed bool) error
	needsBody(scheme string) bool
}

// awsProof signs for AWS. Slots that are -1 have no value.
type awsProof struct {
	sign.AWS

	accessKey, secretKey, session int
}

func (c *Credential) aws(p *connectorv1.AwsSignaturePlacement) (proof, bool, error) {
	a := &awsProof{session: -1}
	var hasAccess, hasSecret bool
	a.accessKey, hasAccess = c.slot(p.GetAccessKeyParameter())
	a.secretKey, hasSecret = c.slot(p.GetSecretKeyParameter())
	if slot, ok := c.slot(p.GetSessionTokenParameter()); ok {
		a.session = slot
	}
	if !hasAccess || !hasSecret {
		return nil, false, nil
	}
	a.Region = cmp.Or(p.GetRegion(), c.parameters[p.GetRegionParameter()])
	a.Service = cmp.Or(p.GetService(), c.parameters[p.GetServiceParameter()])
	for what, name := range map[string]string{"region": a.Region, "service": a.Service} {
		if !request.ValidFieldName(name) { // a word: it goes into a header and into what is signed
			return nil, false, fault.Precondition(fault.ReasonConnectionParametersInvalid,
				"the connection has no usable AWS %s to sign for; give it one, such as those in AWS's documentation", what).With("parameter_set", c.set)
		}
	}
	return a, true, nil
}

func (a *awsProof) place(h *Handles) {
	h.signers = append(h.signers, a)
	for _, slot := range []int{a.accessKey, a.secretKey, a.session} {
		h.proved.add(slot)
	}
}

func (*awsProof) headers() []string {
	return []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256"}
}

func (a *awsProof) needsBody(scheme string) bool { return a.NeedsBody(scheme) }

func (a *awsProof) sign(ctx context.Context, c *Credential, req *request.Request, now time.Time, streamed bool) error {
	// The library takes strings. They live as long as this call.
	keys := sign.AWSKeys{AccessKey: c.text(a.accessKey), SecretKey: c.text(a.secretKey), SessionToken: c.text(a.session)}
	if !request.ValidFieldValue(keys.AccessKey + keys.SessionToken) {
		return fault.Precondition(fault.ReasonConnectionParametersInvalid,
			"the connection's AWS access key or session token holds characters that cannot be sent; store them again without line breaks")
	}
	return a.Sign(ctx, req, keys, now, streamed)
}

// text returns a value as a string, for libraries that take nothing else.
func (c *Credential) text(slot int) (text string) {
	if slot < 0 {
		return ""
	}
	_ = c.values[slot].Use(reveal.Grant(), func(b []byte) error { text = string(b); return nil })
	return text
}

// hmacProof signs as a scheme of templates says.
type hmacProof struct {
	scheme *sign.HMAC
	key    int
	slots  []int // of its parameters
}

func (c *Credential) hmac(p *connectorv1.HmacPlacement) (proof, bool, error) {
	const what = "the connector's signature"
	scheme, err := sign.CompileHMAC(p.GetScheme())
	if err != nil {
		return nil, false, notWellMade(what, err)
	}
	key, ok := c.slot(p.GetSecretParameter())
	if !ok {
		return nil, false, c.missingFrom(what, p.GetSecretParameter())
	}
	made := &hmacProof{scheme, key, []int{key}}
	for _, name := range scheme.Parameters() {
		if !c.has(name) {
			return nil, false, c.missingFrom(what, name)
		}
		if slot, ok := c.byName[name]; ok {
			made.slots = append(made.slots, slot)
		}
	}
	return made, true, nil
}

func (s *hmacProof) place(h *Handles) {
	h.signers = append(h.signers, s)
	for _, slot := range s.slots {
		h.proved.add(slot)
	}
}

func (s *hmacProof) headers() []string { return s.scheme.Headers() }

func (s *hmacProof) needsBody(string) bool { return s.scheme.NeedsBody() }

func (s *hmacProof) sign(_ context.Context, c *Credential, req *request.Request, now time.Time, _ bool) error {
	return c.values[s.key].Use(reveal.Grant(), func(key []byte) error {
		return s.scheme.Sign(req, sign.Moment{
			Key: key, Now: now,
			Parameter: func(out []byte, name string) []byte { out, _ = c.appendValue(out, name); return out },
		})
	})
}

// digestProof answers challenges, which it remembers for as long as the lease of
// the connection lasts.
type digestProof struct {
	memory         *digest.Memory
	user, password int
}

func (c *Credential) digest(p *connectorv1.DigestPlacement) (proof, bool) {
	user, ok := c.slot(p.GetUsernameParameter())
	if !ok {
		return nil, false
	}
	password, ok := c.slot(p.GetPasswordParameter())
	return &digestProof{&digest.Memory{}, user, password}, ok
}

func (d *digestProof) place(h *Handles) { h.digest = d }

func (*digestProof) headers() []string { return []string{"Authorization"} }

// answer writes the answer to the last challenge of the host, if there was one.
func (d *digestProof) answer(h *Handles, req *request.Request, streamed bool) error {
	line, err := d.memory.Answer(digest.Message{
		Host: req.Base.Endpoint(), Method: req.Method, Target: req.Target(), Body: req.Body, Streamed: streamed,
	}, h.credential.text(d.user), h.credential.text(d.password))
	switch {
	case errors.Is(err, digest.ErrBody):
		return tooLong("the API wants the body to be part of the proof of the connection")
	case err != nil:
		return fault.Internal(fault.ReasonInternal, "the API's challenge could not be answered").Because(err)
	case line == "":
		return nil
	case !request.ValidFieldValue(line):
		return fault.Precondition(fault.ReasonConnectionParametersInvalid,
			"the user name of the connection holds characters that cannot be sent; store it again without line breaks")
	}
	req.SetHeader("Authorization", line)
	h.carried.add(d.user)
	h.carried.add(d.password)
	return nil
}

// certificateProof presents a client certificate.
type certificateProof struct{ identity *upstream.Identity }

func (c *Credential) certificate(p *connectorv1.CertificatePlacement, trust upstream.Trust) (proof, bool, error) {
	slot, ok := c.byName[p.GetParameter()]
	if !ok || c.values[slot].Empty() {
		return nil, false, nil
	}
	var identity *upstream.Identity
	err := c.values[slot].Use(reveal.Grant(), func(pem []byte) (err error) {
		if identity, err = upstream.NewIdentity(pem); err == nil {
			identity, err = identity.Trusting(trust)
		}
		return err
	})
	if err != nil {
		return nil, false, fault.Precondition(fault.ReasonConnectionParametersInvalid,
			"the client certificate of the connection cannot be used: %s; store it again", err.Error()).With("parameter", p.GetParameter())
	}
	return &certificateProof{identity}, true, nil
}

func (p *certificateProof) place(h *Handles) { h.identity = p.identity }

func (*certificateProof) headers() []string { return nil }

// MaxBody is the longest body of a pass-through call that can be part of a
// signature or be sent twice, in bytes: as long as an input of Invoke.
const MaxBody = 10 << 20

func tooLong(why string) error {
	return fault.Invalid(fault.ReasonInputTooLarge, "%s, so it may have at most %d bytes; send a shorter one", why, MaxBody)
}

// BodyUse is what the proof of a call does with the body of its request.
type BodyUse int

// The uses.
const (
	// BodyFree means that the body can be sent while it arrives.
	BodyFree BodyUse = iota
	// BodyWanted means that it should be known beforehand, but need not be.
	BodyWanted
	// BodyNeeded means that there is no proof without it.
	BodyNeeded
)

// Body says what is done with the body of a request.
func (h *Handles) Body(req *request.Request) BodyUse {
	use := BodyFree
	if h.digest != nil {
		use = BodyWanted
	}
	for _, s := range h.signers {
		if s.needsBody(req.Base.Scheme) {
			return BodyNeeded
		}
		if _, ok := s.(*awsProof); ok {
			use = BodyWanted
		}
	}
	return use
}

// TooLong is the refusal of a body of more than [MaxBody] bytes that is needed.
func TooLong() error { return tooLong("the body is part of the signature that the API asks for") }

// Identity returns what the call presents and trusts in the TLS handshake; nil for
// what everybody does.
func (h *Handles) Identity() *upstream.Identity {
	if h.identity == nil {
		return h.credential.trust
	}
	return h.identity
}

// Finish proves the finished request: it answers the last challenge of the API
// and signs. It comes after [Handles.Reveal], and nothing may change the request
// afterwards. streamed says that its body is not in it.
func (h *Handles) Finish(ctx context.Context, req *request.Request, now time.Time, streamed bool) error {
	if h.identity != nil && req.Base.Scheme != "https" {
		return fault.Precondition(fault.ReasonConnectionNotReady,
			"the connection proves itself with a client certificate, and the server's url is not https; the request was not sent")
	}
	if h.digest != nil {
		if err := h.digest.answer(h, req, streamed); err != nil {
			return err
		}
	}
	for _, s := range h.signers {
		if err := s.sign(ctx, h.credential, req, now, streamed); err != nil {
			return err
		}
	}
	return nil
}

// Answered is what an API said to a proved request.
type Answered struct {
	// Status and Header are those of the answer.
	Status int
	Header http.Header
	// Streamed says that the request had a body that is gone.
	Streamed bool
}

// Challenged reports whether an answer of the API is a challenge, and the request
// has a new proof and is worth sending once more. All of the proof is new: what
// else signs the request may be taken once, or hold the time. A body that is gone
// is INPUT_TOO_LARGE; the challenge is known then, and the next request answers it
// at once.
func (h *Handles) Challenged(ctx context.Context, req *request.Request, now time.Time, said Answered) (again bool, err error) {
	if h.digest == nil || said.Status != http.StatusUnauthorized {
		return false, nil
	}
	if !h.digest.memory.Learn(req.Base.Endpoint(), req.HeaderValue("Authorization"), said.Header) {
		return false, nil
	}
	if said.Streamed {
		return false, tooLong("the API sent a challenge, and the body has to be sent again to answer it")
	}
	return true, h.Finish(ctx, req, now, false)
}
