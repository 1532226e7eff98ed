package core_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// writing is every use case that writes an OAuth client. Each is tried on the
// connector's own client, which the maker who tries made.
var writing = map[string]func(t *testing.T, l *login, who core.Caller) error{
	"creating": func(t *testing.T, l *login, who core.Caller) error {
		_, err := l.vault.CreateClient(t.Context(), who, core.ClientDraft{
			Environment: "default", ID: "another", Connector: crmConnector(), ParameterSet: "oauth", ClientID: "c",
		})
		return err
	},
	"trying to create": func(t *testing.T, l *login, who core.Caller) error {
		_, err := l.vault.CreateClient(t.Context(), who, core.ClientDraft{
			Environment: "default", ID: "another", Connector: crmConnector(), ParameterSet: "oauth", ClientID: "c", ValidateOnly: true,
		})
		return err
	},
	"updating": func(t *testing.T, l *login, who core.Caller) error {
		_, err := l.vault.UpdateClient(t.Context(), who, core.ClientEdit{Name: clientName("crm"), Secrets: texts("client_secret", "again")})
		return err
	},
	"deleting": func(t *testing.T, l *login, who core.Caller) error {
		return l.vault.DeleteClient(t.Context(), who, clientName("crm"), "")
	},
}

func TestOAuthClientsAreWrittenByThoseWhoMayChangeTheConnector(t *testing.T) {
	eva := user("eva", authn.RoleMaker)
	lost := fault.Unavailable(fault.ReasonServiceUnavailable, "cannot be reached")
	gone := fault.NotFound(fault.ReasonConnectorNotFound, "there is none")
	for who, row := range map[string]struct {
		caller core.Caller
		of     core.Ownership
		lost   error
		want   fault.Reason
		// deletes is the reason for deleting, if it is another one.
		deletes fault.Reason
	}{
		"the owner":                                 {eva, core.Ownership{Owner: "eva"}, nil, "", ""},
		"an editor":                                 {eva, core.Ownership{Owner: "olaf", Editors: []string{"eva", "zoe"}}, nil, "", ""},
		"another maker":                             {eva, core.Ownership{Owner: "olaf", Editors: []string{"Eva"}}, nil, fault.ReasonPermissionDenied, fault.ReasonPermissionDenied},
		"a maker, of what is nobody's":              {eva, core.Ownership{}, nil, fault.ReasonPermissionDenied, fault.ReasonPermissionDenied},
		"an administrator":                          {admin(), core.Ownership{Owner: "olaf"}, nil, "", ""},
		"an administrator, of what is nobody's":     {admin(), core.Ownership{}, nil, "", ""},
		"an administrator who waits for nobody":     {admin(), core.Ownership{}, lost, "", ""},
		"a user":                                    {user("eva"), core.Ownership{Owner: "eva"}, nil, fault.ReasonPermissionDenied, fault.ReasonPermissionDenied},
		"the owner, and the registry is away":       {eva, core.Ownership{Owner: "eva"}, lost, fault.ReasonServiceUnavailable, fault.ReasonServiceUnavailable},
		"the owner, and the registry is confused":   {eva, core.Ownership{Owner: "eva"}, errors.New("confused"), fault.ReasonServiceUnavailable, fault.ReasonServiceUnavailable},
		"a maker, and the connector does not exist": {eva, core.Ownership{}, gone, fault.ReasonConnectorNotFound, ""},
	} {
		for how, write := range writing {
			t.Run(how+" as "+who, func(t *testing.T) {
				l := newLogin(t)
				l.owners.of = core.Ownership{Owner: "eva"}
				l.clientOf(eva)
				l.owners.of, l.owners.lost = row.of, row.lost
				want := row.want
				if how == "deleting" {
					want = row.deletes
				}
				err := write(t, l, row.caller)
				if (err == nil) != (want == "") || err != nil && fault.ReasonOf(err) != want {
					t.Fatalf("got %v, want %q", err, want)
				}
				if want == "" {
					return
				}
				l.owners.of, l.owners.lost = core.Ownership{Owner: "eva"}, nil
				left, _, err := l.vault.ListClients(t.Context(), eva, core.ClientListing{Environment: "default"})
				if err != nil || len(left) != 1 || left[0].Edits != 1 {
					t.Errorf("something changed: %+v, %v", left, err)
				}
			})
		}
	}
}

// clientOf makes the connector's client on somebody's behalf.
func (l *login) clientOf(who core.Caller) {
	l.t.Helper()
	_, err := l.vault.CreateClient(l.t.Context(), who, core.ClientDraft{
		Environment: "default", ID: "crm", Connector: crmConnector(), ClientID: "evas", Secrets: texts("client_secret", "s"),
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

func TestARefusalToWriteAClientSaysWhomToAsk(t *testing.T) {
	l := newLogin(t)
	err := writing["creating"](t, l, user("eve", authn.RoleMaker))
	for _, part := range []string{`"eve"`, `"mia" or an administrator`, "`ferrule connectors share crm --editor NAME`", "client id of its own"} {
		if message := fault.From(err).Message(); !strings.Contains(message, part) {
			t.Errorf("%q has no %s", message, part)
		}
	}
	l.owners.lost = errors.New("connection refused by 10.0.0.7")
	err = writing["creating"](t, l, maker())
	if message := fault.From(err).Message(); !strings.Contains(message, "try again") || strings.Contains(message, "10.0.0.7") {
		t.Errorf("without the registry: %q", message)
	}
}

// TestAnEditorWhoIsNoneAnyMoreWritesNothing takes the rights away while the vault is
// busy with the provider.
func TestAnEditorWhoIsNoneAnyMoreWritesNothing(t *testing.T) {
	for _, how := range []string{"creating", "updating"} {
		l := newLogin(t)
		l.clientOf(mallory())
		l.owners.then = &core.Ownership{Owner: "mia"}
		wantReason(t, writing[how](t, l, mallory()), fault.ReasonPermissionDenied)
		left, _, err := l.vault.ListClients(t.Context(), maker(), core.ClientListing{Environment: "default"})
		if err != nil || len(left) != 1 || left[0].Edits != 1 {
			t.Errorf("%s: something changed: %+v, %v", how, left, err)
		}
	}
}

// TestTheOwnerDeletesClientsOfEditors: of those, too, who are none any more.
func TestTheOwnerDeletesClientsOfEditors(t *testing.T) {
	for who, row := range map[string]struct {
		caller core.Caller
		of     core.Ownership
		want   fault.Reason
	}{
		"the owner":      {maker(), core.Ownership{Owner: "mia"}, ""},
		"another editor": {user("eva", authn.RoleMaker), core.Ownership{Owner: "mia", Editors: []string{"eva"}}, fault.ReasonPermissionDenied},
	} {
		t.Run(who, func(t *testing.T) {
			l := newLogin(t)
			l.clientOf(mallory())
			l.owners.of = row.of
			wantReason(t, writing["deleting"](t, l, row.caller), row.want)
		})
	}
}

// TestTheOwnerPutsClientsBesideThoseOfEditors: an editor must not do the same.
func TestTheOwnerPutsClientsBesideThoseOfEditors(t *testing.T) {
	for who, row := range map[string]struct {
		first, second core.Caller
		want          fault.Reason
	}{
		"the owner beside an editor":   {mallory(), maker(), ""},
		"an editor beside the owner":   {maker(), mallory(), fault.ReasonPermissionDenied},
		"an editor beside an editor":   {user("eva", authn.RoleMaker), mallory(), fault.ReasonPermissionDenied},
		"an editor beside his own":     {mallory(), mallory(), ""},
		"an administrator beside them": {mallory(), admin(), ""},
	} {
		l := newLogin(t)
		l.owners.of.Editors = []string{"eva", "mallory"}
		l.clientOf(row.first)
		if err := writing["creating"](t, l, row.second); fault.ReasonOf(err) != row.want && (err != nil || row.want != "") {
			t.Errorf("%s: %v", who, err)
		}
	}
}
