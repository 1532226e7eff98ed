// Package cli is the command line. Each command is one file; all of them call
// the REST edge of a server, except validate and up.
//
// Output is for people unless -o json asks for the API's own JSON. Errors go to
// the error stream with what to do next. The exit code is 0, 1 if something
// failed, 2 if the command was called wrongly, 130 after an interrupt.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/config"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
	// exitStopped is what shells take for the end by an interrupt.
	exitStopped = 130
)

// DefaultServer is where "ferrule up" serves unless it is told otherwise.
const DefaultServer = "http://127.0.0.1:8080"

// Streams are where commands read and write.
type Streams struct {
	// In is standard input.
	In io.Reader
	// Out receives results.
	Out io.Writer
	// Err receives progress and errors.
	Err io.Writer
	// Browser shows a page to the person; nil if there is no browser.
	Browser func(url string) error
}

// Run executes one command line and returns the exit code.
func Run(ctx context.Context, args []string, streams Streams) int {
	a := &app{Streams: streams, clock: clock.System()}
	root := newRoot(a)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errReported):
		return exitFailed
	case errors.As(err, new(usageError)):
		a.progress("error: %v", err)
		return exitUsage
	case strings.HasPrefix(err.Error(), "unknown command"): // cobra has no type for it
		a.progress("error: %s", unknownCommand(err))
		return exitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		a.progress("stopped; what the server has begun goes on there")
		return exitStopped
	}
	a.printError(err)
	return exitFailed
}

// unknownCommand is what cobra says about a command that there is not, on one line and
// with the remedy.
func unknownCommand(err error) string {
	text, meant, _ := strings.Cut(err.Error(), "\n\nDid you mean this?\n")
	if meant == "" {
		return text + "; `ferrule --help` lists the commands"
	}
	return text + "; did you mean " + strings.Join(strings.Fields(meant), " or ") + "?"
}

// moreOutput is the annotation by which a command names one more output format
// than all others have.
const moreOutput = "output"

// errReported ends a command that has printed everything there is to say.
var errReported = errors.New("failed")

// usageError marks what the user did wrong on the command line.
type usageError struct{ error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// app is what all commands share.
type app struct {
	Streams
	clock       clock.Clock
	server      string
	token       string
	environment string
	output      string
	data        string
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "ferrule",
		Short: "Turn any HTTP API into a connector, and use it",
		Long: `Ferrule turns the description of an HTTP API into a connector with actions and
triggers, keeps the credentials of each connection in a vault, calls the API for
its users, and turns what happens in the API into events.

Start a server, then try it:

  ferrule up
  ferrule import api.swagger.json
  ferrule connect CONNECTOR --secret api_key=-
  ferrule invoke CONNECTION OPERATION --param limit=5`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.prepare(cmd) },
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	flags := root.PersistentFlags()
	flags.StringVar(&a.server, "server", DefaultServer, "URL of the server")
	flags.StringVar(&a.token, "token", "", "bearer token; read from the data directory if the server is local")
	flags.StringVar(&a.environment, "env", "default", "environment")
	flags.StringVarP(&a.output, "output", "o", "text", "text or json")
	flags.StringVar(&a.data, "data", defaultData(), "data directory of the local server")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	a.addCommands(root)
	documentFlags(root)
	return root
}

// addCommands adds all commands, in the groups that help shows.
func (a *app) addCommands(root *cobra.Command) {
	for _, group := range []struct {
		title    string
		commands []*cobra.Command
	}{
		{"Run a server:", []*cobra.Command{a.up(), a.setup(), a.status(), a.issueToken()}},
		{"Make connectors:", []*cobra.Command{a.importCommand(), a.validate(), a.create(), a.infer(), a.edit()}},
		{"Find connectors:", []*cobra.Command{a.connectors(), a.search(), a.operations(), a.describe()}},
		{"Keep connectors in order:", []*cobra.Command{
			a.revisions(), a.diff(), a.publish(), a.deprecate(), a.export(), a.apply(), a.environments(), a.promote(), a.deleteCommand(),
		}},
		{"Connect and call:", []*cobra.Command{
			a.connect(), a.authorize(), a.revoke(), a.connections(), a.test(), a.providers(), a.oauthClients(), a.invoke(), a.choices(), a.schema(),
		}},
		{"Receive events:", []*cobra.Command{a.trigger(), a.subscribe(), a.subscriptions(), a.events(), a.deliveries(), a.sinkSecret()}},
		{"Look after it:", []*cobra.Command{a.usageReport(), a.requests(), a.audit(), a.keys()}},
	} {
		root.AddGroup(&cobra.Group{ID: group.title, Title: group.title})
		for _, cmd := range group.commands {
			cmd.GroupID = group.title
		}
		root.AddCommand(group.commands...)
	}
}

// documentFlags names the variable of each flag in its help.
func documentFlags(cmd *cobra.Command) {
	config.Document(cmd.LocalNonPersistentFlags())
	if !cmd.HasParent() {
		config.Document(cmd.PersistentFlags())
	}
	for _, child := range cmd.Commands() {
		documentFlags(child)
	}
}

// prepare reads the environment and checks what every command relies on.
func (a *app) prepare(cmd *cobra.Command) error {
	if err := config.Apply(cmd.Flags(), os.LookupEnv); err != nil {
		return usageError{err}
	}
	if a.output != "text" && a.output != "json" && (a.output == "" || a.output != cmd.Annotations[moreOutput]) {
		return usage("--output must be text or json, not %q", a.output)
	}
	return nil
}

// parent is the resource name of the chosen environment.
func (a *app) parent() string { return "environments/" + a.environment }

// resource makes a resource name from an id, or keeps a full name.
func (a *app) resource(collection, idOrName string) string {
	if strings.HasPrefix(idOrName, "environments/") {
		return idOrName
	}
	return a.parent() + "/" + collection + "/" + idOrName
}

// client returns a client of the chosen server.
func (a *app) client() (*rest.Client, error) {
	token, err := a.findToken()
	if err != nil {
		return nil, err
	}
	client, err := rest.New(a.server, token)
	if err != nil {
		return nil, usageError{err}
	}
	return client, nil
}

// printError shows an error to a person: the sentence, which fields are wrong,
// where it was, and the reason to search for; or the API's JSON to a machine.
func (a *app) printError(err error) {
	f := new(fault.Error)
	known := errors.As(err, &f)
	if a.json() {
		if !known {
			f = fault.New(fault.CodeUnknown, fault.ReasonInternal, "%v", err)
		}
		line, _ := oneLine(grpcx.ToStatus(f).Proto()) // its details are all known
		a.progress("%s", strings.TrimSpace(string(line)))
		return
	}
	if !known {
		a.progress("error: %v", err)
		return
	}
	a.printScriptLogs(f)
	a.progress("error: %s", f.Message())
	if wait, ok := f.Retry(); ok {
		a.progress("  %s", tryAgain(wait))
	}
	for _, v := range f.Violations() {
		a.progress("  %s: %s", v.Field, v.Description)
	}
	if meta := f.Meta(); meta["line"] != "" {
		a.progress("  at line %s, column %s", meta["line"], meta["column"])
	}
	if text := remedy(f); text != "" {
		a.progress("  %s", text)
	}
	a.progress("  reason: %s", f.Reason())
	if id := f.ID(); id != "" && f.Code() == fault.CodeInternal {
		a.progress("  error id: %s (the server's log has the cause)", id)
	}
}

// remedies are the commands that help with errors of the server, whose sentences are for
// callers of all kinds.
var remedies = map[fault.Reason]string{
	fault.ReasonConnectorNotFound:           "`ferrule connectors` lists them",
	fault.ReasonConnectionNotFound:          "`ferrule connections` lists yours",
	fault.ReasonSubscriptionNotFound:        "`ferrule subscriptions` lists yours",
	fault.ReasonEnvironmentNotFound:         "`ferrule environments` lists them",
	fault.ReasonWebhookSecretRequired:       "--signature and --secret say how they are signed; --unsigned takes them as they are",
	fault.ReasonConnectionParametersInvalid: "`ferrule describe CONNECTOR` shows what a connection takes, as a command",
}

// remedy is the command that helps with an error; "" if there is none.
func remedy(f *fault.Error) string {
	meta := f.Meta()
	if f.Reason() == fault.ReasonConnectionNotReady && meta["state"] == "NEEDS_AUTHORIZATION" && meta["connection"] != "" {
		return fmt.Sprintf("run `ferrule authorize %s` to sign in", id(meta["connection"]))
	}
	return remedies[f.Reason()]
}

// tryAgain says when the same call may succeed.
func tryAgain(wait time.Duration) string {
	if wait <= 0 {
		return "try again at once"
	}
	return fmt.Sprintf("try again after %d s", int(math.Ceil(wait.Seconds())))
}

// printScriptLogs prints what custom code logged before it failed: an error holds the
// last lines as log_01 and so on, if they were asked for.
func (a *app) printScriptLogs(f *fault.Error) {
	meta := f.Meta()
	if left := meta["log_lines_left_out"]; left != "" {
		a.progress("%s lines before these were left out", left)
	}
	for n := 1; ; n++ {
		line, ok := meta[fmt.Sprintf("log_%02d", n)]
		if !ok {
			return
		}
		level, text, _ := strings.Cut(line, " ")
		a.progress("%s: %s", level, text)
	}
}
