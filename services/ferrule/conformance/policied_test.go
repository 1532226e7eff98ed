package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// TestRequestsWithPoliciesAndCredentials calls operations of connector packages as a
// maker would: with the package's connection parameters, credentials and policies.
func TestRequestsWithPoliciesAndCredentials(t *testing.T) {
	root := filepath.Join(corpus, "powerplatform")
	all := packages(t, root) // each operation once: that is quick
	if os.Getenv(scopeVariable) != "" {
		all = sample(all)
	}
	h := newHarness(t)
	provider := startProvider(t)
	h.each(t, all, func(ctx context.Context, name string, api *recorder) error {
		p, err := readPolicied(root, name, api.host, provider)
		if err != nil {
			h.count("descriptions that are no JSON", 1)
			return nil //nolint:nilerr // it is counted
		}
		return h.policied(ctx, p, api)
	})
	h.finish(t, "policied", all)
	h.compareNotCalled(t, len(all))
}

// notCalled begins the names of counts of operations that are not called.
const notCalled = "not called: "

// compareNotCalled reports classes of operations that were not called and that
// testdata/policied.yaml does not explain.
func (h *harness) compareNotCalled(t *testing.T, packages int) {
	t.Helper()
	var listed struct {
		Packages int
		Classes  []struct {
			Class, Why string
			Operations int
		}
	}
	content, err := os.ReadFile("testdata/policied.yaml")
	if err == nil {
		err = yaml.Unmarshal(content, &listed)
	}
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{}
	for _, one := range listed.Classes {
		if strings.TrimSpace(one.Why) == "" {
			t.Errorf("%q is listed without a reason", one.Class)
		}
		want[one.Class] = one.Operations
	}
	for what, n := range h.counts {
		class, is := strings.CutPrefix(what, notCalled)
		if !is {
			continue
		}
		if most, known := want[class]; !known || packages == listed.Packages && n != most {
			t.Errorf("%d operations are not called: %s; testdata/policied.yaml has %d", n, class, most)
		}
		delete(want, class)
	}
	if packages == listed.Packages && len(want) > 0 {
		t.Errorf("explained without need: %v", want)
	}
}

// policied is a package whose hosts are those of a recorder, and what a maker gives to
// connect to it.
type policied struct {
	subject

	properties object // of apiProperties.json
	given      map[string]string
	secrets    map[string]string
	set        string // of parameters
	signIn     string // the parameter with the OAuth settings; empty for none
	unable     string // why nobody here can connect
	policies   []policyText
}

// readPolicied reads a package. Only what says where things are changes: hosts become
// that of a recorder ("https://" of a template becomes "http://HOST/h/", so that what was the
// host is the first part of the path), and the sign-in page that of a provider.
func readPolicied(root, name, host, provider string) (policied, error) {
	text, err := os.ReadFile(filepath.Join(root, name, "apiDefinition.swagger.json"))
	if err != nil {
		return policied{}, err
	}
	doc, err := newDocument(text)
	if err != nil {
		return policied{}, err
	}
	p := policied{
		subject: subject{name: name, doc: doc, call: doc.swaggerCall, files: map[string][]byte{}},
		given:   map[string]string{}, secrets: map[string]string{}, properties: object{},
	}
	for _, e := range doc.endpoints() {
		delete(e.op, "schemes")
	}
	for _, key := range []string{"x-ms-parameterized-host", "servers"} {
		delete(doc.root, key)
	}
	if strings.Contains(textOf(doc.root, "basePath"), "{") {
		doc.root["basePath"] = "/base"
	}
	doc.root["schemes"], doc.root["host"] = []any{"http"}, host
	p.files["apiDefinition.swagger.json"] = writeJSON(doc.root)
	content, err := os.ReadFile(filepath.Join(root, name, "apiProperties.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return policied{}, err
	}
	v, err := newDocument(content)
	if err != nil {
		return policied{}, fmt.Errorf("apiProperties.json: %w", err)
	}
	if inner, is := v.root["properties"].(object); is {
		p.properties = inner
		p.scripted = scripted(inner)
		p.policies = relocated(inner, host)
		p.fill(host, provider)
	}
	p.files["apiProperties.json"] = writeJSON(v.root)
	return p, nil
}

func textOf(o object, key string) string { return text(o[key]) }

// fill chooses a value for every connection parameter, by its definition.
func (p *policied) fill(host, provider string) {
	parameters, _ := p.properties["connectionParameters"].(object)
	if sets, is := p.properties["connectionParameterSets"].(object); is {
		if list := items(sets["values"]); len(list) > 0 {
			first, _ := list[0].(object)
			p.set = text(first["name"])
			parameters, _ = first["parameters"].(object)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		definition, _ := parameters[name].(object)
		switch strings.ToLower(text(definition["type"])) {
		case "securestring":
			p.secrets[name] = "secret-" + plainWord(name)
			p.given[name] = p.secrets[name]
		case "oauthsetting":
			p.signIn = name
			settings, _ := definition["oAuthSettings"].(object)
			kept := object{"identityProvider": "oauth2", "clientId": "client", "customParameters": object{
				"AuthorizationUrl": object{"value": provider + "/authorize"},
				"TokenUrl":         object{"value": provider + "/token"}, "RefreshUrl": object{"value": provider + "/token"},
			}}
			if scopes := settings["scopes"]; scopes != nil {
				kept["scopes"] = scopes
			}
			definition["oAuthSettings"] = kept
		case "string":
			p.given[name] = p.value(name, definition, host)
		default:
			p.unable = "a connection parameter of type " + text(definition["type"])
		}
	}
}

// value is one that the definition allows. What is a whole URL in a policy is a URL
// here.
func (p *policied) value(name string, definition object, host string) string {
	whole := slices.ContainsFunc(p.policies, func(one policyText) bool { return one.beginsWith(name) })
	constraints, _ := asObject(definition["uiDefinition"])["constraints"].(object)
	for _, list := range []any{definition["allowedValues"], constraints["allowedValues"]} {
		for _, one := range items(list) {
			o, _ := one.(object)
			if value := text(o["value"]); value != "" {
				o["value"] = strings.ReplaceAll(value, "https://", "http://"+host+"/h/")
				return text(o["value"])
			}
		}
	}
	if whole {
		return "http://" + host + "/h/" + plainWord(name)
	}
	return "v-" + plainWord(name)
}

func asObject(v any) object {
	o, _ := v.(object)
	return o
}

// plainWord is a name in characters that no encoding changes.
func plainWord(name string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && unreserved(byte(r)) && r != '.' && r != '~' {
			return r
		}
		return 'x'
	}, strings.ToLower(name))
}

// establish imports the package and connects to it.
func (h *harness) establish(ctx context.Context, p policied) (id string, operations map[string]string, err error) {
	h.mu.Lock()
	h.next++
	id = fmt.Sprintf("p-%d", h.next)
	h.mu.Unlock()
	source := &registryv1.SourceFiles{}
	for _, path := range slices.Sorted(maps.Keys(p.files)) {
		source.Files = append(source.Files, &registryv1.SourceFile{Path: path, Content: p.files[path]})
	}
	made, err := h.clients.registry.ImportConnector(ctx, &registryv1.ImportConnectorRequest{
		Parent: environment, ConnectorId: id, Publish: true, AllowBreaking: true,
		Source: &registryv1.ImportConnectorRequest_Files{Files: source},
	})
	if err != nil {
		return id, nil, err
	}
	if operations, err = h.clients.operations(ctx, made.GetRevision().GetName()); err != nil {
		return id, nil, err
	}
	if p.signIn != "" {
		if err := h.clients.makeClient(ctx, id, p.set); err != nil {
			return id, nil, err
		}
	}
	plain := maps.Clone(p.given)
	maps.DeleteFunc(plain, func(name, _ string) bool { _, secret := p.secrets[name]; return secret })
	_, err = h.clients.vault.CreateConnection(ctx, &vaultv1.CreateConnectionRequest{
		Parent: environment, ConnectionId: id, Secrets: p.secrets,
		Connection: &vaultv1.Connection{Connector: environment + "/connectors/" + id, ParameterSet: p.set, Parameters: plain},
	})
	if err == nil && p.signIn != "" {
		err = h.clients.signIn(ctx, id)
	}
	return id, operations, err
}

// operations returns the ids of a revision's operations by method and path.
func (c clients) operations(ctx context.Context, revision string) (map[string]string, error) {
	out := map[string]string{}
	for token := ""; ; {
		page, err := c.registry.ListOperations(ctx, &registryv1.ListOperationsRequest{Parent: revision, PageSize: 1000, PageToken: token})
		if err != nil {
			return nil, err
		}
		for _, op := range page.GetOperations() {
			out[op.GetMethod()+" "+op.GetPath()] = op.GetOperationId()
		}
		if token = page.GetNextPageToken(); token == "" {
			return out, nil
		}
	}
}

// policied connects to a package and calls its operations.
func (h *harness) policied(ctx context.Context, p policied, api *recorder) error {
	endpoints := p.doc.endpoints()
	h.count("operations", len(endpoints))
	if p.unable != "" {
		h.count(notCalled+p.unable, len(endpoints))
		return nil
	}
	id, operations, err := h.establish(ctx, p)
	if err != nil {
		f := grpcx.FromStatus(err)
		h.note(p.subject, endpoint{}, "not connected "+string(f.Reason()), fmt.Sprint(f.Message(), f.Violations()))
		return ctx.Err()
	}
	h.count("packages connected", 1)
	api.take()
	for _, e := range endpoints {
		operation := operations[e.key()]
		if operation == "" {
			operation = operations[strings.ToUpper(e.method)+" /"+e.path]
		}
		if operation == "" {
			h.note(p.subject, e, "not imported", "")
			continue
		}
		if err := h.policiedCall(ctx, p, e, id, operation, api); err != nil {
			return err
		}
	}
	return nil
}

func (h *harness) policiedCall(ctx context.Context, p policied, e endpoint, id, operation string, api *recorder) error {
	c, problem := p.call(e, plain)
	w := p.onWire(e, c)
	switch {
	case problem != "":
		h.count(notCalled+"no input could be made", 1)
		return nil
	case w.skip != "":
		h.count(notCalled+w.skip, 1)
		return nil
	}
	input := writeJSON(c.input)
	if w.answer != nil {
		api.answer(w.answer)
	}
	err := h.clients.invoke(ctx, id, operation, input)
	seen := api.take()
	if p.scripted != nil && p.scripted(e) {
		h.count(notCalled+"C# code that is not part of the package", 1)
		if err == nil || grpcx.FromStatus(err).Reason() != fault.ReasonCustomCodeRequired || len(seen) > 0 {
			h.note(p.subject, e, "custom code", fmt.Sprintf("got %v, want CUSTOM_CODE_REQUIRED", err))
		}
		return nil
	}
	h.count("operations called", 1)
	for _, what := range w.judged {
		h.count("judged: "+what, 1)
	}
	if found, wrong := w.outcome(err, seen); wrong {
		h.note(p.subject, e, found.class, fmt.Sprintf("%s\n      input %.400s", found.detail, input))
		return ctx.Err()
	}
	h.count("operations that match", 1)
	return nil
}
