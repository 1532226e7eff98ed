package cli

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// What --all stops at if nothing else is said: the server's own limits.
const (
	defaultItems = 10_000
	defaultPages = 100
)

// invokeFlags are the flags of invoke.
type invokeFlags struct {
	text, revision     string
	params             []string
	timeout            time.Duration
	headers            bool
	all                bool
	maxItems, maxPages int32
	link, key          string
	validate           string
	noCache, logs      bool
}

func (f *invokeFlags) declare(cmd *cobra.Command) {
	flags := cmd.Flags()
	inputFlags(cmd, &f.text, &f.params)
	flags.DurationVar(&f.timeout, "timeout", 0, "time for the whole call; 60s if not given")
	flags.StringVar(&f.revision, "revision", "", "call this revision of the connector: its id or the beginning of it, or latest")
	flags.BoolVar(&f.headers, "headers", false, "also print the answer's status and headers")
	flags.BoolVar(&f.all, "all", false, "follow the list and print all items, one JSON value a line")
	flags.Int32Var(&f.maxItems, "max-items", defaultItems, "items at which --all stops, at most 1000000")
	flags.Int32Var(&f.maxPages, "max-pages", defaultPages, "pages after which --all stops, at most 10000")
	flags.StringVar(&f.link, "link", "", "call this link, which an earlier answer named as its next page")
	flags.StringVar(&f.key, "idempotency-key", "", "make the call harmless to repeat: for 24 hours, the same key gets the same answer")
	flags.StringVar(&f.validate, "validate", "", "compare the answer with its schema: report what differs, or be strict and fail")
	flags.Lookup("validate").NoOptDefVal = "report"
	flags.BoolVar(&f.noCache, "no-cache", false, "ask the API even where an earlier answer is still good")
	flags.BoolVar(&f.logs, "logs", false, "also print what custom code of the connector logged")
}

// inputFlags declares the flags of an operation's input.
func inputFlags(cmd *cobra.Command, text *string, params *[]string) {
	cmd.Flags().StringVarP(text, "input", "i", "", "input as JSON, @FILE, or - for standard input")
	cmd.Flags().StringArrayVarP(params, "param", "p", nil, "one member of the input, name=value or name:=JSON (repeatable)")
}

// positional returns the arguments without the word of a "--validate strict": its
// value may be left out, so that the parser takes a word that stands apart from it
// for an argument.
func (f *invokeFlags) positional(args []string) []string {
	if len(args) != 3 || f.validate == "" {
		return args
	}
	for n, arg := range slices.Backward(args) {
		if arg == "report" || arg == "strict" {
			f.validate = arg
			return slices.Concat(args[:n], args[n+1:])
		}
	}
	return args
}

// check reports flags that do not fit together.
func (f *invokeFlags) check(cmd *cobra.Command) error {
	flags := cmd.Flags()
	if f.validate != "" && f.validate != "report" && f.validate != "strict" {
		return usage("--validate must be report or strict, not %q", f.validate)
	}
	if flags.Changed("timeout") && f.timeout <= 0 {
		return usage("--timeout must be more than 0, not %s", f.timeout)
	}
	if !f.all {
		for _, name := range []string{"max-items", "max-pages"} {
			if flags.Changed(name) {
				return usage("--%s is a limit of --all; give both", name)
			}
		}
		return nil
	}
	for _, name := range []string{"idempotency-key", "validate", "no-cache", "logs", "headers"} {
		if flags.Changed(name) {
			return usage("--%s is for a single call; leave it or --all out", name)
		}
	}
	if f.maxItems < 1 || f.maxPages < 1 {
		return usage("--max-items and --max-pages must be at least 1")
	}
	return nil
}

// query is what a single call asks for beside its input.
func (f *invokeFlags) query() url.Values {
	query := url.Values{}
	for name, value := range map[string]string{
		"link": f.link, "idempotency_key": f.key, "revision": f.revision,
		"response_validation": map[string]string{
			"report": runtimev1.ResponseValidation_RESPONSE_VALIDATION_REPORT.String(),
			"strict": runtimev1.ResponseValidation_RESPONSE_VALIDATION_STRICT.String(),
		}[f.validate],
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if f.timeout > 0 {
		query.Set("timeout", strconv.FormatFloat(f.timeout.Seconds(), 'f', -1, 64)+"s")
	}
	if f.noCache {
		query.Set("no_cache", "true")
	}
	if f.logs {
		query.Set("include_logs", "true")
	}
	return query
}

func (a *app) invoke() *cobra.Command {
	var f invokeFlags
	cmd := &cobra.Command{
		Use:   "invoke CONNECTION OPERATION",
		Short: "Call an operation",
		Long: `Invoke calls an operation through a connection and prints the API's answer.

The input is one JSON object: the operation's parameters by name, and "body".
--param sets single members: numbers, true, false, null, [...] and {...} are
taken as JSON, everything else as text; name:=JSON insists on JSON.
"ferrule choices" lists the values that an input can take.

An operation that answers with a list answers with a page of it. --all follows
the list, however the API divides it, and prints each item as a line of JSON as
it comes; --link goes on where an earlier answer ended.

A call with an --idempotency-key can be repeated after any failure: while the
same key is known, the API is asked once, and the first answer is given again.

--validate compares the answer with the schema that the connector promises.
Differences, links to next pages and logs go to standard error; with -o json they
are in headers of the answer, which --headers shows.

The exit code is 1 if the API answered with a status of 400 or more, or if the
connector knows its answer as a failure. Standard error says what it means.`,
		Example: `  ferrule invoke shop ListItems --param limit=5
  ferrule invoke shop ListItems --all --max-items 500 > items.jsonl
  ferrule invoke shop CreateItem --input '{"body": {"name": "bolt"}}'
  ferrule invoke shop CreateItem --input @item.json --idempotency-key order-4711
  ferrule invoke shop CreateItem --input @item.json --revision latest --validate --logs`,
		Args: func(cmd *cobra.Command, args []string) error { return exactArgs(2)(cmd, f.positional(args)) },
		RunE: func(cmd *cobra.Command, args []string) error {
			args = f.positional(args)
			if err := f.check(cmd); err != nil {
				return err
			}
			return a.invokeWith(cmd.Context(), args[0], args[1], f)
		},
	}
	f.declare(cmd)
	return cmd
}

func (a *app) invokeWith(ctx context.Context, connection, operation string, f invokeFlags) error {
	input, err := a.input(f.text, f.params)
	if err != nil {
		return err
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	if f.revision != "" {
		if f.revision, err = a.revisionFor(ctx, client, connection, f.revision); err != nil {
			return err
		}
	}
	if f.all {
		return a.invokePages(ctx, client, a.operationPath(connection, operation), input, &f)
	}
	res, err := client.Do(ctx, http.MethodPost, a.operationPath(connection, operation)+":invoke", f.query(), input)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	return a.printAnswer(res, f.headers)
}

// operationPath is where an operation is called; its id may hold slashes.
func (a *app) operationPath(connection, operation string) string {
	return rest.Path(a.resource("connections", connection), "operations") + "/" + url.PathEscape(operation)
}

// revisionFor returns the id of a revision of the connector that a connection is
// for.
func (a *app) revisionFor(ctx context.Context, client *rest.Client, connection, revision string) (string, error) {
	if len(revision) == fullRevision {
		return revision, nil
	}
	var c vaultv1.Connection
	if err := client.Call(ctx, http.MethodGet, rest.Path(a.resource("connections", connection)), nil, nil, &c); err != nil {
		return "", err
	}
	name, err := a.exactRevision(ctx, client, c.GetConnector(), revision)
	return id(name), err
}
