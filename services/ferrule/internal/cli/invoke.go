package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// upstreamStatus marks an answer as the API's own.
const upstreamStatus = "Ferrule-Upstream-Status"

func (a *app) invoke() *cobra.Command {
	var text, revision string
	var params []string
	var timeout time.Duration
	var headers bool
	cmd := &cobra.Command{
		Use:   "invoke CONNECTION OPERATION",
		Short: "Call an operation",
		Long: `Invoke calls an operation through a connection and prints the API's answer.

The input is one JSON object: the operation's parameters by name, and "body".
--param sets single members: numbers, true, false, null, [...] and {...} are
taken as JSON, everything else as text; name:=JSON insists on JSON.

The exit code is 1 if the API answered with a status of 400 or more.`,
		Example: `  ferrule invoke shop ListItems --param limit=5
  ferrule invoke shop CreateItem --input '{"body": {"name": "bolt"}}'
  ferrule invoke shop CreateItem --input @item.json
  ferrule invoke shop CreateItem --input @item.json --revision latest`,
		Args: exactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			input, err := a.input(text, params)
			if err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			path := rest.Path(a.resource("connections", args[0]), "operations") + "/" + url.PathEscape(args[1]) + ":invoke"
			query := url.Values{}
			if timeout > 0 {
				query.Set("timeout", fmt.Sprintf("%gs", timeout.Seconds()))
			}
			if revision != "" {
				chosen, err := a.revisionFor(cmd.Context(), client, args[0], revision)
				if err != nil {
					return err
				}
				query.Set("revision", chosen)
			}
			res, err := client.Do(cmd.Context(), http.MethodPost, path, query, input)
			if err != nil {
				return err
			}
			defer func() { _ = res.Body.Close() }()
			return a.printAnswer(res, headers)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&text, "input", "i", "", "input as JSON, @FILE, or - for standard input")
	flags.StringArrayVarP(&params, "param", "p", nil, "one member of the input, name=value or name:=JSON (repeatable)")
	flags.DurationVar(&timeout, "timeout", 0, "time for the whole call; 60s if not given")
	flags.StringVar(&revision, "revision", "", "call this revision of the connector: its id or the beginning of it, or latest")
	flags.BoolVar(&headers, "headers", false, "also print the answer's status and headers")
	return cmd
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
	if revision == "latest" || revision == "published" {
		var connector registryv1.Connector
		if err := client.Call(ctx, http.MethodGet, rest.Path(c.GetConnector()), nil, nil, &connector); err != nil {
			return "", err
		}
		if revision == "latest" || connector.GetPublishedRevision() == "" {
			return id(connector.GetLatestRevision()), nil
		}
		return id(connector.GetPublishedRevision()), nil
	}
	name, err := a.revisionNamed(ctx, client, id(c.GetConnector())+"@"+revision)
	return id(name), err
}

// printAnswer prints what the API answered, or returns what failed on our side.
func (a *app) printAnswer(res *http.Response, headers bool) error {
	if res.Header.Get(upstreamStatus) == "" {
		return rest.Error(res)
	}
	if headers {
		_, _ = fmt.Fprintf(a.Err, "%s\n", res.Status)
		_ = res.Header.Write(a.Err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if !a.json() && isJSON(res.Header.Get("Content-Type")) {
		body = indent(body)
	}
	if _, err := a.Out.Write(body); err != nil {
		return err
	}
	if len(body) > 0 && body[len(body)-1] != '\n' && !isBinary(body) {
		a.printf("\n")
	}
	if to := res.Header.Get("Location"); res.StatusCode/100 == 3 && to != "" {
		a.progress("the API answered %s and points to %s, which is not followed", res.Status, to)
		return nil
	}
	if res.StatusCode >= http.StatusBadRequest {
		a.progress("the API answered %s", res.Status)
		return errReported
	}
	return nil
}

func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json"))
}

// indent makes JSON readable; what is not JSON stays as it is.
func indent(body []byte) []byte {
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, body, "", "  "); err != nil {
		return body
	}
	return pretty.Bytes()
}

func isBinary(body []byte) bool { return bytes.IndexByte(body, 0) >= 0 }
