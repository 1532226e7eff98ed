// Package mapping evaluates what the owner of a sink has written about its events:
// a condition, the key that orders deliveries, and the input of an action.
//
// All are expressions of the Common Expression Language (CEL) over one variable,
// "event". [CompileCondition], [CompileKey] and [CompileTemplate] read them once
// and say what is wrong with them; what they return is immutable, safe for
// concurrent use, and evaluated against an [Event].
//
//	template, err := mapping.CompileTemplate(`{"title": "${event.data.name}", "id": "${event.data.id}"}`)
//	event, err := mapping.Parse(cloudEvent)
//	input, err := template.Render(ctx, event)
//
// Expressions come from people who may mean harm, and data from anybody: every
// evaluation has a limit of cost, time and size, and what goes wrong is told
// without quoting data.
package mapping

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
)

// The limits.
const (
	// MaxExpression is the longest expression in bytes.
	MaxExpression = 4096
	// MaxTemplate is the longest template in bytes, and MaxDepth how deep its
	// objects and lists may be nested.
	MaxTemplate = 256 << 10
	MaxDepth    = 64
	// MaxExpressions is how many expressions a template may hold.
	MaxExpressions = 500
	// MaxOutput is the largest input that a template can make, in bytes.
	MaxOutput = 1 << 20
	// MaxKey is the longest value of a key, as JSON text, in bytes.
	MaxKey = 64 << 10

	// maxTime bounds all evaluations for one condition, key or template.
	maxTime = 500 * time.Millisecond
	// maxCost bounds one evaluation: about as many steps, where one looks at ten
	// characters of a text.
	maxCost = 500_000
	// checkEvery is after how many steps of a loop the time is looked at.
	checkEvery = 100
	// maxNesting bounds expressions inside of expressions.
	maxNesting = 48
	// maxRegex is the largest compiled regular expression, which keep the size of
	// what they are matched with linear.
	maxRegex = 1000
	// maxRange is the longest list that a range makes.
	maxRange = 10_000
	// maxPrecision is the highest number of decimals in a formatted number.
	maxPrecision = 30
)

// variable is the one that expressions see, with these members.
const variable = "event"

var members = []string{"id", "source", "type", "subject", "time", "subscription", "revision", "data"}

// environment is made once: that takes milliseconds, and it is immutable.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable(variable, cel.MapType(cel.StringType, cel.DynType)),
		cel.CustomTypeAdapter(adapter{}),
		cel.OptionalTypes(), cel.CrossTypeNumericComparisons(true), cel.DefaultUTCTimeZone(true),
		ext.Strings(ext.StringsMaxPrecision(maxPrecision)), ext.Encoders(), ext.Math(), ext.Lists(ext.ListsMaxRangeSize(maxRange)), ext.Sets(),
		cel.ParserExpressionSizeLimit(MaxExpression), cel.ParserRecursionLimit(maxNesting), cel.RegexProgramSizeLimit(maxRegex),
	)
})

// expression is one that can be evaluated.
type expression struct {
	text    string
	path    string // where it stands in a template; empty elsewhere
	makes   kinds  // what its value can be
	program cel.Program
}

// compile reads an expression whose value has one of the given types, or may.
func compile(text, path string, wanted ...*cel.Type) (*expression, error) {
	if len(text) > MaxExpression {
		return nil, &Error{Path: path, Problem: fmt.Sprintf("an expression has %d bytes, up to %d are accepted", len(text), MaxExpression)}
	}
	env, err := environment()
	if err != nil {
		return nil, fmt.Errorf("prepare expressions: %w", err)
	}
	checked, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, compileError(text, path, issues)
	}
	if err := checkMembers(text, path, checked); err != nil {
		return nil, err
	}
	if !fits(checked.OutputType(), wanted) {
		return nil, &Error{Expression: text, Path: path, Problem: fmt.Sprintf("it is a %s, and a %s is needed", checked.OutputType(), wanted[0])}
	}
	program, err := env.Program(checked, cel.CostLimit(maxCost), cel.InterruptCheckFrequency(checkEvery), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, &Error{Expression: text, Path: path, Problem: "it cannot be used: a part of it that is constant has no value"}
	}
	return &expression{text: text, path: path, makes: kindsOf(checked), program: program}, nil
}

// fits reports whether a value of a type may be a wanted one.
func fits(t *cel.Type, wanted []*cel.Type) bool {
	return len(wanted) == 0 || t.IsExactType(cel.DynType) || slices.ContainsFunc(wanted, t.IsExactType)
}

// compileError tells the first problem, with its place in the expression.
func compileError(text, path string, issues *cel.Issues) error {
	first := issues.Errors()[0]
	problem, _, _ := strings.Cut(first.Message, "\n")
	problem = strings.TrimPrefix(problem, "Syntax error: ")
	return &Error{
		Expression: text, Path: path,
		Problem: fmt.Sprintf("at line %d, column %d: %s", first.Location.Line(), first.Location.Column()+1, clip(problem)),
	}
}

// checkMembers refuses a member that no event has: without that, a typing error
// would only be found by the first event.
func checkMembers(text, path string, checked *cel.Ast) error {
	tree := checked.NativeRep()
	for _, e := range ast.MatchDescendants(ast.NavigateAST(tree), ast.KindMatcher(ast.SelectKind)) {
		operand, field := e.AsSelect().Operand(), e.AsSelect().FieldName()
		if operand.Kind() != ast.IdentKind || operand.AsIdent() != variable || slices.Contains(members, field) {
			continue
		}
		place := tree.SourceInfo().GetStartLocation(e.ID())
		return &Error{
			Expression: text, Path: path,
			Problem: fmt.Sprintf("at line %d, column %d: an event has no member %q, only %s", place.Line(), place.Column()+1, field, strings.Join(members, ", ")),
		}
	}
	return nil
}

// value evaluates the expression.
func (x *expression) value(ctx context.Context, event *Event) (ref.Val, error) {
	out, _, err := x.program.ContextEval(ctx, event.variables)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, ctx.Err()
	case err != nil:
		return nil, &Error{Expression: x.text, Path: x.path, Problem: x.explain(ctx, err)}
	}
	return out, nil
}

// limited bounds the time of evaluations.
func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, maxTime)
}

// Condition chooses events.
type Condition struct{ expression *expression }

// CompileCondition reads an expression that is true or false. Its errors are
// [*Error].
func CompileCondition(text string) (*Condition, error) {
	x, err := compile(text, "", cel.BoolType)
	if err != nil {
		return nil, err
	}
	return &Condition{expression: x}, nil
}

// Holds reports whether the condition is true for an event. An error that is not
// of ctx is [*Error].
func (c *Condition) Holds(ctx context.Context, event *Event) (bool, error) {
	ctx, cancel := limited(ctx)
	defer cancel()
	out, err := c.expression.value(ctx, event)
	if err != nil {
		return false, err
	}
	holds, ok := out.Value().(bool)
	if !ok {
		return false, &Error{Expression: c.expression.text, Problem: "its value is neither true nor false"}
	}
	return holds, nil
}

// Key tells which events belong together.
type Key struct{ expression *expression }

// CompileKey reads an expression of any type. Its errors are [*Error].
func CompileKey(text string) (*Key, error) {
	x, err := compile(text, "")
	if err != nil {
		return nil, err
	}
	return &Key{expression: x}, nil
}

// Of returns the key's value for an event as JSON text, at most [MaxKey] bytes; the
// same value has the same text. An error that is not of ctx is [*Error].
func (k *Key) Of(ctx context.Context, event *Event) (string, error) {
	ctx, cancel := limited(ctx)
	defer cancel()
	out, err := k.expression.value(ctx, event)
	if err != nil {
		return "", err
	}
	w := writer{limit: MaxKey}
	if _, err := w.value(out, 0); err != nil {
		return "", &Error{Expression: k.expression.text, Problem: err.Error()}
	}
	return w.String(), nil
}
