package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// connectionValues are what a connection is made of.
type connectionValues struct {
	set             string
	values, secrets []string
}

func (v *connectionValues) declare(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&v.set, "auth", "", "name of the parameter set, where the connector has several")
	v.declareValues(cmd)
}

func (v *connectionValues) declareValues(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&v.values, "set", nil, "value of a parameter, name=value (repeatable)")
	flags.StringArrayVar(&v.secrets, "secret", nil, "value of a secret parameter: name=-, name=@FILE or name=value (repeatable)")
}

// any reports whether something was given.
func (v *connectionValues) any() bool { return v.set != "" || len(v.values)+len(v.secrets) > 0 }

// read returns what was given, and asks for what is missing if a person sits
// there.
func (v *connectionValues) read(ctx context.Context, a *app, client *rest.Client, connector string) (plain, hidden map[string]string, err error) {
	if plain, err = pairs("set", v.values); err != nil {
		return nil, nil, err
	}
	if hidden, err = a.secrets(v.secrets); err != nil {
		return nil, nil, err
	}
	if !a.attended() {
		return plain, hidden, nil
	}
	fields, err := a.missingFields(ctx, client, connector, v.set, plain, hidden)
	if err != nil {
		return nil, nil, err
	}
	reader := bufio.NewReader(io.LimitReader(a.In, maxInput))
	for _, f := range fields {
		target, ask := plain, a.askPlain
		if f.GetSecret() {
			target, ask = hidden, a.ask
		}
		if target[f.GetName()], err = ask(prompt(f), reader); err != nil {
			return nil, nil, fmt.Errorf("read %s: %w", f.GetName(), err)
		}
	}
	return plain, hidden, nil
}

// attended reports whether a person can be asked.
func (a *app) attended() bool {
	f, ok := a.In.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// missingFields are those that are required and were not given.
func (a *app) missingFields(ctx context.Context, client *rest.Client, connector, set string, given ...map[string]string) ([]*vaultv1.FormField, error) {
	var form vaultv1.ConnectionForm
	if err := client.Call(ctx, http.MethodGet, rest.Path(connector, "connectionForm"), nil, nil, &form); err != nil {
		return nil, err
	}
	have := map[string]bool{}
	for _, values := range given {
		for name := range maps.Keys(values) {
			have[strings.ToLower(name)] = true
		}
	}
	for _, s := range form.GetSets() {
		if s.GetName() != set && set != "" {
			continue
		}
		var missing []*vaultv1.FormField
		for _, f := range s.GetFields() {
			if f.GetRequired() && f.GetDefaultValue() == "" && !have[strings.ToLower(f.GetName())] {
				missing = append(missing, f)
			}
		}
		return missing, nil
	}
	return nil, nil // the server says which sets there are
}

// prompt is how a person is asked for a value.
func prompt(f *vaultv1.FormField) string {
	text := f.GetName()
	if f.GetTitle() != "" && !strings.EqualFold(f.GetTitle(), f.GetName()) {
		text = f.GetTitle() + " (" + f.GetName() + ")"
	}
	if len(f.GetAllowedValues()) > 0 {
		text += " [" + strings.Join(f.GetAllowedValues(), ", ") + "]"
	}
	return visible(text)
}

// askPlain reads one value that may be seen.
func (a *app) askPlain(name string, reader *bufio.Reader) (string, error) {
	_, _ = fmt.Fprintf(a.Err, "%s: ", name)
	line, err := reader.ReadString('\n')
	if err != nil && (err != io.EOF || line == "") {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// connectionEdits are the options of connections update.
type connectionEdits struct {
	given                      connectionValues
	tls                        tlsFlags
	serverURL, title, revision string
}

func (e *connectionEdits) declare(cmd *cobra.Command) {
	e.given.declareValues(cmd)
	cmd.Flags().StringVar(&e.serverURL, "server-url", "", "another server of the same API; empty for the connector's own")
	e.tls.declare(cmd)
	cmd.Flags().StringVar(&e.title, "title", "", "name for people")
	cmd.Flags().StringVar(&e.revision, "revision", "", "revision of the connector to stay at: its id or the beginning of it, or latest; empty to follow the published one")
}

// of returns what changes a connection that is now.
func (e *connectionEdits) of(cmd *cobra.Command, now *vaultv1.Connection, plain map[string]string) (*vaultv1.Connection, *fieldmaskpb.FieldMask, error) {
	tls, err := e.tls.settings(now.GetTls())
	if err != nil {
		return nil, nil, err
	}
	changed := &vaultv1.Connection{
		Name: now.GetName(), Etag: now.GetEtag(), ServerUrl: e.serverURL, DisplayName: e.title, Tls: tls,
		PinnedRevision: e.revision, Parameters: now.GetParameters(),
	}
	if changed.Parameters == nil {
		changed.Parameters = map[string]string{}
	}
	maps.Copy(changed.GetParameters(), plain)
	mask := &fieldmaskpb.FieldMask{}
	if e.tls.given() {
		mask.Paths = append(mask.Paths, "tls")
	}
	for flag, field := range map[string]string{"set": "parameters", "server-url": "server_url", "title": "display_name", "revision": "pinned_revision"} {
		if cmd.Flags().Changed(flag) {
			mask.Paths = append(mask.Paths, field)
		}
	}
	return changed, mask, nil
}

func (a *app) updateConnection() *cobra.Command {
	var edits connectionEdits
	cmd := &cobra.Command{
		Use:   "update CONNECTION",
		Short: "Change a connection of yours; secrets that are not given are kept",
		Long: `Update changes what is given and keeps the rest, secrets included. Values of --set are
merged with those that the connection has; an empty value removes one. A change that leads
to another host needs all secrets again, because they were not given for that host.

A connection stays with the hosts that it was made for, also when you exchange its secrets.
When its connector moves, calls and sign-ins are refused until you say where it may lead
now: --server-url names the server, --revision takes all servers of a revision that you
have looked at.`,
		Example: `  ferrule connections update shop --secret api_key=-
  ferrule connections update shop --ca-file company.pem
  ferrule connections update shop --ca-file ''
  ferrule connections update mail --server-url https://api.mail.example/v2`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			req, err := edits.request(cmd, a, client, a.resource("connections", args[0]))
			if err != nil {
				return err
			}
			return a.changeConnection(cmd.Context(), client, req)
		},
	}
	edits.declare(cmd)
	return cmd
}

// request returns what the options ask for, on top of what the connection has now.
func (e *connectionEdits) request(cmd *cobra.Command, a *app, client *rest.Client, name string) (*vaultv1.UpdateConnectionRequest, error) {
	plain, err := pairs("set", e.given.values)
	if err != nil {
		return nil, err
	}
	now := &vaultv1.Connection{}
	if err := client.Call(cmd.Context(), http.MethodGet, rest.Path(name), nil, nil, now); err != nil {
		return nil, err
	}
	now.Name = name
	if e.given.asks() && e.serverURL == "" && e.revision == "" {
		a.tellBound(now)
	}
	hidden, err := a.secrets(e.given.secrets)
	if err != nil {
		return nil, err
	}
	if e.revision, err = a.exactRevision(cmd.Context(), client, now.GetConnector(), e.revision); err != nil {
		return nil, err
	}
	changed, mask, err := e.of(cmd, now, plain)
	if err != nil {
		return nil, err
	}
	if len(mask.GetPaths()) == 0 && len(hidden) == 0 {
		return nil, usage("nothing to change; give --set, --secret, --server-url, --ca-file, --tls-min, --title or --revision")
	}
	return &vaultv1.UpdateConnectionRequest{Connection: changed, UpdateMask: mask, Secrets: hidden}, nil
}

func (a *app) changeConnection(ctx context.Context, client *rest.Client, req *vaultv1.UpdateConnectionRequest) error {
	var connection vaultv1.Connection
	if err := client.Call(ctx, http.MethodPatch, rest.Path(req.GetConnection().GetName()), nil, req, &connection); err != nil {
		return err
	}
	if a.json() {
		return a.printMessage(&connection)
	}
	a.printf("changed %s (%s)\n", id(connection.GetName()), enumWord(connection.GetState(), "CONNECTION_STATE_"))
	a.tellBound(&connection)
	if connection.GetState() == vaultv1.ConnectionState_CONNECTION_STATE_NEEDS_AUTHORIZATION {
		a.tellRedirect(connection.GetRedirectUrl())
		a.progress("somebody has to sign in again: run `ferrule authorize %s`", id(connection.GetName()))
	}
	return nil
}
