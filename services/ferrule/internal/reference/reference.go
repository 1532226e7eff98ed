// Package reference writes the usage reference of a connector as Markdown: how
// to connect, what its actions take and give, and how to subscribe to its
// triggers, each with a command that can be copied.
//
// Titles and texts come from descriptions that anybody may have written. They are
// escaped, so that a page shows them as they are and never as markup of its own;
// only the long descriptions, which are CommonMark by specification, keep their
// markup without raw HTML.
package reference

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// Page is what a reference is written about.
type Page struct {
	// Connector is the connector's id.
	Connector string
	// Revision is the id of the revision.
	Revision string
	// Definition is the whole definition.
	Definition *connectorv1.Definition
}

// Markdown returns the page. Operations that are not for people are left out.
func (p Page) Markdown() []byte {
	w := &writer{page: p, schemas: map[string][]byte{}}
	for _, s := range p.Definition.GetSchemas() {
		w.schemas[s.GetName()] = s.GetJson()
	}
	w.head()
	w.connecting()
	w.contents()
	for _, g := range w.groups() {
		w.linef("\n## %s", line(g.title))
		if g.description != "" {
			w.linef("\n%s", prose(g.description))
		}
		for _, op := range g.operations {
			w.operation(op)
		}
	}
	return w.b.Bytes()
}

// writer collects the page.
type writer struct {
	b       bytes.Buffer
	page    Page
	schemas map[string][]byte
}

func (w *writer) linef(format string, args ...any) {
	fmt.Fprintf(&w.b, format, args...)
	w.b.WriteByte('\n')
}

func (w *writer) head() {
	info := w.page.Definition.GetInfo()
	w.linef("# %s\n", line(info.GetTitle()))
	if info.GetDescription() != "" {
		w.linef("%s\n", prose(info.GetDescription()))
	}
	facts := [][2]string{
		{"Connector", code(w.page.Connector)},
		{"Revision", code(w.page.Revision)},
		{"Version of the API", line(info.GetVersion())},
		{"Publisher", line(info.GetPublisher())},
		{"Categories", line(strings.Join(info.GetCategories(), ", "))},
		{"Licence", line(info.GetLicense().GetName())},
		{"Terms of service", link(info.GetTermsOfService())},
	}
	for _, s := range w.page.Definition.GetServers() {
		facts = append(facts, [2]string{cmp.Or(line(s.GetDescription()), "Server"), code(s.GetUrlTemplate())})
	}
	for _, l := range info.GetLinks() {
		facts = append(facts, [2]string{cmp.Or(line(l.GetDescription()), "Documentation"), link(l.GetUrl())})
	}
	w.linef("| | |\n| --- | --- |")
	for _, f := range facts {
		if f[1] != "" && f[1] != "``" {
			w.linef("| %s | %s |", cell(f[0]), cell(f[1]))
		}
	}
}

// VariableText says what a variable of a server's URL takes.
func VariableText(v *connectorv1.ServerVariable) string {
	text := v.GetDescription()
	if v.GetDefaultValue() != "" {
		text = joined(text, fmt.Sprintf("%q if not given.", v.GetDefaultValue()))
	}
	if len(v.GetAllowedValues()) > 0 {
		text = joined(text, "One of "+strings.Join(v.GetAllowedValues(), ", ")+".")
	}
	return text
}

// servers says what a connection has to tell about where the API is.
func (w *writer) servers() {
	servers := w.page.Definition.GetServers()
	if len(servers) == 0 {
		w.linef("\nThe connector names no server: a connection says where the API is, with `--server-url`.")
	}
	for _, s := range servers {
		if len(s.GetVariables()) == 0 {
			continue
		}
		w.linef("\nThe variables of %s are set with `--set`:\n\n| Variable | What it is |\n| --- | --- |", code(s.GetUrlTemplate()))
		for _, v := range s.GetVariables() {
			w.linef("| %s | %s |", cell(code(v.GetName())), cell(line(VariableText(v))))
		}
	}
}

// connecting says what each way to connect asks for.
func (w *writer) connecting() {
	w.linef("\n## Connecting")
	w.servers()
	for _, set := range w.page.Definition.GetParameterSets() {
		if u := set.GetUnsupported(); u != nil {
			w.linef("\nNo connection can be made: %s.", line(Unsupported(u)))
			continue
		}
		title := cmp.Or(set.GetTitle(), set.GetName())
		if len(set.GetParameters()) == 0 {
			title = "No credentials"
		}
		w.linef("\n### %s\n", line(title))
		if set.GetDescription() != "" {
			w.linef("%s\n", prose(set.GetDescription()))
		}
		w.linef("```sh\n%s\n```", ConnectCommand(w.page.Connector, w.page.Definition, set))
		if len(set.GetParameters()) == 0 {
			continue
		}
		w.linef("\n| Parameter | Type | Required | What it is |\n| --- | --- | --- | --- |")
		for _, p := range set.GetParameters() {
			w.linef("| %s | %s | %s | %s |", cell(code(p.GetName())), word(p.GetType().String(), "CONNECTION_PARAMETER_TYPE_"),
				yes(p.GetRequired()), cell(line(joined(p.GetTitle(), p.GetDescription()))))
		}
	}
}

// Unsupported says why no connection can be made, and what to do instead, as a
// clause without a full stop.
func Unsupported(u *connectorv1.UnsupportedAuthentication) string {
	return "the API authenticates with " + u.GetKind() + ", which is not supported; " + u.GetRemedy()
}

// ConnectCommand is a command that makes a connection with one of the parameter
// sets of a definition, with "…" for what a person has to fill in.
func ConnectCommand(connector string, def *connectorv1.Definition, set *connectorv1.ParameterSet) string {
	var command strings.Builder
	command.WriteString("ferrule connect " + connector)
	if len(def.GetParameterSets()) > 1 {
		command.WriteString(" --auth " + quoted(set.GetName()))
	}
	// Where something is required, what is not can be left out.
	required := slices.ContainsFunc(set.GetParameters(), (*connectorv1.ConnectionParameter).GetRequired)
	for _, p := range set.GetParameters() {
		switch {
		case required && !p.GetRequired():
		case p.GetType() == connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_CERTIFICATE:
			command.WriteString(" --secret " + quoted(p.GetName()+"=@FILE"))
		case p.GetType() == connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET:
			command.WriteString(" --secret " + quoted(p.GetName()+"=-"))
		case p.GetRequired() && p.GetDefaultValue() == "" && p.GetType() != connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH:
			command.WriteString(" --set " + quoted(p.GetName()+"=…"))
		}
	}
	if len(def.GetServers()) == 0 {
		command.WriteString(" --server-url " + quoted("https://…"))
		return command.String()
	}
	for _, v := range def.GetServers()[0].GetVariables() { // those of others do not count
		asked := slices.ContainsFunc(set.GetParameters(), func(p *connectorv1.ConnectionParameter) bool { return p.GetName() == v.GetName() })
		if v.GetDefaultValue() == "" && !asked {
			command.WriteString(" --set " + quoted(v.GetName()+"=…"))
		}
	}
	return command.String()
}

// group is the operations of one tag.
type group struct {
	title, description string
	operations         []*connectorv1.Operation
}

// groups sorts operations by their first tag, in the order of the definition's
// tags; those without one come first.
func (w *writer) groups() []group {
	all := []group{{title: "Operations"}}
	at := map[string]int{"": 0}
	for _, t := range w.page.Definition.GetTags() {
		at[t.GetName()] = len(all)
		all = append(all, group{title: cmp.Or(t.GetSummary(), t.GetName()), description: t.GetDescription()})
	}
	for _, op := range w.page.Definition.GetOperations() {
		if op.GetVisibility() == connectorv1.Visibility_VISIBILITY_INTERNAL {
			continue
		}
		tag := ""
		if len(op.GetTags()) > 0 {
			tag = op.GetTags()[0]
		}
		i, known := at[tag]
		if !known {
			i = len(all)
			at[tag] = i
			all = append(all, group{title: tag})
		}
		all[i].operations = append(all[i].operations, op)
	}
	return slices.DeleteFunc(all, func(g group) bool { return len(g.operations) == 0 })
}

// contents lists all operations with links to their sections.
func (w *writer) contents() {
	w.linef("\n## Contents\n")
	w.linef("| Operation | Kind | What it does |\n| --- | --- | --- |")
	for _, g := range w.groups() {
		for _, op := range g.operations {
			w.linef("| [%s](#%s) | %s | %s |", line(op.GetOperationId()), anchor(op.GetOperationId()),
				word(op.GetKind().String(), "OPERATION_KIND_"), cell(line(summary(op))))
		}
	}
}

func summary(op *connectorv1.Operation) string {
	text, _, _ := strings.Cut(cmp.Or(op.GetSummary(), op.GetDescription()), "\n")
	return text
}
