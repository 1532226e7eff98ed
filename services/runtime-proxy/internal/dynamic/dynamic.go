// Package dynamic asks APIs for what their descriptions leave open: the choices of
// an input, flat or as a tree, and the schemas of inputs and answers.
//
// A definition says for a value which operation to ask, with which arguments, and
// where the choices or the schema are in its answer (connectorv1.DynamicFeature).
// [Resolver] finds the feature, builds the input of the call out of constants, of
// what is known of the caller's input and of the item that is opened, makes the
// call through the pipeline that all calls go through, and reads the answer.
// Lists are followed over their pages. What was found is remembered for a minute.
//
//	r, err := dynamic.New(clock)
//	found, err := r.Values(ctx, &dynamic.Question{…, Operation: "AddCard", Pointer: "/body/board"})
//
// Values are JSON text and keep the spelling of the API. Of several features for
// the same value, the first that can be asked now counts: they stand in the order
// in which they should be preferred.
package dynamic

import (
	"context"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/paging"
)

const (
	// MaxValues and MaxPages bound the choices of one answer.
	MaxValues, MaxPages = 10_000, 100
	// MaxSchema is the largest schema, in bytes.
	MaxSchema = 1 << 20
)

// Caller calls an operation of the connector on the connection, as everybody's
// calls are made. An answer of 400 and more is an answer; its errors are those of
// calls. constants is the part of the input that the definition prescribes, a JSON
// object; what the definition says of good values does not count for it.
type Caller func(ctx context.Context, operation string, constants []byte, ask paging.Ask) (*paging.Answer, error)

// Question is what somebody wants to know.
type Question struct {
	// Connection is whose API is asked.
	Connection resource.Connection
	// Revision is the id of the revision that Definition is of.
	Revision string
	// Caller tells who asks, so that nobody is given what another was answered: all
	// that decides what the API may show them.
	Caller string
	// Definition is the connector.
	Definition *connectorv1.Definition
	// Operation is the operation that has the value.
	Operation string
	// Side is the side of the operation, for schemas; choices are always of inputs.
	Side connectorv1.DynamicSide
	// Pointer is the value, a JSON pointer (RFC 6901).
	Pointer string
	// Input is what is known of the operation's input, a JSON object; empty for
	// nothing.
	Input jsontext.Value
	// Item is the item whose branch is opened; empty for the roots.
	Item jsontext.Value
	// Fresh asks the API whatever is remembered.
	Fresh bool
	// Call makes the calls.
	Call Caller
}

// Value is one choice.
type Value struct {
	// Value goes into the input, as JSON text.
	Value jsontext.Value
	// Title is for people, never empty unless the value is.
	Title string
	// Description is longer, and often empty.
	Description string
	// FullTitle is the title with those of the parents; only in trees.
	FullTitle string
	// Parent says that there are items below; only in trees.
	Parent bool
	// Selectable says that it can be chosen.
	Selectable bool
	// Item is the item as the API gave it, to open the branch below; only in
	// trees.
	Item jsontext.Value
}

// Values are choices in the API's order. They are shared and must not be changed.
type Values struct {
	// Values are the choices, at most [MaxValues].
	Values []Value
	// Truncated says that there are more.
	Truncated bool
}

// Resolver answers questions. It is safe for concurrent use.
type Resolver struct {
	values  *memory[*Values]
	schemas *memory[jsontext.Value]
}

// New returns a resolver that remembers nothing yet.
func New(clk clock.Clock) (*Resolver, error) {
	values, err := newMemory(clk, weighValues)
	if err != nil {
		return nil, fmt.Errorf("make memory of choices: %w", err)
	}
	schemas, err := newMemory(clk, func(v jsontext.Value) int { return len(v) })
	if err != nil {
		return nil, fmt.Errorf("make memory of schemas: %w", err)
	}
	return &Resolver{values: values, schemas: schemas}, nil
}

// DropConnection forgets what was found with a connection.
func (r *Resolver) DropConnection(c resource.Connection) {
	r.values.drop(c)
	r.schemas.drop(c)
}

// DropAll forgets everything.
func (r *Resolver) DropAll() {
	r.values.dropAll()
	r.schemas.dropAll()
}

// Values returns the choices of an input. The errors:
//
//   - OPERATION_NOT_FOUND, and INVALID_ARGUMENT where nothing dynamic is at the
//     pointer, with the pointers that there are;
//   - INPUT_INVALID if the choices depend on inputs that are not known yet, each of
//     them a violation;
//   - OPERATION_NOT_SUPPORTED if the choices come from something that the platform
//     of the definition's source supplies, and this one does not;
//   - DYNAMIC_NOT_AVAILABLE if the API fails, or answers without a list;
//   - those of calls.
func (r *Resolver) Values(ctx context.Context, q *Question) (*Values, error) {
	plan, err := q.plan(wantsValues)
	if err != nil {
		return nil, err
	}
	return r.values.get(ctx, q.key(plan), q.Fresh, func(ctx context.Context) (*Values, error) {
		return plan.list(ctx, q)
	})
}

// Schema returns a JSON Schema: an object, or a boolean. The errors are those of
// [Resolver.Values].
func (r *Resolver) Schema(ctx context.Context, q *Question) (jsontext.Value, error) {
	plan, err := q.plan(wantsSchema)
	if err != nil {
		return nil, err
	}
	return r.schemas.get(ctx, q.key(plan), q.Fresh, func(ctx context.Context) (jsontext.Value, error) {
		return plan.fetchSchema(ctx, q)
	})
}

// unavailable is what the API did not supply.
func unavailable(operation, format string, args ...any) *fault.Error {
	return fault.Precondition(fault.ReasonDynamicNotAvailable,
		"operation %q did not supply what is asked for: "+format+"; type the value in, or try again later",
		append([]any{operation}, args...)...).With("operation", operation)
}

// failed is what the API said instead of an answer; nil if it answered.
func failed(operation string, a *paging.Answer) error {
	p := a.Problem
	switch {
	case p == nil && a.Status < 300:
		return nil
	case p == nil:
		return unavailable(operation, "the API answered with status %d", a.Status)
	}
	f := unavailable(operation, "%s", p.Message)
	if p.Retryable {
		f = fault.Unavailable(fault.ReasonDynamicNotAvailable, "%s", f.Message()).With("operation", operation)
	}
	if p.RetryAfter > 0 {
		f = f.RetryAfter(p.RetryAfter)
	}
	return f.With("status", strconv.Itoa(a.Status))
}

// callFault explains the failure of a call that the asker did not make: what the
// called operation says of its input is no violation of the asker's.
func callFault(operation string, err error) error {
	switch fault.ReasonOf(err) {
	case fault.ReasonInputInvalid, fault.ReasonOperationNotFound:
		return unavailable(operation, "%s", fault.From(err).Message()).Because(err)
	default:
		return err
	}
}
