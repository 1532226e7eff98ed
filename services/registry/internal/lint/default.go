package lint

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// longID is the length from which ids are a burden.
const longID = 100

// defaultRules are what every connector should keep to. None is an error: such a
// connector works.
var defaultRules = []rule{
	{
		"OperationUndescribed", tells,
		"the operation %q has neither a summary nor a description", "say what it does", onDefinition(eachOperation(func(_ *model, op *connectorv1.Operation) []any {
			if op.GetSummary() == "" && op.GetDescription() == "" {
				return []any{op.GetOperationId()}
			}
			return nil
		})),
	},
	{
		"OperationWithoutSuccess", tells,
		"the operation %q does not say what it returns when it succeeds", "describe the response with a status of 2xx",
		onDefinition(eachOperation(withoutSuccess)),
	},
	{
		"OperationIdLong", tells,
		"the id %q is longer than 100 characters", "give the operation a shorter one", onDefinition(eachOperation(func(_ *model, op *connectorv1.Operation) []any {
			if len(op.GetOperationId()) > longID {
				return []any{cut(op.GetOperationId(), 40)}
			}
			return nil
		})),
	},
	{
		"BodyInGet", warns,
		"the operation %q is a GET with a body, which many servers ignore", "use POST, or a query", onDefinition(eachOperation(func(_ *model, op *connectorv1.Operation) []any {
			if strings.EqualFold(op.GetMethod(), "GET") && op.GetRequestBody() != nil {
				return []any{op.GetOperationId()}
			}
			return nil
		})),
	},
	{
		"DeprecatedWithoutReplacement", tells,
		"the operation %q is deprecated and nothing says what to use instead", "name its replacement", onDefinition(eachOperation(withoutReplacement)),
	},
	{
		"NotificationUndescribed", tells,
		"nothing says what the notifications of the trigger %q hold", "describe them with a schema", onDefinition(eachOperation(func(_ *model, op *connectorv1.Operation) []any {
			if w := op.GetTrigger().GetWebhook(); w != nil && len(w.GetNotificationSchema()) == 0 {
				return []any{op.GetOperationId()}
			}
			return nil
		})),
	},
	{
		"SecretInDescription", warns,
		"the operation %q has what looks like a secret (%s…) in an example or default", "replace it, and revoke it if it is real",
		onDefinition(eachOperation(withSecret)),
	},
	{
		"ServerNotEncrypted", warns,
		"the server %q is not encrypted", "use https", onDefinition(plainServers),
	},
	{
		"ServerPlaceholder", warns,
		"the server %q is a placeholder", "name the API's server", onDefinition(placeholderServers),
	},
	{
		"NoAuthentication", tells,
		"the API is called without any credentials", "declare how it authenticates, unless it is public", onDefinition(noAuthentication),
	},
	{
		"SchemaUnused", tells,
		"nothing refers to the schema %q", "remove it", onDefinition(unusedSchemas),
	},
	{
		"SchemaNeverEnds", warns,
		"the schema %q is made of itself: following its references leads back to it, so it says nothing about values",
		"write out what it describes, or remove the reference", onDefinition(endlessSchemas),
	},
}

// eachOperation makes a rule of a check of one operation, which returns what the
// message needs, or nil.
func eachOperation(f func(*model, *connectorv1.Operation) []any) func(*model, report) {
	return func(m *model, hit report) {
		for _, op := range m.def.GetOperations() {
			if args := f(m, op); args != nil {
				hit(m.node(op), args...)
			}
		}
	}
}

func withoutSuccess(_ *model, op *connectorv1.Operation) []any {
	if op.GetTrigger().GetWebhook() != nil {
		return nil
	}
	for _, r := range op.GetResponses() {
		if s := r.GetStatus(); s == "" || s[0] == '2' || s[0] == '3' || s == "default" {
			return nil
		}
	}
	return []any{op.GetOperationId()}
}

func withoutReplacement(_ *model, op *connectorv1.Operation) []any {
	text := strings.ToLower(op.GetSummary() + " " + op.GetDescription())
	if !op.GetDeprecated() || op.GetFamily().GetReplacementOperationId() != "" || strings.Contains(text, "use ") ||
		strings.Contains(text, "replace") || strings.Contains(text, "instead") {
		return nil
	}
	return []any{op.GetOperationId()}
}

// tokens are secrets that can be told by their form. The first part is looked for
// first, which is cheap.
var tokens = []struct {
	prefix  string
	pattern *regexp.Regexp
}{
	{"sk_live_", regexp.MustCompile(`sk_live_[0-9a-zA-Z]{16,}`)},
	{"ghp_", regexp.MustCompile(`ghp_[0-9a-zA-Z]{36}`)},
	{"xox", regexp.MustCompile(`xox[bpars]-[0-9]{6,}-[0-9a-zA-Z-]{10,}`)},
	{"AKIA", regexp.MustCompile(`AKIA[0-9A-Z]{16}`)},
	{"AIza", regexp.MustCompile(`AIza[0-9A-Za-z_-]{35}`)},
	{"eyJ", regexp.MustCompile(`eyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}`)},
	{"SG.", regexp.MustCompile(`SG\.[0-9A-Za-z_-]{20,}\.[0-9A-Za-z_-]{20,}`)},
	{"PRIVATE KEY-----", regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`)},
}

func withSecret(_ *model, op *connectorv1.Operation) []any {
	found := ""
	look := func(text []byte) {
		for i := range tokens {
			if found == "" && bytes.Contains(text, []byte(tokens[i].prefix)) {
				found = string(tokens[i].pattern.Find(text))
			}
		}
	}
	eachText(op, look)
	if found == "" {
		return nil
	}
	return []any{op.GetOperationId(), found[:min(len(found), 6)]}
}

// eachText hands the schemas and examples of an operation to f.
func eachText(op *connectorv1.Operation, f func([]byte)) {
	contents := func(list []*connectorv1.MediaType) {
		for _, c := range list {
			f(c.GetSchema())
			for _, e := range c.GetExamples() {
				f(e)
			}
		}
	}
	for _, p := range op.GetParameters() {
		f(p.GetSchema())
		for _, e := range p.GetExamples() {
			f(e)
		}
	}
	contents(op.GetRequestBody().GetContents())
	for _, r := range op.GetResponses() {
		contents(r.GetContents())
		for _, h := range r.GetHeaders() {
			f(h.GetSchema())
		}
	}
	f(op.GetTrigger().GetWebhook().GetNotificationSchema())
	for _, h := range op.GetTrigger().GetWebhook().GetNotificationHeaders() {
		f(h.GetSchema())
	}
}

func plainServers(m *model, hit report) {
	for _, s := range m.def.GetServers() {
		if strings.HasPrefix(strings.ToLower(s.GetUrlTemplate()), "http://") {
			hit(m.serverNode(s.GetUrlTemplate()), s.GetUrlTemplate())
		}
	}
}

// placeholders are parts of hosts that nobody means.
var placeholders = []string{"example.com", "example.org", "localhost", "127.0.0.1", "yourdomain", "your-", "mycompany", "contoso", "dummy", "changeme"}

func placeholderServers(m *model, hit report) {
	if len(m.def.GetPolicies()) > 0 {
		return // they may set the host of each call
	}
	for _, s := range m.def.GetServers() {
		if len(s.GetVariables()) > 0 {
			continue
		}
		u, err := url.Parse(s.GetUrlTemplate())
		host := s.GetUrlTemplate()
		if err == nil {
			host = u.Host
		}
		for _, p := range placeholders {
			if strings.Contains(strings.ToLower(host), p) {
				hit(m.serverNode(s.GetUrlTemplate()), s.GetUrlTemplate())
				break
			}
		}
	}
}

func noAuthentication(m *model, hit report) {
	if len(m.def.GetSecuritySchemes()) > 0 {
		return
	}
	for _, set := range m.def.GetParameterSets() {
		if len(set.GetParameters()) > 0 {
			return
		}
	}
	hit(nil)
}
