package authn_test

import (
	"context"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/authn"
)

func TestPrincipalIs(t *testing.T) {
	user := func(roles ...authn.Role) authn.Principal {
		return authn.Principal{Kind: authn.KindUser, Name: "ada", Roles: roles}
	}
	tests := []struct {
		name string
		p    authn.Principal
		role authn.Role
		want bool
	}{
		{"a maker is a maker", user(authn.RoleMaker), authn.RoleMaker, true},
		{"an admin is a maker", user(authn.RoleAdmin), authn.RoleMaker, true},
		{"an admin is a user", user(authn.RoleAdmin), authn.RoleUser, true},
		{"a maker is no admin", user(authn.RoleMaker), authn.RoleAdmin, false},
		{"a user is no maker", user(authn.RoleUser), authn.RoleMaker, false},
		{"the widest role counts", user(authn.RoleUser, authn.RoleAdmin), authn.RoleAdmin, true},
		{"no roles, no rights", user(), authn.RoleUser, false},
		{"nobody is in a role that does not exist", user(authn.RoleAdmin), "owner", false},
		{"a role that does not exist gives nothing", user("owner"), authn.RoleUser, false},
		{"the empty role is none", user(""), "", false},
		{"a service has no roles", authn.Principal{Kind: authn.KindService, Name: "trigger", Roles: []authn.Role{authn.RoleAdmin}}, authn.RoleUser, false},
		{"nobody is nothing", authn.Principal{}, authn.RoleUser, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.p.Is(tt.role); got != tt.want {
				t.Errorf("Is(%q) = %v", tt.role, got)
			}
		})
	}
}

func TestContextCarriesBothIdentitiesApart(t *testing.T) {
	ctx := t.Context()
	if p, ok := authn.FromContext(ctx); ok {
		t.Errorf("a bare context has the principal %v", p)
	}
	if name, ok := authn.PeerService(ctx); ok {
		t.Errorf("a bare context has the peer %q", name)
	}
	ctx = authn.NewContext(ctx, authn.Principal{Kind: authn.KindService, Name: "credential-vault"})
	if name, ok := authn.PeerService(ctx); ok {
		t.Errorf("a principal became the peer %q", name)
	}
	ctx = authn.NewPeerContext(ctx, "gateway")
	if name, ok := authn.PeerService(ctx); !ok || name != "gateway" {
		t.Errorf("peer = %q, %v", name, ok)
	}
	if p, ok := authn.FromContext(ctx); !ok || p.String() != "service:credential-vault" {
		t.Errorf("principal = %v, %v", p, ok)
	}
	if name, ok := authn.PeerService(authn.NewPeerContext(context.Background(), "")); ok {
		t.Errorf("the empty name is a peer %q", name)
	}
}

func TestPrincipalsPrintTheirKind(t *testing.T) {
	for want, p := range map[string]authn.Principal{
		"user:ada":        {Kind: authn.KindUser, Name: "ada"},
		"service:trigger": {Kind: authn.KindService, Name: "trigger"},
		"unspecified:":    {},
	} {
		if p.String() != want {
			t.Errorf("String() = %q, want %q", p.String(), want)
		}
	}
}
