package resource_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// parsers reads each kind of name, with an example of it.
var parsers = map[string]struct {
	parse  func(string) (fmt.Stringer, error)
	name   string
	want   fmt.Stringer
	parent string // "" where there is none
}{
	"environment": {
		func(s string) (fmt.Stringer, error) { return resource.ParseEnvironment(s) },
		"environments/prod",
		resource.Environment{ID: "prod"},
		"",
	},
	"connector": {
		func(s string) (fmt.Stringer, error) { return resource.ParseConnector(s) },
		"environments/prod/connectors/github",
		resource.Connector{Environment: "prod", ID: "github"},
		"environments/prod",
	},
	"revision": {
		func(s string) (fmt.Stringer, error) { return resource.ParseRevision(s) },
		"environments/prod/connectors/github/revisions/0123456789abcdef0123456789abcdef",
		resource.Revision{Environment: "prod", Connector: "github", ID: "0123456789abcdef0123456789abcdef"},
		"environments/prod/connectors/github",
	},
	"connection": {
		func(s string) (fmt.Stringer, error) { return resource.ParseConnection(s) },
		"environments/prod/connections/my-github",
		resource.Connection{Environment: "prod", ID: "my-github"},
		"environments/prod",
	},
	"authorization": {
		func(s string) (fmt.Stringer, error) { return resource.ParseAuthorization(s) },
		"environments/prod/connections/my-github/authorizations/0123456789abcdef",
		resource.Authorization{Environment: "prod", Connection: "my-github", ID: "0123456789abcdef"},
		"environments/prod/connections/my-github",
	},
	"OAuth client": {
		func(s string) (fmt.Stringer, error) { return resource.ParseOAuthClient(s) },
		"environments/prod/oauthClients/github",
		resource.OAuthClient{Environment: "prod", ID: "github"},
		"environments/prod",
	},
	"subscription": {
		func(s string) (fmt.Stringer, error) { return resource.ParseSubscription(s) },
		"environments/prod/subscriptions/new-issues",
		resource.Subscription{Environment: "prod", ID: "new-issues"},
		"environments/prod",
	},
	"event": {
		func(s string) (fmt.Stringer, error) { return resource.ParseEvent(s) },
		"environments/prod/subscriptions/new-issues/events/0192f0c1-7a4e-7bd1-8000-0123456789ab",
		resource.Event{Environment: "prod", Subscription: "new-issues", ID: "0192f0c1-7a4e-7bd1-8000-0123456789ab"},
		"environments/prod/subscriptions/new-issues",
	},
}

func TestNamesReadAndWriteTheSame(t *testing.T) {
	for kind, tt := range parsers {
		t.Run(kind, func(t *testing.T) {
			got, err := tt.parse(tt.name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.String() != tt.name {
				t.Errorf("String() = %q", got)
			}
			if p := parentOf(got); p != tt.parent {
				t.Errorf("Parent() = %q, want %q", p, tt.parent)
			}
		})
	}
}

func parentOf(r fmt.Stringer) string {
	switch r := r.(type) {
	case resource.Connector:
		return r.Parent().String()
	case resource.Revision:
		return r.Parent().String()
	case resource.Connection:
		return r.Parent().String()
	case resource.Authorization:
		return r.Parent().String()
	case resource.OAuthClient:
		return r.Parent().String()
	case resource.Subscription:
		return r.Parent().String()
	case resource.Event:
		return r.Parent().String()
	}
	return ""
}

func TestNamesThatAreRefused(t *testing.T) {
	for kind, p := range parsers {
		last := p.name[strings.LastIndex(p.name, "/")+1:]
		replaced := func(id string) string { return strings.TrimSuffix(p.name, last) + id }
		tests := []struct{ name, in string }{
			{"nothing", ""},
			{"a slash in front", "/" + p.name},
			{"a slash behind", p.name + "/"},
			{"something behind", p.name + "/x"},
			{"another collection", "things" + strings.TrimPrefix(p.name, "environments")},
			{"a collection in capitals", "Environments" + strings.TrimPrefix(p.name, "environments")},
			{"no id", replaced("")},
			{"capitals", replaced("Prod")},
			{"a hyphen in front", replaced("-a")},
			{"a hyphen behind", replaced("a-")},
			{"a wildcard", replaced("*")},
			{"all of them", replaced("-")},
			{"dots", replaced("..")},
			{"an escape", replaced("a%2fb")},
			{"a space", replaced("a b")},
			{"a line break behind", replaced("a\n")},
			{"another alphabet", replaced("é")},
			{"an id over the limit", replaced(strings.Repeat("a", resource.MaxID+1))},
			{"a name over the limit", p.name + strings.Repeat("/environments/x", 20)},
		}
		for other, q := range parsers {
			if other != kind {
				tests = append(tests, struct{ name, in string }{"the name of another kind, " + other, q.name})
			}
		}
		for _, tt := range tests {
			t.Run(kind+": "+tt.name, func(t *testing.T) {
				got, err := p.parse(tt.in)
				f := fault.From(err)
				if f == nil {
					t.Fatalf("read %q as %v", tt.in, got)
				}
				if f.Code() != fault.CodeInvalidArgument || f.Reason() != fault.ReasonInvalidName {
					t.Errorf("err = %v/%v", f.Code(), f.Reason())
				}
				if v := f.Violations(); len(v) != 1 || v[0].Field != "name" || !strings.Contains(v[0].Description, "environments/{environment}") {
					t.Errorf("violations = %v", v)
				}
				if len(f.Message()) > 1000 || len(f.Meta()["name"]) > 300 {
					t.Errorf("the error is as long as its cause: %d, %d bytes", len(f.Message()), len(f.Meta()["name"]))
				}
			})
		}
	}
}

func TestTheLongestNameFits(t *testing.T) {
	id := strings.Repeat("a", resource.MaxID)
	for _, r := range []fmt.Stringer{resource.Revision{Environment: id, Connector: id, ID: id}, resource.Authorization{Environment: id, Connection: id, ID: id}, resource.Event{Environment: id, Subscription: id, ID: id}} {
		if n := len(r.String()); n > resource.MaxName {
			t.Errorf("%T: %d bytes", r, n)
		}
	}
	if _, err := resource.ParseRevision(resource.Revision{Environment: id, Connector: id, ID: id}.String()); err != nil {
		t.Error(err)
	}
}

func TestCheckID(t *testing.T) {
	for _, id := range []string{"a", "0", "a-b", "a--b", strings.Repeat("a", 63)} {
		if err := resource.CheckID("connector_id", id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range []string{"", "-", "a-", "-a", "A", "a_b", "a.b", strings.Repeat("a", 64)} {
		f := fault.From(resource.CheckID("connector_id", id))
		if f == nil {
			t.Errorf("%q was accepted", id)
			continue
		}
		if v := f.Violations(); f.Reason() != fault.ReasonInvalidName || len(v) != 1 || v[0].Field != "connector_id" {
			t.Errorf("%q: %v %v", id, f, v)
		}
	}
}

func TestNewID(t *testing.T) {
	tests := []struct{ name, title, want string }{
		{"words", "GitHub REST API", "github-rest-api"},
		{"punctuation", "  Pet Store (v1.2) — demo! ", "pet-store-v1-2-demo"},
		{"an id stays", "my-connector-2", "my-connector-2"},
		{"underscores and slashes", "a_b/c", "a-b-c"},
		{"German", "Größenübersicht für Straßen", "groessenuebersicht-fuer-strassen"},
		{"French", "L’Été à Orléans", "lete-a-orleans"},
		{"Polish", "Żółta Łódź", "zolta-lodz"},
		{"an ampersand", "Q&A", "q-and-a"},
		{"two titles that differ in case", "X", "x"},
		{"a title in another alphabet", "天気予報", "id-eef74a54"},
		{"some of it in another alphabet", "天気 Weather 予報", "weather"},
		{"nothing", "", "id-811c9dc5"},
		{"only punctuation", "---", ""},
		{"the longest", strings.Repeat("a", 63), strings.Repeat("a", 63)},
		{"too long", strings.Repeat("a", 64), strings.Repeat("a", 63)},
		{"too long, with a gap at the limit", strings.Repeat("a", 62) + " bcd", strings.Repeat("a", 62)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := resource.NewID(tt.title)
			if tt.want != "" && got != tt.want {
				t.Errorf("NewID(%q) = %q, want %q", tt.title, got, tt.want)
			}
			if err := resource.CheckID("id", got); err != nil {
				t.Errorf("NewID(%q) = %q is not valid", tt.title, got)
			}
		})
	}
	if resource.NewID("天気") == resource.NewID("予報") {
		t.Error("two titles have the same hash")
	}
}

func FuzzNewIDIsAlwaysValid(f *testing.F) {
	for _, s := range []string{"", "a", "-", "Ä", "\xff", "K", strings.Repeat("ß", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, title string) {
		if id := resource.NewID(title); resource.CheckID("id", id) != nil {
			t.Errorf("NewID(%q) = %q", title, id)
		}
	})
}

func FuzzParseEventRoundTrip(f *testing.F) {
	f.Add("environments/prod/subscriptions/s/events/e")
	f.Add("environments//subscriptions//events/")
	f.Fuzz(func(t *testing.T, name string) {
		if e, err := resource.ParseEvent(name); err == nil && e.String() != name {
			t.Errorf("%q became %q", name, e)
		}
	})
}
