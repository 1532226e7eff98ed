package core

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/mapping"
)

// maxMisfits bounds what one answer lists.
const maxMisfits = 50

// misfits returns why the input of an action can fit for no event, by field below the
// input. The runtime is shown examples of what the mapping makes: what it has against all
// of them, and would have against other values of the same types, no event can mend. Where
// the runtime cannot be asked nothing is known, and deliveries will tell.
func (t *Triggers) misfits(ctx context.Context, revision resource.Revision, action *ActionSink) ([]fault.Violation, error) {
	template, err := mapping.CompileTemplate(action.Input)
	if err != nil {
		return nil, err // cannot be: it was checked
	}
	inputs, places, err := template.Examples()
	if err != nil {
		return nil, err
	}
	reports, err := t.Inputs.Faults(ctx, revision, action.Operation, inputs)
	if err != nil {
		switch fault.ReasonOf(err) {
		case fault.ReasonCustomCodeRequired, fault.ReasonOperationNotSupported:
			return nil, err
		default:
			return nil, ctx.Err()
		}
	}
	return certain(reports, places), nil
}

// certain returns what is wrong with every example and depends on no value.
func certain(reports [][]InputFault, places []mapping.Place) []fault.Violation {
	if len(reports) == 0 {
		return nil
	}
	var out []fault.Violation
	for _, f := range reports[0] {
		if place, known := concerning(f, places); known && inAll(reports[1:], f) {
			out = append(out, fault.Violation{Field: f.Field, Description: f.Description + place})
		}
	}
	return out
}

// inAll reports whether all reports have the fault, whatever they say of their values.
func inAll(reports [][]InputFault, f InputFault) bool {
	return !slices.ContainsFunc(reports, func(report []InputFault) bool {
		return !slices.ContainsFunc(report, func(other InputFault) bool { return other.Field == f.Field && other.ByType == f.ByType })
	})
}

// concerning reports whether a fault is one with any values of the same types, and says
// which expression it is about: "" if it is about none.
func concerning(f InputFault, places []mapping.Place) (expression string, known bool) {
	for _, p := range places {
		field := fieldOf(p.Tokens)
		switch {
		case choosesContent(p) && strings.HasPrefix(f.Field, "body"):
			return "", false // how the body has to be depends on the event
		case field == f.Field && f.ByType && p.Makes != "":
			if !strings.HasPrefix(f.Description, "must ") {
				return "", true // there is nothing of that name
			}
			return fmt.Sprintf("; the expression %s is %s for every event", p.Text, p.Makes), true
		case strings.HasPrefix(f.Field, field) && f.Field != field && isBelow(f.Field[len(field):]):
			return "", false // inside of a value that is an example
		case f.ByType: // what is there is not known or has another type, whatever its parts are
		case strings.HasPrefix(field, f.Field) && isBelow(field[len(f.Field):]):
			return "", false // it may be because of an example inside
		}
	}
	return "", true
}

// choosesContent reports whether a place is an input that chooses the representation of
// the body: the header field of that name, which other fields may be beside.
func choosesContent(p mapping.Place) bool {
	return len(p.Tokens) == 1 && strings.EqualFold(strings.TrimPrefix(p.Tokens[0], "header."), "Content-Type")
}

// isBelow reports whether what follows a field leads to a part of it, or is the end.
func isBelow(rest string) bool { return rest == "" || rest[0] == '.' || rest[0] == '[' }

// fieldOf writes a place as the runtime does.
func fieldOf(tokens []string) string {
	var out strings.Builder
	for i, token := range tokens {
		_, err := strconv.ParseUint(token, 10, 32)
		switch {
		case i > 0 && err == nil:
			out.WriteString("[" + token + "]")
			continue
		case i > 0:
			out.WriteString(".")
		}
		out.WriteString(token)
	}
	return out.String()
}

// misfitting is the answer to sinks whose inputs never fit.
func misfitting(sinks []Sink, found map[int][]fault.Violation) error {
	var all []fault.Violation
	var first string
	for i := range sinks {
		for _, v := range found[i] {
			if first == "" {
				first = fmt.Sprintf("%q of sink %s for %s %s", v.Field, sinks[i].ID, sinks[i].Action.Operation, v.Description)
			}
			field := strings.TrimSuffix(fmt.Sprintf("subscription.sinks[%d].action.input.%s", i, v.Field), ".")
			all = append(all, fault.Violation{Field: field, Description: v.Description})
		}
	}
	if len(all) == 0 {
		return nil
	}
	more := ""
	if len(all) > 1 {
		more = fmt.Sprintf(", and %d more; see the violations", len(all)-1)
	}
	err := fault.Invalid(fault.ReasonInputInvalid,
		"no event could be delivered, because the mapped input never fits the action: %s%s; change the mapping to what the action takes", first, more)
	for _, v := range all[:min(len(all), maxMisfits)] {
		err = err.Field(v.Field, v.Description)
	}
	return err
}
