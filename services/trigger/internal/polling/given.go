package polling

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// Limits of rules that somebody gives.
const (
	// MaxPath is the longest dot path, and MaxText the longest template and initial
	// value, in bytes.
	MaxPath = 512
	MaxText = 1 << 10
	// MaxCursors is the largest number of cursors.
	MaxCursors = 8
)

// RuleError says which of the given rules cannot be used, and why.
type RuleError struct {
	// Field is the field's path in the interface, for instance "polling.key_path".
	Field string
	// Problem is what is wrong, to be read after the field's name.
	Problem string
}

// Error tells both.
func (e *RuleError) Error() string { return e.Field + " " + e.Problem }

// Given returns the rules that somebody gives for an operation, whatever its
// connector says of it. Its errors are [RuleError]s.
func Given(p *connectorv1.PollingTrigger, op *connectorv1.Operation) (Rules, error) {
	switch p.GetProtocol() {
	case connectorv1.PollingProtocol_POLLING_PROTOCOL_UNSPECIFIED, connectorv1.PollingProtocol_POLLING_PROTOCOL_LIST:
	default:
		return Rules{}, &RuleError{"polling.protocol", "must be LIST: the others are the connector's to declare"}
	}
	if p.GetNotificationOperationId() != "" {
		return Rules{}, &RuleError{"polling.notification_operation_id", "is the connector's to declare; leave it out"}
	}
	for _, path := range []struct{ field, text string }{
		{"items_path", p.GetItemsPath()}, {"key_path", p.GetKeyPath()}, {"version_path", p.GetVersionPath()},
	} {
		if problem := checkPath(path.text); problem != "" {
			return Rules{}, &RuleError{"polling." + path.field, problem}
		}
	}
	if err := checkChoices(p); err != nil {
		return Rules{}, err
	}
	for i, c := range p.GetCursors() {
		if field, problem := checkCursor(c, op); problem != "" {
			return Rules{}, &RuleError{fmt.Sprintf("polling.cursors[%d].%s", i, field), problem}
		}
	}
	r := rulesOf(p, op)
	r.Protocol = connectorv1.PollingProtocol_POLLING_PROTOCOL_LIST
	return r, nil
}

// checkChoices refuses values that nobody declared, and combinations without a
// meaning.
func checkChoices(p *connectorv1.PollingTrigger) error {
	_, order := connectorv1.ListOrder_name[int32(p.GetOrder())]
	_, report := connectorv1.ItemChange_name[int32(p.GetReport())]
	changes := p.GetReport() == connectorv1.ItemChange_ITEM_CHANGE_CREATED_OR_CHANGED
	switch {
	case !order:
		return &RuleError{"polling.order", "is not known"}
	case !report:
		return &RuleError{"polling.report", "is not known"}
	case p.GetVersionPath() != "" && !changes:
		return &RuleError{"polling.version_path", "is for changes; set report to CREATED_OR_CHANGED, or leave it out"}
	case changes && p.GetKeyPath() == "":
		return &RuleError{"polling.key_path", "is needed where changes are reported: without it an item that has changed is another"}
	case p.GetMaxPages() < 0 || p.GetMaxPages() > MaxPages:
		return &RuleError{"polling.max_pages", fmt.Sprintf("must be between 1 and %d", MaxPages)}
	case len(p.GetCursors()) > MaxCursors:
		return &RuleError{"polling.cursors", fmt.Sprintf("are more than %d", MaxCursors)}
	}
	return nil
}

// checkCursor returns the field of a cursor that cannot be used, and why.
func checkCursor(c *connectorv1.PollingCursor, op *connectorv1.Operation) (field, problem string) {
	if problem := checkPath(c.GetItemsPath()); problem != "" {
		return "items_path", problem
	}
	if problem := checkPath(c.GetValuePath()); problem != "" {
		return "value_path", problem
	}
	_, known := connectorv1.CursorValue_name[int32(c.GetValue())]
	switch {
	case !hasParameter(op, c.GetParameter()):
		return "parameter", fmt.Sprintf("%q is no parameter of the operation", c.GetParameter())
	case c.GetValuePath() == "" && c.GetValue() == connectorv1.CursorValue_CURSOR_VALUE_ANSWER:
		return "value_path", "must say where in the answer the value is"
	case !known:
		return "value", "is not known"
	case c.GetTemplate() != "" && !strings.Contains(c.GetTemplate(), placeValue):
		return "template", `must hold "{value}"`
	case len(c.GetTemplate()) > MaxText:
		return "template", fmt.Sprintf("has more than %d bytes", MaxText)
	case len(c.GetInitial()) > MaxText:
		return "initial", fmt.Sprintf("has more than %d bytes", MaxText)
	}
	return "", ""
}

// hasParameter reports whether an operation has a parameter, by its name alone or
// with its place in front.
func hasParameter(op *connectorv1.Operation, name string) bool {
	return slices.ContainsFunc(op.GetParameters(), func(p *connectorv1.Parameter) bool {
		place := strings.ToLower(strings.TrimPrefix(p.GetLocation().String(), "PARAMETER_LOCATION_"))
		return name == p.GetName() || name == place+"."+p.GetName()
	})
}

// checkPath says what is wrong with a dot path; empty if nothing is.
func checkPath(path string) string {
	switch {
	case path == "":
		return ""
	case len(path) > MaxPath:
		return fmt.Sprintf("has %d bytes, up to %d are accepted", len(path), MaxPath)
	case slices.Contains(strings.Split(path, "."), ""):
		return fmt.Sprintf("%q has an empty name between its dots; write names with single dots, for instance data.items", path)
	case strings.HasPrefix(path, "$"), strings.ContainsAny(path, "[]/"), strings.ContainsFunc(path, unicode.IsControl):
		return fmt.Sprintf("%q is no dot path; write names with single dots, for instance data.items", path)
	}
	return ""
}
