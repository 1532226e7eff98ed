package dataplane

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// verifier knows the tokens of two people, and counts how often it is asked.
type verifier struct {
	asked int
	bad   bool
}

func (v *verifier) Verify(_ context.Context, token string) (authn.Principal, error) {
	v.asked++
	name, ok := map[string]string{"token-of-ada": "ada", "token-of-bob": "bob"}[token]
	if !ok || v.bad {
		return authn.Principal{}, fault.Unauthenticated(fault.ReasonUnauthenticated, "the token is not valid")
	}
	return authn.Principal{Kind: authn.KindUser, Name: name}, nil
}

func newTestTokens(t *testing.T) (*tokens, *verifier, *clocktest.Fake) {
	t.Helper()
	v, clk := &verifier{}, clocktest.New(time.Unix(1_000_000, 0))
	known, err := newTokens(v, clk)
	if err != nil {
		t.Fatal(err)
	}
	return known, v, clk
}

func TestOneBearerTokenIsNeeded(t *testing.T) {
	known, _, _ := newTestTokens(t)
	tests := []struct {
		name  string
		lines []string
		want  string // whose it is
	}{
		{"a token", []string{"Bearer token-of-ada"}, "ada"},
		{"the scheme in any case", []string{"bEARER token-of-bob"}, "bob"},
		{"none", nil, ""},
		{"an empty field", []string{""}, ""},
		{"a scheme alone", []string{"Bearer"}, ""},
		{"a scheme and nothing", []string{"Bearer "}, ""},
		{"another scheme", []string{"Basic token-of-ada"}, ""},
		{"two fields", []string{"Bearer token-of-ada", "Bearer token-of-ada"}, ""},
		{"two tokens in one", []string{"Bearer token-of-ada, Bearer token-of-bob"}, ""},
		{"a wrong one", []string{"Bearer token-of-eve"}, ""},
		{"one that is longer than any of ours", []string{"Bearer " + strings.Repeat("x", authn.MaxTokenSize+1)}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, token, err := known.authenticate(t.Context(), tt.lines)
			if tt.want == "" {
				f := fault.From(err)
				if f == nil || f.Code() != fault.CodeUnauthenticated || f.Reason() != fault.ReasonUnauthenticated || strings.Contains(err.Error(), "token-of") {
					t.Errorf("error = %v", err)
				}
				return
			}
			if err != nil || p.Name != tt.want || token != "token-of-"+tt.want {
				t.Errorf("got %v, %q, %v", p, token, err)
			}
		})
	}
}

func TestATokenCountsAsVerifiedForAFewSeconds(t *testing.T) {
	known, v, clk := newTestTokens(t)
	ask := func(who string) error {
		p, _, err := known.authenticate(t.Context(), []string{"Bearer token-of-" + who})
		if err == nil && p.Name != who {
			t.Errorf("the token of %s is taken for that of %s", who, p.Name)
		}
		return err
	}
	steps := []struct {
		name  string
		do    func()
		who   string
		asked int
		valid bool
	}{
		{"the first time it is verified", func() {}, "ada", 1, true},
		{"then it is known", func() {}, "ada", 1, true},
		{"which says nothing about others", func() {}, "bob", 2, true},
		{"just before its time is over", func() { clk.Advance(tokenAge - time.Nanosecond) }, "ada", 2, true},
		{"and just after, it is verified again", func() { clk.Advance(time.Nanosecond) }, "ada", 3, true},
		{"when it has ended meanwhile, it works no longer", func() { clk.Advance(tokenAge); v.bad = true }, "ada", 4, false},
		{"and what is wrong is not remembered", func() {}, "ada", 5, false},
		{"so that a good one works at once", func() { v.bad = false }, "ada", 6, true},
	}
	for _, step := range steps {
		step.do()
		if err := ask(step.who); (err == nil) != step.valid || v.asked != step.asked {
			t.Errorf("%s: %v after %d questions, want %d", step.name, err, v.asked, step.asked)
		}
	}
}

func TestNoMoreTokensAreKeptThanAllowed(t *testing.T) {
	everybody := authn.Verifier(verifyAll{})
	known, err := newTokens(everybody, clocktest.New(time.Unix(1, 0)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxTokens + 1000 {
		if _, _, err := known.authenticate(t.Context(), []string{"Bearer " + strings.Repeat("x", i%1000) + string(rune('a'+i/1000))}); err != nil {
			t.Fatal(err)
		}
	}
	known.known.CleanUp()
	if n := known.known.EstimatedSize(); n > maxTokens {
		t.Errorf("%d tokens are kept", n)
	}
}

type verifyAll struct{}

func (verifyAll) Verify(context.Context, string) (authn.Principal, error) {
	return authn.Principal{Kind: authn.KindUser, Name: "x"}, nil
}

// broken is a verifier that cannot work.
type broken struct{}

func (broken) Verify(context.Context, string) (authn.Principal, error) {
	return authn.Principal{}, errors.New("disk on fire")
}

func TestAVerifierThatFailsLetsNobodyIn(t *testing.T) {
	known, err := newTokens(broken{}, clocktest.New(time.Unix(1, 0)))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := known.authenticate(t.Context(), []string{"Bearer token-of-ada"}); err == nil {
		t.Error("let in")
	}
}
