package lint

import "strings"

// webhookRules are about operations that register webhooks, and about
// "x-ms-notification", by which a polling trigger is woken by one.
var webhookRules = []rule{
	{
		"NotificationUrlNotAllowedInThisPosition", fails,
		"the notification URL does not stand in the body of a request", "mark a property of the body that subscribes", onSchema(urlPosition),
	},
	{
		"NotificationUrlNotInternal", warns,
		"the notification URL is shown to users, who cannot know it", "add \"x-ms-visibility\": \"internal\"", onSchema(urlVisible),
	},
	{
		"NotificationUrlNotRequired", warns,
		"the notification URL is not required", "add it to \"required\"", onSchema(func(s *schema, hit report) {
			if isURL(s) && s.property != "" && !s.required {
				hit(s.node)
			}
		}),
	},
	{
		"NotificationUrlNotString", fails,
		"the notification URL is of type %q", "write \"type\": \"string\"", onSchema(func(s *schema, hit report) {
			if isURL(s) && s.typ != "string" && s.ref == "" {
				hit(s.node, s.typ)
			}
		}),
	},
	{
		"WebhookOperationsMissingNotificationUrlProperty", fails,
		"the operation %q subscribes to a webhook and no property of its body is the notification URL",
		"add \"x-ms-notification-url\": true to it", onOperation(urlMissing),
	},
	{
		"OperationMustHaveNotificationContentExtension", warns,
		"the operation %q subscribes to a webhook and nothing says what notifications hold",
		"add \"x-ms-notification-content\" to its path", onOperation(contentMissing),
	},
	{
		"NotificationExtensionNotSupportedInWebhookOperation", fails,
		"the operation %q registers a webhook and has \"x-ms-notification\"", "remove it: only polling triggers are woken",
		onOperation(func(o *operation, hit report) {
			if n := o.node.Get("x-ms-notification"); n != nil && o.isWebhook() {
				hit(n, o.id)
			}
		}),
	},
	{
		"NotificationExtensionSupportedForTriggerOnly", fails,
		"the operation %q is no trigger and has \"x-ms-notification\"", "remove it, or add \"x-ms-trigger\"",
		onOperation(func(o *operation, hit report) {
			if n := o.node.Get("x-ms-notification"); n != nil && o.trigger == "" {
				hit(n, o.id)
			}
		}),
	},
	{
		"NotificationOperationMustBeWebhook", fails,
		"the operation %q, which \"x-ms-notification\" names, is no webhook", "name the operation that subscribes", onOperation(wokenByWebhook),
	},
}

func isURL(s *schema) bool { return s.url != nil && s.url.Text() == "true" }

func urlPosition(s *schema, hit report) {
	if !isURL(s) {
		return
	}
	node := s.node
	if s.kind != asSchema {
		if s.parameter == nil || s.parameter.in != "formData" {
			hit(node)
		}
		return
	}
	s.inOutput(func() { hit(node) })
}

func urlVisible(s *schema, hit report) {
	if isURL(s) && !s.internal && s.kind == asSchema && s.owner == nil {
		hit(s.node)
	}
}

// urlMissing is about operations that are webhooks by everything else.
func urlMissing(o *operation, hit report) {
	if o.trigger != "" && !o.takesURL && strings.EqualFold(o.method, "post") &&
		o.item.node.Get("x-ms-notification-content") != nil && o.body != nil && !o.formURL() {
		hit(o.node, o.id)
	}
}

// formURL reports whether a form field is the notification URL.
func (o *operation) formURL() bool {
	for _, p := range o.all {
		if p.target.True("x-ms-notification-url") {
			return true
		}
	}
	return false
}

func contentMissing(o *operation, hit report) {
	if o.trigger != "" && o.takesURL && o.item.node.Get("x-ms-notification-content") == nil {
		hit(o.node, o.id)
	}
}

func wokenByWebhook(o *operation, hit report) {
	n := o.node.Get("x-ms-notification").Get("operationId")
	if webhook := o.doc.byID[n.Text()]; webhook != nil && !webhook.isWebhook() {
		hit(n, n.Text())
	}
}
