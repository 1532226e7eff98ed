package derive

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// provider is an API whose notifications are signed in a way that is known.
type provider struct {
	// host is the host of its servers, or with a dot in front the end of it.
	host string
	// preset is the name of the signature's preset.
	preset string
	// secrets are the members of a registration that take the secret, by their
	// plain names: those that the API's documentation names.
	secrets []string
}

// providers is the list of them.
func providers() []provider {
	return []provider{
		{host: "api.github.com", preset: "github", secrets: []string{"secret"}},
		{host: "gitlab.com", preset: "gitlab-token", secrets: []string{"token"}},
		{host: "api.bitbucket.org", preset: "bitbucket", secrets: []string{"secret"}},
		{host: "gitea.com", preset: "gitea", secrets: []string{"secret"}},
		{host: "api.stripe.com", preset: "stripe"},
		{host: "slack.com", preset: "slack"},
		{host: ".myshopify.com", preset: "shopify"},
		{host: "api.twilio.com", preset: "twilio"},
		{host: "api.zoom.us", preset: "zoom"},
		{host: "api.hubapi.com", preset: "hubspot"},
		{host: "graph.facebook.com", preset: "meta"},
		{host: "graph.microsoft.com", preset: "microsoft-graph", secrets: []string{"clientstate"}},
		{host: "api.telegram.org", preset: "telegram", secrets: []string{"secrettoken"}},
		{host: "api.calendly.com", preset: "calendly", secrets: []string{"signingkey"}},
		{host: "api.typeform.com", preset: "typeform", secrets: []string{"secret"}},
		{host: "app.asana.com", preset: "asana"},
		{host: "api.linear.app", preset: "linear"},
		{host: ".zendesk.com", preset: "zendesk"},
		{host: "api.pagerduty.com", preset: "pagerduty"},
		{host: "api.twitch.tv", preset: "twitch", secrets: []string{"secret"}},
		{host: "api.dropboxapi.com", preset: "dropbox"},
		{host: "api.trello.com", preset: "trello"},
		{host: "api.vercel.com", preset: "vercel"},
		{host: "api.intercom.io", preset: "intercom"},
	}
}

// webhooks adds to the webhook triggers what their APIs show.
func (s *schemas) webhooks(def *connectorv1.Definition) {
	gets := map[string]*connectorv1.Operation{}
	byID := map[string]*connectorv1.Operation{}
	for _, op := range def.GetOperations() {
		byID[op.GetOperationId()] = op
		if op.GetMethod() != "GET" || op.GetPath() == "" {
			continue
		}
		path := op.GetPath()
		if _, twice := gets[path]; twice {
			op = nil // nobody knows which is the one
		}
		gets[path] = op
	}
	known := knownProvider(def)
	for _, op := range def.GetOperations() {
		w := op.GetTrigger().GetWebhook()
		if w == nil {
			continue
		}
		if w.GetListOperationId() == "" {
			w.ListOperationId = answering(gets[op.GetPath()], op)
		}
		if remove := byID[w.GetUnsubscribeOperationId()]; remove != nil && w.GetGetOperationId() == "" {
			w.GetOperationId = answering(gets[remove.GetPath()], remove)
		}
		if op.GetTrigger().GetBatch() && w.GetItemsPath() == "" {
			w.ItemsPath = s.onlyList(w.GetNotificationSchema())
		}
		if known != nil && w.GetSignature() == nil {
			w.Signature = &connectorv1.WebhookSignature{Scheme: known.preset, SecretPointer: s.secretPointer(op, known.secrets)}
		}
	}
}

// answering returns the id of an action that can be called with what another
// operation is called with; "" if there is none, or it needs more.
func answering(get, like *connectorv1.Operation) string {
	if get.GetKind() != connectorv1.OperationKind_OPERATION_KIND_ACTION || get.GetMethod() != "GET" {
		return ""
	}
	for _, p := range get.GetParameters() {
		given := slices.ContainsFunc(like.GetParameters(), func(q *connectorv1.Parameter) bool {
			return q.GetName() == p.GetName() && q.GetLocation() == p.GetLocation()
		})
		if p.GetRequired() && !given {
			return ""
		}
	}
	return get.GetOperationId()
}

// onlyList returns the only list in an object; "" if there is none, or several, or
// the value itself is a list.
func (s *schemas) onlyList(text []byte) string {
	value := s.read(text, 0)
	found := ""
	for name, member := range value.members {
		if !member.is("array") {
			continue
		}
		if found != "" || strings.Contains(name, ".") {
			return ""
		}
		found = name
	}
	if !value.sure {
		return ""
	}
	return found
}

// knownProvider returns the provider that all servers belong to; nil if there is
// none.
func knownProvider(def *connectorv1.Definition) *provider {
	var found *provider
	for _, server := range def.GetServers() {
		_, host, _ := strings.Cut(server.GetUrlTemplate(), "://")
		host, _, _ = strings.Cut(strings.ToLower(host), "/")
		at := slices.IndexFunc(providers(), func(p provider) bool {
			return host == p.host || strings.HasPrefix(p.host, ".") && strings.HasSuffix(host, p.host)
		})
		if at < 0 || found != nil && found.preset != providers()[at].preset {
			return nil
		}
		found = &providers()[at]
	}
	return found
}

// secretPointer returns where the secret goes in the input of a registration: the
// only member of the body with one of these names, at its top or in an object
// there; "" if there is none, or several.
func (s *schemas) secretPointer(op *connectorv1.Operation, names []string) string {
	contents := op.GetRequestBody().GetContents()
	at := slices.IndexFunc(contents, func(m *connectorv1.MediaType) bool { return m.GetKind() == connectorv1.BodyKind_BODY_KIND_JSON })
	if at < 0 || len(names) == 0 {
		return ""
	}
	found, count := "", 0
	look := func(prefix string, members map[string]object) {
		for name, member := range members {
			if isText := member.is("string") || member.types == nil; isText && slices.Contains(names, plain(name)) {
				found = prefix + escape(name)
				count++
			}
		}
	}
	body := s.read(contents[at].GetSchema(), 0)
	look("/body/", body.members)
	for name, member := range body.members {
		look("/body/"+escape(name)+"/", member.members)
	}
	if count != 1 {
		return ""
	}
	return found
}

func escape(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }
