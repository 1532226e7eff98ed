package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/nearest"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/reference"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) describe() *cobra.Command {
	var markdown bool
	cmd := &cobra.Command{
		Use:   "describe CONNECTOR[@REVISION] [OPERATION]",
		Short: "Show how to connect to a connector, or what an operation takes and gives",
		Long: `Describe shows how to connect to a connector and who may change it, or what one of
its operations takes and gives. With --markdown it writes all of it as a Markdown page.`,
		Example: `  ferrule describe inventory
  ferrule describe inventory GetItem
  ferrule describe inventory@latest
  ferrule describe inventory --markdown > inventory.md`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usage("describe takes one or two arguments: %s", cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			if markdown {
				return a.describeMarkdown(cmd.Context(), client, args)
			}
			if len(args) == 2 {
				return a.describeOperation(cmd.Context(), client, args[0], args[1])
			}
			return a.describeConnector(cmd.Context(), client, args[0])
		},
	}
	cmd.Flags().BoolVar(&markdown, "markdown", false, "write the usage reference as Markdown")
	return cmd
}

// describeMarkdown writes the usage reference of a connector.
func (a *app) describeMarkdown(ctx context.Context, client *rest.Client, args []string) error {
	if len(args) > 1 {
		return usage("--markdown describes a whole connector; leave out the operation")
	}
	name, err := a.revisionNamed(ctx, client, args[0])
	if err != nil {
		return err
	}
	def, err := fullDefinition(ctx, client, name)
	if err != nil {
		return err
	}
	page := reference.Page{Connector: connectorOf(name), Revision: shortRevision(name), Definition: def}
	_, err = a.Out.Write(page.Markdown())
	return err
}

func (a *app) describeConnector(ctx context.Context, client *rest.Client, connector string) error {
	name, err := a.revisionNamed(ctx, client, connector)
	if err != nil {
		return err
	}
	var revision registryv1.Revision
	query := url.Values{"view": {"REVISION_VIEW_CONNECTION"}}
	if err := client.Call(ctx, http.MethodGet, rest.Path(name), query, nil, &revision); err != nil {
		return err
	}
	if a.json() {
		return a.printMessage(&revision)
	}
	var whose registryv1.Connector
	connector, _, _ = strings.Cut(name, "/revisions/")
	if err := client.Call(ctx, http.MethodGet, rest.Path(connector), nil, nil, &whose); err != nil {
		return err
	}
	d := revision.GetDefinition()
	a.printf("%s %s\n", d.GetInfo().GetTitle(), d.GetInfo().GetVersion())
	if text := short(d.GetInfo().GetDescription(), 400); text != "" {
		a.printf("%s\n", text)
	}
	a.printf("\n%s, %s, revision %s\n", plural(revision.GetActionCount(), "action"), plural(revision.GetTriggerCount(), "trigger"), shortRevision(name))
	a.printOwner(&whose)
	a.printServers(d.GetServers())
	form := a.connectionForm(ctx, client, connectorOf(name))
	for _, set := range d.GetParameterSets() {
		a.printSet(connectorOf(name), d, set)
		a.printSignIn(connectorOf(name), form, set)
	}
	return nil
}

// connectionForm returns what the vault says about making connections. It knows
// published connectors; for others there is nothing more to say than what the
// description does.
func (a *app) connectionForm(ctx context.Context, client *rest.Client, connector string) *vaultv1.ConnectionForm {
	var form vaultv1.ConnectionForm
	if err := client.Call(ctx, http.MethodGet, rest.Path(a.resource("connectors", id(connector)), "connectionForm"), nil, nil, &form); err != nil {
		return nil
	}
	return &form
}

// printSignIn says how a token comes about, and who has to do what for it.
func (a *app) printSignIn(connector string, form *vaultv1.ConnectionForm, set *connectorv1.ParameterSet) {
	at := slices.IndexFunc(form.GetSets(), func(f *vaultv1.FormSet) bool { return f.GetName() == set.GetName() })
	if at < 0 {
		return
	}
	found := form.GetSets()[at]
	if found.GetUnsupported() != "" && set.GetUnsupported() == nil { // which has been said
		a.printf("  not possible on this server: %s\n", found.GetUnsupported())
	}
	for _, f := range found.GetFields() {
		if f.GetOfProvider() {
			a.printf("  %-20s %-8s %s\n", f.GetName(), fieldKind(f), short(titled(f.GetTitle(), f.GetDescription()), 80))
		}
	}
	auth := found.GetAuthorization()
	if auth == nil {
		return
	}
	how := "a token is fetched without anybody (" + auth.GetGrant() + ")"
	if auth.GetInteractive() {
		how = "you sign in at the provider (" + auth.GetGrant() + ")"
	}
	if auth.GetProvider() != "" {
		how += ", provider " + auth.GetProvider()
	}
	a.printf("  sign-in: %s\n", how)
	if auth.GetGrant() == legacyGrant {
		a.printf("  legacy: %s\n", legacyNote)
	}
	switch {
	case auth.GetOauthClient() != "":
		a.printf("  OAuth client: %s\n", id(auth.GetOauthClient()))
		if auth.GetRedirectUrl() != "" {
			a.printf("  its redirect URL, which the provider has to know: %s\n", auth.GetRedirectUrl())
		}
	case auth.GetClientMissing():
		a.printf("  OAuth client: none yet. A maker registers one at the provider")
		if auth.GetDocumentationUrl() != "" {
			a.printf(" (%s)", auth.GetDocumentationUrl())
		}
		a.printf(", and stores it:\n    ferrule oauth-clients create %s --client-id ID --secret client_secret=-\n", id(connector))
		if auth.GetGrant() == redirectGrant {
			a.printf("  That prints the redirect URL, which the provider has to know. To have it before:\n    ferrule oauth-clients redirect-url %s --client-id ID\n", id(connector))
		}
	}
	if auth.GetGrant() == redirectGrant && takesClient(found) {
		a.printf("  A client id of your own has a redirect URL of its own: connect and authorize print it\n")
	}
}

// legacyGrant is the grant that OAuth 2.1 has dropped, and legacyNote says so.
const (
	legacyGrant = "password"
	legacyNote  = "this grant keeps your password and sends it to the provider; OAuth 2.1 has dropped it, so use another way if there is one"
)

// redirects reports whether a sign-in of a parameter set, or of any if it is empty,
// needs a redirect URL at the provider. Nothing is known about a connector without a
// form: then one may.
func redirects(form *vaultv1.ConnectionForm, set string) bool {
	if form == nil {
		return true
	}
	return slices.ContainsFunc(form.GetSets(), func(s *vaultv1.FormSet) bool {
		return (set == "" || s.GetName() == set) && s.GetAuthorization().GetGrant() == redirectGrant
	})
}

// redirectGrant is the grant for which browsers come back.
const redirectGrant = "authorizationCode"

// takesClient reports whether connections may bring a client id of their own.
func takesClient(set *vaultv1.FormSet) bool {
	return slices.ContainsFunc(set.GetFields(), func(f *vaultv1.FormField) bool {
		return f.GetOfProvider() && strings.HasSuffix(strings.ToLower(f.GetName()), ":clientid")
	})
}

func fieldKind(f *vaultv1.FormField) string {
	kind := "string"
	if f.GetSecret() {
		kind = "secret"
	}
	return kind
}

// printServers lists the servers with their variables.
func (a *app) printServers(servers []*connectorv1.Server) {
	if len(servers) == 0 {
		a.printf("server: none is named; a connection says where the API is, with --server-url\n")
	}
	for _, server := range servers {
		a.printf("server: %s\n", server.GetUrlTemplate())
		for _, v := range server.GetVariables() {
			a.printf("  %-20s %s\n", v.GetName(), short(reference.VariableText(v), 120))
		}
	}
}

// printSet shows one way to connect, as a command that can be copied.
func (a *app) printSet(connector string, def *connectorv1.Definition, set *connectorv1.ParameterSet) {
	if u := set.GetUnsupported(); u != nil {
		a.printf("\nno connection can be made: %s\n", reference.Unsupported(u))
		return
	}
	a.printf("\nconnect with %s:\n  %s\n", setTitle(set), reference.ConnectCommand(connector, def, set))
	for _, p := range set.GetParameters() {
		a.printf("  %-20s %-8s %s\n", p.GetName(), enumWord(p.GetType(), "CONNECTION_PARAMETER_TYPE_"), short(titled(p.GetTitle(), p.GetDescription()), 80))
	}
}

func setTitle(set *connectorv1.ParameterSet) string {
	switch {
	case len(set.GetParameters()) == 0:
		return "no credentials"
	case set.GetTitle() != "":
		return set.GetTitle()
	}
	return set.GetName()
}

func (a *app) describeOperation(ctx context.Context, client *rest.Client, connector, operation string) error {
	name, err := a.revisionNamed(ctx, client, connector)
	if err != nil {
		return err
	}
	ops, err := a.listOperations(ctx, client, name)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(ops, func(op *connectorv1.Operation) bool { return op.GetOperationId() == operation })
	if at < 0 {
		ids := make([]string, len(ops))
		for n, op := range ops {
			ids[n] = op.GetOperationId()
		}
		return fault.NotFound(fault.ReasonOperationNotFound, "connector %q has no operation %q%s; `ferrule operations %s` lists them",
			connector, operation, nearest.Hint(operation, ids), connector)
	}
	op := ops[at]
	if a.json() {
		return a.printMessage(op)
	}
	a.printf("%s: %s\n%s %s\n", op.GetOperationId(), op.GetSummary(), op.GetMethod(), op.GetPath())
	if text := short(op.GetDescription(), 400); text != "" {
		a.printf("%s\n", text)
	}
	schemas, err := schemasFor(ctx, client, name, op)
	if err != nil {
		return err
	}
	if err := a.printInputs(op, schemas); err != nil {
		return err
	}
	a.printAnswers(op)
	return nil
}

// schemasFor returns the named schemas of a revision if the operation's body needs
// them: they come only with the whole definition.
func schemasFor(ctx context.Context, client *rest.Client, revision string, op *connectorv1.Operation) ([]*connectorv1.Schema, error) {
	contents := op.GetRequestBody().GetContents()
	if len(contents) == 0 || len(contents[0].GetSchema()) == 0 {
		return nil, nil
	}
	def, err := fullDefinition(ctx, client, revision)
	return def.GetSchemas(), err
}

func (a *app) printInputs(op *connectorv1.Operation, schemas []*connectorv1.Schema) error {
	rows := [][]string{{"INPUT", "IN", "TYPE", "REQUIRED", "WHAT"}}
	for _, p := range op.GetParameters() {
		rows = append(rows, []string{
			p.GetName(), enumWord(p.GetLocation(), "PARAMETER_LOCATION_"), schemaType(p.GetSchema()),
			needed(p.GetSchema(), p.GetRequired(), p.GetVisibility() == connectorv1.Visibility_VISIBILITY_INTERNAL),
			what(titled(p.GetSummary(), p.GetDescription()), p.GetSchema()),
		})
	}
	if body := op.GetRequestBody(); body != nil {
		rows = append(rows, bodyRows(body, schemas)...)
	}
	if len(rows) == 1 {
		a.printf("\nno input\n")
		return nil
	}
	a.printf("\n")
	return a.table(rows)
}

// bodyRows describes a body and, if it is an object, its members.
func bodyRows(body *connectorv1.RequestBody, schemas []*connectorv1.Schema) [][]string {
	first := &connectorv1.MediaType{}
	if len(body.GetContents()) > 0 {
		first = body.GetContents()[0]
	}
	rows := [][]string{{"body", "body", first.GetMediaType(), yes(body.GetRequired()), short(body.GetDescription(), 64)}}
	for _, p := range properties(first.GetSchema(), schemas) {
		schema := resolved(p.schema, schemas)
		rows = append(rows, []string{
			"  ." + p.name, "", schemaType(schema), needed(schema, p.required, false), what(cmp.Or(schemaText(p.schema), schemaText(schema)), schema),
		})
	}
	return rows
}

func (a *app) printAnswers(op *connectorv1.Operation) {
	a.printf("\nanswers:\n")
	for _, r := range op.GetResponses() {
		a.printf("  %-8s %s\n", r.GetStatus(), short(r.GetDescription(), 80))
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// schemaType is a word for what a schema describes.
func schemaType(schema []byte) string {
	var s struct {
		Type   any    `json:"type"`
		Format string `json:"format"`
	}
	if err := json.Unmarshal(schema, &s); err != nil {
		return ""
	}
	word, ok := s.Type.(string)
	if !ok {
		return ""
	}
	if s.Format != "" {
		return word + " (" + s.Format + ")"
	}
	return word
}
