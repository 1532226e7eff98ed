package grpcx

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/authn/memnet"
	"github.com/ferrule-dev/ferrule/pkg/authn/pki"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/lifetime"
)

// authorizationHeader carries the bearer token.
const authorizationHeader = "authorization"

// limitTime gives every unary call a deadline.
type limitTime struct {
	otherwise, most time.Duration

	lives *lifetime.Lives
}

func newLimitTime(otherwise, most time.Duration) limitTime {
	return limitTime{otherwise, most, lifetime.New(min(otherwise, most))}
}

func (s limitTime) run(c *call, next next) error {
	if c.kind == streamCall {
		return next(c)
	}
	limit := s.most
	if _, ok := c.Deadline(); !ok {
		limit = min(max(s.otherwise, wanted(c.request)), s.most)
	}
	s.lives.Begin(c.Context, &c.Life, limit) // an earlier deadline stays
	defer s.lives.End(&c.Life)
	if err := c.Err(); err != nil {
		return onWire(err, c.requestID())
	}
	return next(c)
}

// timed is a request that says how long its call may take.
type timed interface{ GetTimeout() *durationpb.Duration }

// forItself is how much longer than a request says its call may take, so that it ends by
// its own time and says so.
const forItself = 5 * time.Second

// wanted is the time that a request asks for; 0 if it says nothing.
func wanted(request any) time.Duration {
	if r, ok := request.(timed); ok && r.GetTimeout() != nil {
		return r.GetTimeout().AsDuration() + forItself
	}
	return 0
}

// authenticate finds out who is calling: the process, from the connection, and
// the principal, from the bearer token. Without a token the principal is the
// process itself.
type authenticate struct{ verifier authn.Verifier }

func (s authenticate) run(c *call, next next) error {
	if name, ok := peerOf(c); ok {
		c.Peer = name
	}
	if c.health() {
		return next(c)
	}
	p, err := s.principal(c)
	if err != nil {
		return onWire(err, c.requestID())
	}
	c.Principal = p
	return next(c)
}

func (s authenticate) principal(ctx context.Context) (authn.Principal, error) {
	headers := metadata.ValueFromIncomingContext(ctx, authorizationHeader)
	if len(headers) == 0 {
		if name, ok := authn.PeerService(ctx); ok {
			return authn.Principal{Kind: authn.KindService, Name: name}, nil
		}
		return authn.Principal{}, unauthenticated("the call has no token; send it as the header authorization: Bearer <token>")
	}
	token, ok := bearer(headers)
	if !ok {
		return authn.Principal{}, unauthenticated("the header authorization is not one bearer token; send authorization: Bearer <token>")
	}
	p, err := s.verifier.Verify(ctx, token)
	if err != nil {
		return authn.Principal{}, err
	}
	if p.Kind != authn.KindUser { // whatever a verifier says
		return authn.Principal{}, unauthenticated("the token is not a user's; get a new one")
	}
	return p, nil
}

// bearer returns the token of RFC 6750, section 2.1. The scheme's case does not
// matter (RFC 9110, section 11.1).
func bearer(headers []string) (string, bool) {
	if len(headers) != 1 {
		return "", false
	}
	scheme, token, ok := strings.Cut(headers[0], " ")
	return token, ok && token != "" && strings.EqualFold(scheme, "bearer")
}

func unauthenticated(sentence string) error {
	return fault.Unauthenticated(fault.ReasonUnauthenticated, "%s", sentence)
}

// peerOf returns the service that the connection proves to be at its other end.
func peerOf(ctx context.Context) (string, bool) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return "", false
	}
	switch info := p.AuthInfo.(type) {
	case memnet.AuthInfo:
		return info.Service, info.Service != ""
	case credentials.TLSInfo:
		// A certificate counts when it was verified, not when it was shown.
		if len(info.State.VerifiedChains) == 0 {
			return "", false
		}
		name, err := pki.ServiceOf(info.State.VerifiedChains[0][0])
		return name, err == nil
	}
	return "", false
}

// Rules says which services may call an internal method, by its full name
// ("/ferrule.vault.v1.VaultService/ResolveCredential"). The calling process
// counts, not the principal. Methods that are not in it are for every
// authenticated principal; an empty list is for nobody.
type Rules map[string][]string

// CheckRules fails if a rule is for a method that the server does not have: a
// misspelled rule protects nothing. Call it after registering all services.
func CheckRules(srv *grpc.Server, rules Rules) error {
	services := srv.GetServiceInfo()
	var errs []error
	for method := range rules {
		service, name, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
		has := func(m grpc.MethodInfo) bool { return m.Name == name }
		if !strings.HasPrefix(method, "/") || !slices.ContainsFunc(services[service].Methods, has) {
			errs = append(errs, fmt.Errorf("there is a rule for %q, and no such method", method))
		}
	}
	return errors.Join(errs...)
}

// authorize keeps internal methods to the services they are for. What a
// principal may do with the others is decided by the services.
type authorize struct {
	rules   Rules
	refused func(ctx context.Context, request any) // may be nil
}

func (s authorize) run(c *call, next next) error {
	allowed, internal := s.rules[c.method]
	if internal && (c.Peer == "" || !slices.Contains(allowed, c.Peer)) {
		if s.refused != nil && c.kind == unaryCall {
			s.refused(c, c.request)
		}
		return onWire(fault.Denied(fault.ReasonServiceOnly,
			"this method is internal; only ferrule's own services may call it").With("method", c.method), c.requestID())
	}
	return next(c)
}

// validate lets only requests through that keep the rules of their fields.
type validate struct {
	validator protovalidate.Validator
	obvious   *obvious // nil if the validator may have rules of its own
}

func newValidate(validator protovalidate.Validator) validate {
	if validator == nil {
		return validate{protovalidate.GlobalValidator, new(obvious)}
	}
	return validate{validator: validator}
}

func (s validate) run(c *call, next next) error {
	if c.kind == streamCall {
		c.check = s.check
	} else if err := s.check(c.request); err != nil {
		return onWire(err, c.requestID())
	}
	return next(c)
}

func (s validate) check(message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return nil // another codec's message has no rules
	}
	if s.obvious != nil && s.obvious.right(m.ProtoReflect()) {
		return nil
	}
	err := s.validator.Validate(m)
	if err == nil {
		return nil
	}
	broken, ok := errors.AsType[*protovalidate.ValidationError](err)
	if !ok {
		return fmt.Errorf("validate %s: %w", m.ProtoReflect().Descriptor().FullName(), err)
	}
	f := fault.Invalid(fault.ReasonInvalidArgument, "the request breaks the rules of its fields; see the violations")
	for _, v := range broken.Violations {
		description := v.Proto.GetMessage()
		if description == "" {
			description = "breaks the rule " + v.Proto.GetRuleId()
		}
		if strings.HasPrefix(v.Proto.GetRuleId(), "duration.") {
			description = inWords(description)
		}
		f = f.Field(protovalidate.FieldPathString(v.Proto.GetField()), description)
	}
	return f
}

// inSeconds is how rules write times.
var inSeconds = regexp.MustCompile(`\b\d+s\b`)

// inWords writes times as people do: "43200000s" is nobody's 500 days.
func inWords(text string) string {
	return inSeconds.ReplaceAllStringFunc(text, func(written string) string {
		seconds, err := strconv.ParseInt(strings.TrimSuffix(written, "s"), 10, 64)
		if err != nil || seconds == 0 {
			return written
		}
		for _, unit := range [...]struct {
			seconds int64
			name    string
		}{{24 * 60 * 60, " days"}, {60 * 60, " h"}, {60, " min"}} {
			if seconds > unit.seconds && seconds%unit.seconds == 0 {
				return strconv.FormatInt(seconds/unit.seconds, 10) + unit.name
			}
		}
		return written
	})
}
