package diff

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/oasdiff/oasdiff/checker"
	oasdiff "github.com/oasdiff/oasdiff/diff"
	"github.com/oasdiff/oasdiff/load"
	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// batchSize is the number of operations that are compared at once. It bounds the
// time after which the end of the context is noticed, and what is lost where the
// differ gives up.
const batchSize = 64

// maxPairs is the number of operations whose inputs and answers are compared.
// Who changes more has made another API.
const maxPairs = 5000

// pair is one operation in both definitions.
type pair struct {
	old, fresh *connectorv1.Operation
}

// shapes compares inputs and answers of the pairs.
func (c *comparison) shapes(ctx context.Context, pairs []pair, old, fresh *schemas) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("compare operations: %w", err)
	}
	for _, p := range pairs[min(len(pairs), maxPairs):] {
		c.notCompared(p)
	}
	pairs = pairs[:min(len(pairs), maxPairs)]
	budget := maxAllSteps
	pairs = slices.DeleteFunc(pairs, func(p pair) bool {
		tooMuch := ctx.Err() == nil && (dense(p.old, old, &budget) || dense(p.fresh, fresh, &budget))
		if tooMuch {
			c.notCompared(p)
		}
		return tooMuch
	})
	for batch := range slices.Chunk(pairs, batchSize) {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("compare operations: %w", err)
		}
		changes, err := compareShapes(batch, old, fresh)
		if err == nil {
			c.changes = append(c.changes, changes...)
			continue
		}
		// One of them is more than the differ can take; the others are not.
		for _, p := range batch {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("compare operations: %w", err)
			}
			changes, err := compareShapes([]pair{p}, old, fresh)
			if err != nil {
				c.notCompared(p)
			}
			c.changes = append(c.changes, changes...)
		}
	}
	return nil
}

func (c *comparison) notCompared(p pair) {
	c.add(Risky, "operation-not-compared", p.old.GetOperationId(), "inputs and answers",
		"the inputs and answers of the operation could not be compared; look at them yourself")
}

// compareShapes runs the differ. It panics on some documents that it does not
// expect, which is an error like any other.
func compareShapes(pairs []pair, old, fresh *schemas) (changes []Change, err error) {
	defer func() {
		if p := recover(); p != nil {
			changes, err = nil, fmt.Errorf("the differ gave up: %v", p)
		}
	}()
	before, after := make([]*connectorv1.Operation, len(pairs)), make([]*connectorv1.Operation, len(pairs))
	for i, p := range pairs {
		before[i], after[i] = p.old, settled(p.old, p.fresh)
	}
	base, err := (&writer{schemas: old}).write(before)
	if err != nil {
		return nil, err
	}
	revision, err := (&writer{schemas: fresh}).write(after)
	if err != nil {
		return nil, err
	}
	config := oasdiff.NewConfig(oasdiff.WithExcludeElements([]string{
		oasdiff.ExcludeExamplesOption, oasdiff.ExcludeDescriptionOption, oasdiff.ExcludeTitleOption,
		oasdiff.ExcludeSummaryOption, oasdiff.ExcludeExtensionsOption,
	}))
	found, sources, err := oasdiff.GetWithOperationsSourcesMap(config,
		&load.SpecInfo{Url: "base", Spec: base}, &load.SpecInfo{Url: "revision", Spec: revision})
	if err != nil {
		return nil, fmt.Errorf("compare operations: %w", err)
	}
	localizer := checker.NewDefaultLocalizer()
	for _, one := range checker.CheckBackwardCompatibilityUntilLevel(checker.NewConfig(checker.GetAllChecks()), found, sources, checker.INFO) {
		if change, ok := translated(one, pairs, localizer); ok {
			changes = append(changes, change)
		}
	}
	return changes, nil
}

// settled is the new operation with its parameters where the old one has them.
// Callers name inputs, not places: a parameter that moves is not a removed one.
func settled(old, fresh *connectorv1.Operation) *connectorv1.Operation {
	places := map[string][]connectorv1.ParameterLocation{}
	for _, p := range old.GetParameters() {
		places[p.GetName()] = append(places[p.GetName()], p.GetLocation())
	}
	count := map[string]int{}
	for _, p := range fresh.GetParameters() {
		count[p.GetName()]++
	}
	out := proto.CloneOf(fresh)
	for _, p := range out.GetParameters() {
		if was := places[p.GetName()]; len(was) == 1 && count[p.GetName()] == 1 {
			p.Location = was[0]
		}
	}
	return out
}

// translated is a change in our words. It is false for what is compared
// elsewhere.
func translated(one checker.Change, pairs []pair, l checker.Localizer) (Change, bool) {
	var i int
	path, notification := strings.CutSuffix(strings.TrimPrefix(one.GetPath(), "/"), "/notification")
	if _, err := fmt.Sscanf(path, "%d", &i); err != nil || i < 0 || i >= len(pairs) {
		return Change{}, false
	}
	code := one.GetId()
	out := Change{
		Code: code, OperationID: pairs[i].old.GetOperationId(), Message: one.GetUncolorizedText(l), Subject: subject(one),
		Impact: impact(code, one.GetLevel()),
	}
	if notification {
		out.Code, out.Subject = "notification-"+strings.TrimPrefix(code, "response-"), "notification"
	}
	return out, true
}

// impact is the level of a rule for those who call operations through the
// runtime.
func impact(code string, level checker.Level) Impact {
	switch code {
	case "request-parameter-removed":
		// The runtime refuses inputs that the operation does not have.
		return Breaking
	case "response-optional-property-removed", "response-media-type-removed":
		return max(Risky, levelImpact(level))
	default:
		return levelImpact(level)
	}
}

func levelImpact(level checker.Level) Impact {
	switch level {
	case checker.ERR:
		return Breaking
	case checker.WARN:
		return Risky
	default:
		return Compatible
	}
}

// subject says what in an operation a rule is about.
func subject(one checker.Change) string {
	code := one.GetId()
	args := one.GetArgs()
	switch {
	case strings.Contains(code, "parameter"):
		for j, arg := range args {
			// Rules name the place first and then the parameter.
			if slices.Contains([]string{"path", "query", "header", "cookie"}, fmt.Sprint(arg)) && j+1 < len(args) {
				return fmt.Sprintf("parameter %v", args[j+1])
			}
		}
		return "parameters"
	case strings.Contains(code, "response"):
		return "response"
	case strings.Contains(code, "request"):
		return "body"
	default:
		return "operation"
	}
}
