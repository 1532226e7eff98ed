package cli

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// inferFlags are the flags of infer.
type inferFlags struct {
	curl     string
	method   string
	url      string
	headers  []string
	body     string
	response string
	status   int32
	id       string
	add      string
	publish  bool
}

func (a *app) infer() *cobra.Command {
	var f inferFlags
	cmd := &cobra.Command{
		Use:   "infer --curl COMMAND|--url URL",
		Short: "Make an operation of a sample call",
		Long: `Infer makes an operation of a sample request, given as a curl command or in parts,
and of a sample answer. Nothing is called. Values of the sample become examples;
what looks like a credential is left out. Without --add the operation is printed.`,
		Example: `  ferrule infer --curl 'curl -H "X-Key: 1" https://api.example.com/items/42' --response @item.json
  ferrule infer --method POST --url https://api.example.com/items --body @new.json --add inventory --id CreateItem
  pbpaste | ferrule infer --curl -`,
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			req, err := a.sample(f)
			if err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			var res registryv1.InferOperationResponse
			if err := client.Call(cmd.Context(), http.MethodPost, rest.Path(a.parent(), "operations")+":infer", nil, req, &res); err != nil {
				return err
			}
			for _, n := range res.GetFindings() {
				a.progress("%s %s: %s", enumWord(n.GetSeverity(), "SEVERITY_"), n.GetCode(), n.GetMessage())
			}
			if f.add != "" {
				return a.addOperation(cmd.Context(), client, &res, f)
			}
			return a.printInferred(&res)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.curl, "curl", "", "curl command, @FILE, or - for standard input")
	flags.StringVar(&f.method, "method", "", "HTTP method; GET, or POST with a body, if not given")
	flags.StringVar(&f.url, "url", "", "URL of the sample; segments in braces become parameters")
	flags.StringArrayVarP(&f.headers, "header", "H", nil, `header of the sample, "Name: value" (repeatable)`)
	flags.StringVar(&f.body, "body", "", "body of the sample, @FILE, or - for standard input")
	flags.StringVar(&f.response, "response", "", "body of the answer, @FILE, or - for standard input")
	flags.Int32Var(&f.status, "status", 200, "status of the answer")
	flags.StringVar(&f.id, "id", "", "id of the operation; made from method and path if not given")
	flags.StringVar(&f.add, "add", "", "connector that gets the operation")
	flags.BoolVar(&f.publish, "publish", false, "with --add: publish the new revision at once")
	return cmd
}

// sample makes the request of the flags.
func (a *app) sample(f inferFlags) (*registryv1.InferOperationRequest, error) {
	if err := readOnce(f.curl, f.body, f.response); err != nil {
		return nil, err
	}
	req := &registryv1.InferOperationRequest{Parent: a.parent(), OperationId: f.id}
	switch {
	case f.curl != "" && f.url != "":
		return nil, usage("give --curl or --url, not both")
	case f.curl != "":
		text, err := a.readInput(f.curl)
		if err != nil {
			return nil, err
		}
		req.Request = &registryv1.InferOperationRequest_Curl{Curl: string(text)}
	case f.url != "":
		body, err := a.readInput(f.body)
		if err != nil {
			return nil, err
		}
		method := f.method
		if method == "" && len(body) > 0 {
			method = http.MethodPost
		}
		req.Request = &registryv1.InferOperationRequest_Sample{Sample: &registryv1.SampleRequest{
			Method: method, Url: f.url, Headers: f.headers, Body: body,
		}}
	default:
		return nil, usage("say what was called, with --curl or --url")
	}
	if f.response == "" {
		return req, nil
	}
	body, err := a.readInput(f.response)
	if err != nil {
		return nil, err
	}
	req.Response = &registryv1.SampleResponse{Status: f.status, Body: body}
	if trimmed := strings.TrimSpace(string(body)); strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
		req.Response.Headers = []string{"Content-Type: application/json"}
	}
	return req, nil
}

// printInferred shows what was made of the sample, in the form that `ferrule
// edit` takes.
func (a *app) printInferred(res *registryv1.InferOperationResponse) error {
	if a.json() {
		return a.printMessage(res)
	}
	def := &connectorv1.Definition{
		Operations: []*connectorv1.Operation{res.GetOperation()}, SecuritySchemes: res.GetSecuritySchemes(),
	}
	if res.GetServer() != nil {
		def.Servers = []*connectorv1.Server{res.GetServer()}
	}
	text, err := definition.Marshal(def)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Out, "%s\n", text)
	return err
}

// addOperation gives a connector the operation, and what the connector lacks of
// the rest.
func (a *app) addOperation(ctx context.Context, client *rest.Client, res *registryv1.InferOperationResponse, f inferFlags) error {
	name := a.resource("connectors", f.add)
	return a.updateCurrent(ctx, client, name, func(c *registryv1.Connector, have *connectorv1.Definition) (*registryv1.UpdateConnectorRequest, error) {
		patch, mask := addition(res, have)
		return &registryv1.UpdateConnectorRequest{
			Name: name, Definition: patch, UpdateMask: mask, Etag: c.GetEtag(), Publish: f.publish,
		}, nil
	})
}

// addition is the operation with what a definition lacks of the rest, and the mask
// that adds them.
func addition(res *registryv1.InferOperationResponse, have *connectorv1.Definition) (*connectorv1.Definition, []string) {
	patch := &connectorv1.Definition{Operations: []*connectorv1.Operation{res.GetOperation()}}
	mask := []string{"operations." + quotedName(res.GetOperation().GetOperationId())}
	if len(have.GetServers()) == 0 && res.GetServer() != nil {
		patch.Servers, mask = []*connectorv1.Server{res.GetServer()}, append(mask, "servers")
	}
	for _, s := range res.GetSecuritySchemes() {
		if slices.ContainsFunc(have.GetSecuritySchemes(), func(o *connectorv1.SecurityScheme) bool { return o.GetId() == s.GetId() }) {
			continue
		}
		patch.SecuritySchemes = append(patch.SecuritySchemes, s)
		mask = append(mask, "security_schemes."+quotedName(s.GetId()))
	}
	return patch, mask
}

// quotedName is a name as update masks take it.
func quotedName(name string) string {
	plain := strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
	if plain && name != "" {
		return name
	}
	return "`" + name + "`"
}
