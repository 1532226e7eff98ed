package pipeline

import (
	"net/http"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/cache"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/inject"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/plan"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// Validation says what becomes of an answer that is not as its schema says.
type Validation int

// The ways to validate.
const (
	// ValidateNothing looks at nothing.
	ValidateNothing Validation = iota
	// ValidateReport gives the answer with findings.
	ValidateReport
	// ValidateStrict makes the call fail with RESPONSE_INVALID.
	ValidateStrict
)

// Call is one call on its way. Its steps fill it in; it belongs to the goroutine
// that made it.
type Call struct {
	// Connection is what is called.
	Connection resource.Connection
	// OperationID is which operation.
	OperationID string
	// Revision is used instead of the connection's own, unless it is empty.
	Revision string
	// OnBehalfOf is the user for whom a service of the suite calls: the connection
	// must be theirs. Empty for none; ignored if a user calls.
	OnBehalfOf string
	// Input is the input, one JSON object; empty for none.
	Input []byte
	// Constants is the part of Input that the definition itself prescribes, at the
	// same places, a JSON object; empty for none. What the definition says of good
	// values does not count for it.
	Constants []byte
	// Timeout is the time for the call; 0 means [DefaultTimeout].
	Timeout time.Duration
	// Subject is the caller's own token at the provider, if it sent one.
	Subject binding.Subject
	// Link is called instead of what the input makes, unless it is empty: a link
	// that an answer for this connection held. The operation becomes that of the link,
	// see [Pipeline.Linked].
	Link string
	// Follow is an absolute URL that the API itself has given in an answer to the
	// caller's own call; it is called like Link.
	Follow string
	// IdempotencyKey makes the call harmless to repeat; empty for none.
	IdempotencyKey string
	// Validation says what becomes of an answer that is not as its schema says.
	Validation Validation
	// NoCache asks the API even where an earlier answer is still good.
	NoCache bool

	// Binding is what the connection means; nil until it is known.
	Binding *Binding
	// Response is what the API answered; nil without an answer.
	Response *upstream.Response
	// Problem explains an answer that reports a failure; nil for others.
	Problem *upstream.Problem
	// Findings are how the answer differs from its schema.
	Findings []plan.Finding
	// URL is where the request went, with nothing secret in it; empty if there was
	// none.
	URL string
	// NextLink is where a list goes on, a link of ours; empty if it does not.
	NextLink string
	// LocationFault says why the Location of an answer that keeps the state of a poll
	// cannot be followed, a clause; empty if it can, or is none.
	LocationFault string
	// Replayed means that the API was not asked for this answer.
	Replayed bool
	// Attempts is how often the request was sent.
	Attempts int
	// Logs are what custom code logged.
	Logs []sandbox.Line
	// Dropped is how many lines more it logged.
	Dropped int
	// Elapsed is how long the call took.
	Elapsed time.Duration

	principal  authn.Principal
	operation  *operation
	arguments  *plan.Arguments
	handles    inject.Handles
	unmet      error            // what is missing for the operation's security schemes
	notRenewed error            // why a refused token was not replaced
	request    request.Request  // being built; emptied once it was sent
	seen       request.Request  // as it was before secrets were put in, if somebody wants to know
	policies   *policy.Exchange // of both sections; nil without policies
	linked     Linked           // what Link means
	raw        *request.Request // sent instead of what the input makes, without a base
	sent       int64            // bytes of bodies, of all attempts
	wish       cache.Wish       // of a raw request
	// leave says of which answers to the call's own request the body is left to be
	// read; nil for none.
	leave func(*http.Response) bool

	answered     int  // the status by which the API answered the call's own request; 0 without
	begun        bool // custom code had something answered that must not be sent twice
	changes      bool // something was sent that may change something
	unrepeatable bool // something was sent that must not be sent twice

	unauthenticated int // status by which an API said that nobody is signed in
}

// ask is what the call asks the vault.
func (c *Call) ask() binding.Ask {
	return binding.Ask{
		Connection: c.Connection, Principal: c.principal, Operation: c.OperationID, Revision: c.Revision, Subject: c.Subject,
	}
}
