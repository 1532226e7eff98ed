package reference

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

func (w *writer) operation(op *connectorv1.Operation) {
	w.linef("\n<a id=\"%s\"></a>\n### %s\n", anchor(op.GetOperationId()), line(op.GetOperationId()))
	if op.GetSummary() != "" {
		w.linef("**%s**\n", line(op.GetSummary()))
	}
	if op.GetDescription() != "" && op.GetDescription() != op.GetSummary() {
		w.linef("%s\n", prose(op.GetDescription()))
	}
	w.remarks(op)
	if op.GetPath() != "" {
		w.linef("%s\n", code(op.GetMethod()+" "+op.GetPath()))
	}
	w.linef("```sh\n%s\n```", w.command(op))
	w.inputs(op)
	w.answers(op)
}

// remarks says what is unusual about an operation.
func (w *writer) remarks(op *connectorv1.Operation) {
	if op.GetDeprecated() {
		text := "Deprecated: it still works and should not be used any more."
		if other := op.GetFamily().GetReplacementOperationId(); other != "" {
			text += " Use " + code(other) + " instead."
		}
		w.linef("> %s\n", text)
	}
	if op.GetRequiresScript() {
		w.linef("> It is handled by custom code of the connector, and cannot be called without it.\n")
	}
	if op.GetTrigger().GetWebhook().GetRegistration() == connectorv1.WebhookRegistration_WEBHOOK_REGISTRATION_MANUAL {
		w.linef("> The callback is registered by hand: subscribe, then enter the URL that is shown at the API.\n")
	}
	if hint := op.GetTrigger().GetHint(); hint != "" {
		w.linef("> %s\n", line(hint))
	}
}

// command is how the operation is used on the command line, with what it
// requires.
func (w *writer) command(op *connectorv1.Operation) string {
	verb := "invoke"
	if op.GetTrigger() != nil {
		verb = "subscribe"
	}
	var command strings.Builder
	command.WriteString("ferrule " + verb + " CONNECTION " + quoted(op.GetOperationId()))
	for _, p := range op.GetParameters() {
		if p.GetRequired() && p.GetVisibility() != connectorv1.Visibility_VISIBILITY_INTERNAL {
			command.WriteString(" --param " + quoted(p.GetName()+"=…"))
		}
	}
	if op.GetRequestBody().GetRequired() && op.GetTrigger() == nil {
		command.WriteString(" --param 'body:={…}'")
	}
	return command.String()
}

func (w *writer) inputs(op *connectorv1.Operation) {
	var rows [][4]string
	for _, p := range op.GetParameters() {
		if p.GetVisibility() == connectorv1.Visibility_VISIBILITY_INTERNAL {
			continue
		}
		rows = append(rows, [4]string{code(p.GetName()), typeOf(p.GetSchema()), yes(p.GetRequired()), line(joined(p.GetSummary(), p.GetDescription()))})
	}
	if body := op.GetRequestBody(); body != nil {
		var contents []string
		for _, c := range body.GetContents() {
			contents = append(contents, c.GetMediaType())
		}
		rows = append(rows, [4]string{code("body"), line(strings.Join(contents, ", ")), yes(body.GetRequired()), line(body.GetDescription())})
		if len(body.GetContents()) > 0 {
			rows = append(rows, w.members("body", body.GetContents()[0].GetSchema(), 0, nil)...)
		}
	}
	if len(rows) == 0 {
		return
	}
	w.linef("\n| Input | Type | Required | What it is |\n| --- | --- | --- | --- |")
	for _, r := range rows {
		w.linef("| %s | %s | %s | %s |", cell(r[0]), cell(r[1]), r[2], cell(r[3]))
	}
}

// The bounds of what is shown of a body.
const (
	// maxLevels is how many objects inside each other are shown.
	maxLevels = 3
	// maxMembers is how many members of one object are shown.
	maxMembers = 60
)

// schema is as much of a JSON Schema as a reader needs.
type schema struct {
	Ref         string          `json:"$ref"`
	Type        json.RawMessage `json:"type"`
	Format      string          `json:"format"`
	Title       string          `json:"title"`
	Summary     string          `json:"x-ms-summary"`
	Visibility  string          `json:"x-ms-visibility"`
	Description string          `json:"description"`
	Properties  json.RawMessage `json:"properties"`
	Required    []string        `json:"required"`
	Items       json.RawMessage `json:"items"`
	Enum        []any           `json:"enum"`
}

// members lists the members of the object that a schema describes, and theirs. A
// schema that is inside itself is shown once.
func (w *writer) members(path string, text []byte, level int, seen []string) [][4]string {
	s, seen := w.resolve(text, seen)
	if len(s.Items) > 0 && len(s.Properties) == 0 {
		s, seen = w.resolve(s.Items, seen)
		path += "[]"
	}
	if level == maxLevels || len(s.Properties) == 0 {
		return nil
	}
	required := map[string]bool{}
	for _, name := range s.Required {
		required[name] = true
	}
	var rows [][4]string
	for n, member := range orderedMembers(s.Properties) {
		if n == maxMembers {
			rows = append(rows, [4]string{code(path + ".…"), "", "", "and more"})
			break
		}
		inner, _ := w.resolve(member.value, nil)
		if strings.EqualFold(inner.Visibility, "internal") {
			continue
		}
		name := path + "." + member.name
		rows = append(rows, [4]string{code(name), typeOf(member.value), yes(required[member.name]), line(describe(inner))})
		rows = append(rows, w.members(name, member.value, level+1, seen)...)
	}
	return rows
}

// resolve reads a schema, and the one that it refers to; nothing if that is one
// of those that are being shown already.
func (w *writer) resolve(text []byte, seen []string) (schema, []string) {
	for {
		var s schema
		if json.Unmarshal(text, &s) != nil || s.Ref == "" {
			return s, seen
		}
		name := strings.NewReplacer("~1", "/", "~0", "~").Replace(strings.TrimPrefix(s.Ref, "#/$defs/"))
		if slices.Contains(seen, name) {
			return schema{}, seen
		}
		seen = append(slices.Clip(seen), name)
		text = w.schemas[name]
	}
}

func describe(s schema) string {
	text := joined(cmp.Or(s.Summary, s.Title), s.Description)
	if len(s.Enum) > 0 && len(s.Enum) <= 12 {
		values, err := json.Marshal(s.Enum)
		if err == nil {
			text = joined(text, "One of "+strings.Trim(string(values), "[]")+".")
		}
	}
	return text
}

func (w *writer) answers(op *connectorv1.Operation) {
	if len(op.GetResponses()) == 0 {
		return
	}
	w.linef("\n| Answer | What it means |\n| --- | --- |")
	for _, r := range op.GetResponses() {
		w.linef("| %s | %s |", code(r.GetStatus()), cell(line(r.GetDescription())))
	}
}
