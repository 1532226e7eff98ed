// Package resource knows the names of Ferrule's resources.
//
// A resource name is a path of collections and ids, as in
// "environments/prod/connectors/github" (AIP-122). Each kind of resource is a
// struct of its ids; Parse… reads a name into it, String writes it back:
//
//	c, err := resource.ParseConnector("environments/prod/connectors/github")
//	c.Environment // "prod"
//	c.Parent()    // environments/prod
//	resource.Revision{Environment: c.Environment, Connector: c.ID, ID: hash}.String()
//
// Names that Parse accepts are unique, lower-case ASCII, and safe in URLs, file
// names, NATS subjects and store keys.
package resource

import (
	"fmt"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

const (
	// MaxID is the longest id in bytes.
	MaxID = 63
	// MaxName is the longest name that is looked at, in bytes. No valid name
	// comes near.
	MaxName = 256
)

// The collections, as they appear in names.
const (
	environments   = "environments"
	connectors     = "connectors"
	revisions      = "revisions"
	connections    = "connections"
	authorizations = "authorizations"
	oauthClients   = "oauthClients"
	subscriptions  = "subscriptions"
	events         = "events"
)

// idRule says in words what isID checks.
const idRule = "1 to 63 lower-case letters, digits and hyphens, with a letter or digit first and last"

// CheckID returns nil if id is 1 to [MaxID] lower-case ASCII letters, digits
// and hyphens, with a letter or digit first and last. Otherwise the error is a
// *fault.Error with reason INVALID_NAME that names field as wrong.
func CheckID(field, id string) error {
	if isID(id) {
		return nil
	}
	return fault.Invalid(fault.ReasonInvalidName, "%q is not a valid id; use %s", clip(id), idRule).
		With("id", clip(id)).Field(field, "must be "+idRule)
}

// Environment is the name "environments/{environment}".
type Environment struct{ ID string }

// ParseEnvironment reads the name of an environment. Like that of all Parse
// functions, its error is a *fault.Error with reason INVALID_NAME and a
// violation of the field "name".
func ParseEnvironment(name string) (Environment, error) {
	ids, err := parse(name, environments)
	if err != nil {
		return Environment{}, err
	}
	return Environment{ids[0]}, nil
}

// String returns the name.
func (e Environment) String() string { return join(environments, e.ID) }

// Connector is the name "environments/{environment}/connectors/{connector}".
type Connector struct{ Environment, ID string }

// ParseConnector reads the name of a connector.
func ParseConnector(name string) (Connector, error) {
	ids, err := parse(name, environments, connectors)
	if err != nil {
		return Connector{}, err
	}
	return Connector{ids[0], ids[1]}, nil
}

// Parent returns the environment that the connector is in.
func (c Connector) Parent() Environment { return Environment{c.Environment} }

// String returns the name.
func (c Connector) String() string { return join(environments, c.Environment, connectors, c.ID) }

// Revision is the name
// "environments/{environment}/connectors/{connector}/revisions/{revision}".
type Revision struct{ Environment, Connector, ID string }

// ParseRevision reads the name of a revision.
func ParseRevision(name string) (Revision, error) {
	ids, err := parse(name, environments, connectors, revisions)
	if err != nil {
		return Revision{}, err
	}
	return Revision{ids[0], ids[1], ids[2]}, nil
}

// Parent returns the connector that this is a revision of.
func (r Revision) Parent() Connector { return Connector{r.Environment, r.Connector} }

// String returns the name.
func (r Revision) String() string {
	return join(environments, r.Environment, connectors, r.Connector, revisions, r.ID)
}

// Connection is the name "environments/{environment}/connections/{connection}".
type Connection struct{ Environment, ID string }

// ParseConnection reads the name of a connection.
func ParseConnection(name string) (Connection, error) {
	ids, err := parse(name, environments, connections)
	if err != nil {
		return Connection{}, err
	}
	return Connection{ids[0], ids[1]}, nil
}

// Parent returns the environment that the connection is in.
func (c Connection) Parent() Environment { return Environment{c.Environment} }

// String returns the name.
func (c Connection) String() string { return join(environments, c.Environment, connections, c.ID) }

// Authorization is the name of a sign-in,
// "environments/{environment}/connections/{connection}/authorizations/{authorization}".
type Authorization struct{ Environment, Connection, ID string }

// ParseAuthorization reads the name of a sign-in.
func ParseAuthorization(name string) (Authorization, error) {
	ids, err := parse(name, environments, connections, authorizations)
	if err != nil {
		return Authorization{}, err
	}
	return Authorization{ids[0], ids[1], ids[2]}, nil
}

// Parent returns the connection that the sign-in is for.
func (a Authorization) Parent() Connection { return Connection{a.Environment, a.Connection} }

// String returns the name.
func (a Authorization) String() string {
	return join(environments, a.Environment, connections, a.Connection, authorizations, a.ID)
}

// OAuthClient is the name "environments/{environment}/oauthClients/{oauthClient}".
type OAuthClient struct{ Environment, ID string }

// ParseOAuthClient reads the name of an OAuth client.
func ParseOAuthClient(name string) (OAuthClient, error) {
	ids, err := parse(name, environments, oauthClients)
	if err != nil {
		return OAuthClient{}, err
	}
	return OAuthClient{ids[0], ids[1]}, nil
}

// Parent returns the environment that the client is in.
func (c OAuthClient) Parent() Environment { return Environment{c.Environment} }

// String returns the name.
func (c OAuthClient) String() string { return join(environments, c.Environment, oauthClients, c.ID) }

// Subscription is the name
// "environments/{environment}/subscriptions/{subscription}".
type Subscription struct{ Environment, ID string }

// ParseSubscription reads the name of a subscription.
func ParseSubscription(name string) (Subscription, error) {
	ids, err := parse(name, environments, subscriptions)
	if err != nil {
		return Subscription{}, err
	}
	return Subscription{ids[0], ids[1]}, nil
}

// Parent returns the environment that the subscription is in.
func (s Subscription) Parent() Environment { return Environment{s.Environment} }

// String returns the name.
func (s Subscription) String() string {
	return join(environments, s.Environment, subscriptions, s.ID)
}

// Event is the name
// "environments/{environment}/subscriptions/{subscription}/events/{event}".
type Event struct{ Environment, Subscription, ID string }

// ParseEvent reads the name of an event.
func ParseEvent(name string) (Event, error) {
	ids, err := parse(name, environments, subscriptions, events)
	if err != nil {
		return Event{}, err
	}
	return Event{ids[0], ids[1], ids[2]}, nil
}

// Parent returns the subscription that produced the event.
func (e Event) Parent() Subscription { return Subscription{e.Environment, e.Subscription} }

// String returns the name.
func (e Event) String() string {
	return join(environments, e.Environment, subscriptions, e.Subscription, events, e.ID)
}

func join(segments ...string) string { return strings.Join(segments, "/") }

// parse returns the ids of a name that has exactly these collections.
// No name has more than three; a result of fixed size is not allocated.
func parse(name string, collections ...string) (ids [3]string, err error) {
	if len(name) > MaxName {
		return ids, invalid(name, collections)
	}
	rest := name
	for i, want := range collections {
		collection, after, _ := strings.Cut(rest, "/")
		id, others, more := strings.Cut(after, "/")
		if collection != want || !isID(id) || more != (i < len(collections)-1) {
			return ids, invalid(name, collections)
		}
		ids[i], rest = id, others
	}
	return ids, nil
}

// isID reports whether an id keeps the rule. Every call of the data plane asks, so
// it is no regular expression.
func isID(id string) bool {
	if id == "" || len(id) > MaxID || id[0] == '-' || id[len(id)-1] == '-' {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

func invalid(name string, collections []string) error {
	shape := make([]string, len(collections))
	for i, c := range collections {
		shape[i] = c + "/{" + strings.TrimSuffix(c, "s") + "}"
	}
	want := join(shape...)
	return fault.Invalid(fault.ReasonInvalidName, "%q is not a resource name of the form %s, or an id in it is not valid", clip(name), want).
		With("name", clip(name)).
		Field("name", fmt.Sprintf("must have the form %s; ids are %s", want, idRule))
}

// clip keeps what strangers sent from filling the error.
func clip(s string) string {
	if len(s) <= MaxName {
		return s
	}
	return strings.ToValidUTF8(s[:MaxName], "") + "…"
}
