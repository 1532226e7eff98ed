package vendor

import (
	"strconv"
	"strings"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// Operation reads the extensions of the operation n and of the path item that
// holds it into op, which is complete otherwise: its kind, method, parameters,
// body, responses and trigger are there, and safety is what the method promises.
func (r *Reader) Operation(op *connectorv1.Operation, item, n *document.Node) (interpreted []string) {
	take := func(key string, complete bool) {
		if complete {
			interpreted = append(interpreted, key)
		}
	}
	take("x-ms-safe-operation", readSafe(op, n))
	take("x-ms-require-user-confirmation", readConfirmation(op, n))
	take("x-ms-api-annotation", r.family(op, n.Get("x-ms-api-annotation")))
	take("x-ms-pageable", r.pageable(op, n.Get("x-ms-pageable")))
	take("x-ms-capabilities", r.chunks(op, n.Get("x-ms-capabilities")))
	take("x-ms-no-generic-test", readFlag(&op.Untested, n.Get("x-ms-no-generic-test")))
	take("x-ms-agentic-protocol", readText(&op.AgentProtocol, n.Get("x-ms-agentic-protocol")))
	take("x-ms-name-for-model", readText(&op.ModelName, n.Get("x-ms-name-for-model")))
	take("x-ms-description-for-model", readText(&op.ModelDescription, n.Get("x-ms-description-for-model")))
	take("x-ms-notification", r.notification(op, n.Get("x-ms-notification")))
	take("x-ms-operation-context", r.context(op, n.Get("x-ms-operation-context")))
	content := n.Get("x-ms-notification-content")
	if content == nil {
		content = item.Get("x-ms-notification-content")
	}
	r.notificationContent(op, content)
	r.features(op, item, n, content)
	return interpreted
}

// Flag reads a boolean that some authors write as text.
func Flag(n *document.Node) (value, present bool) {
	switch strings.ToLower(strings.TrimSpace(n.Text())) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// readFlag reads a flag that is off where nothing is said, and reports whether
// there was one.
func readFlag(into *bool, n *document.Node) bool {
	value, present := Flag(n)
	if present {
		*into = value
	}
	return present && value
}

func readText(into *string, n *document.Node) bool {
	if !n.Is(document.String) {
		return false
	}
	*into = n.Text()
	return true
}

// readSafe reads what the document says against the method (RFC 9110, section
// 9.2).
func readSafe(op *connectorv1.Operation, n *document.Node) bool {
	safe, present := Flag(n.Get("x-ms-safe-operation"))
	if present {
		s := safety(op)
		s.Safe = safe
		s.Idempotent = s.GetIdempotent() || safe
	}
	return present
}

func safety(op *connectorv1.Operation) *connectorv1.Safety {
	if op.GetSafety() == nil {
		op.Safety = &connectorv1.Safety{}
	}
	return op.Safety
}

// readConfirmation reads whether a person must confirm, which is said beside the
// operation, or in what is said about it to assistants.
func readConfirmation(op *connectorv1.Operation, n *document.Node) bool {
	confirm, present := Flag(n.Get("x-ms-require-user-confirmation"))
	for _, ai := range n.Get("x-ms-openai-data").Get("operations").Children() {
		id := ai.Str("operationId")
		asked, _ := Flag(ai.Get("x-ms-require-user-confirmation"))
		if asked && (id == "" || id == op.GetOperationId()) {
			confirm = true
		}
	}
	if confirm {
		safety(op).NeedsConfirmation = true
	}
	return present
}

// family reads x-ms-api-annotation, which ties versions of an operation together.
// An operation that names no family is its own, in its first revision.
func (r *Reader) family(op *connectorv1.Operation, n *document.Node) (complete bool) {
	if !n.Is(document.Object) || len(n.Children()) == 0 {
		return false
	}
	f := &connectorv1.OperationFamily{Name: op.GetOperationId(), Revision: 1}
	complete = true
	for _, c := range n.Children() {
		switch {
		case c.Key() == "family" && c.Is(document.String) && c.Text() != "":
			f.Name = c.Text()
		case c.Key() == "revision":
			// A revision that is no number is left at zero: it is older than all
			// others.
			revision, err := strconv.ParseInt(c.Text(), 10, 32)
			f.Revision = int32(revision)
			if err != nil {
				f.Revision, complete = 0, false
				r.warn("RevisionInvalid", c, "write a number from 1 on", "the revision is no number; it counts as older than all others")
			}
		case c.Key() == "status" && c.Is(document.String):
			f.Status = c.Text()
		case c.Key() == "expires" && c.Is(document.String):
			f.Expires = r.day(c)
			complete = complete && f.GetExpires() == c.Text()
		case c.Key() == "replacement" && c.Is(document.Object):
			complete = r.replacement(f, c) && complete
		default:
			complete = false
		}
	}
	op.Family = f
	return complete
}

func (r *Reader) replacement(f *connectorv1.OperationFamily, n *document.Node) (complete bool) {
	f.ReplacementOperationId, f.ReplacementApi = n.Str("operationId"), n.Str("api")
	known := 0
	for _, key := range []string{"operationId", "api"} {
		if n.Str(key) != "" {
			known++
		}
	}
	if f.GetReplacementOperationId() != "" && f.GetReplacementApi() == "" {
		r.refer(f.GetReplacementOperationId(), n, "ReplacementOperationUnknown", "nobody finds what replaces the operation")
	}
	return known == len(n.Children())
}

// day reads a date, or the date of a moment.
func (r *Reader) day(n *document.Node) string {
	for _, layout := range []string{time.DateOnly, time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, n.Text()); err == nil {
			return t.Format(time.DateOnly)
		}
	}
	r.warn("ExpiryInvalid", n, "write the date as \"YYYY-MM-DD\"", "%q is no date; it is ignored", n.Text())
	return ""
}

// pageable reads how the rest of a list is asked for. Null says that there is
// none, which generators of clients want to know.
func (r *Reader) pageable(op *connectorv1.Operation, n *document.Node) (complete bool) {
	link := n.Get("nextLinkName")
	switch {
	case n == nil:
		return false
	case !n.Is(document.Object) || (link != nil && !link.Is(document.String) && !link.Is(document.Null)):
		r.warn("PageableInvalid", n, "write {\"nextLinkName\": the name of a property}", "\"x-ms-pageable\" names no property; the rest of lists cannot be asked for")
		return false
	case link.Text() == "" || link.Is(document.Null):
		return false
	}
	op.Pagination = &connectorv1.Pagination{NextLinkProperty: link.Text()}
	return len(n.Children()) == 1
}

// chunks reads the sizes of chunks. Sizes without "chunkTransfer": true say
// nothing.
func (r *Reader) chunks(op *connectorv1.Operation, n *document.Node) (complete bool) {
	on, _ := Flag(n.Get("chunkTransfer"))
	if !on {
		return false
	}
	c := &connectorv1.ChunkTransfer{}
	op.ChunkTransfer = c
	complete = true
	for _, size := range n.Children() {
		into := map[string]*int32{
			"acceptUploadChunkSizeInMB":    &c.AcceptUploadMib,
			"minimumUploadChunkSizeInMB":   &c.MinimumUploadMib,
			"maximumUploadChunkSizeInMB":   &c.MaximumUploadMib,
			"acceptDownloadChunkSizeInMB":  &c.AcceptDownloadMib,
			"minimumDownloadChunkSizeInMB": &c.MinimumDownloadMib,
			"maximumDownloadChunkSizeInMB": &c.MaximumDownloadMib,
		}[size.Key()]
		if into == nil {
			complete = complete && size.Key() == "chunkTransfer"
			continue
		}
		mib, err := strconv.ParseInt(size.Text(), 10, 32)
		if err != nil || mib < 0 {
			complete = false
			r.warn("ChunkSizeInvalid", size, "write a number of megabytes", "%q is no size; it is ignored", size.Text())
			continue
		}
		*into = int32(mib)
	}
	return complete
}

// notification reads which webhook says that there is something to ask for.
func (r *Reader) notification(op *connectorv1.Operation, n *document.Node) (complete bool) {
	id := n.Str("operationId")
	if n == nil {
		return false
	}
	polling := op.GetTrigger().GetPolling()
	if polling == nil || id == "" {
		r.warn("NotificationInvalid", n, "name the webhook trigger of a polling trigger in \"operationId\"",
			"\"x-ms-notification\" has a meaning on polling triggers that name an operation; it is ignored")
		return false
	}
	polling.NotificationOperationId = id
	r.references = append(r.references, reference{
		id: id, at: n, code: "NotificationOperationUnknown", lost: "the trigger is asked at its interval only",
		accept: func(target *connectorv1.Operation) string {
			if target.GetKind() != connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER {
				return "is no webhook trigger"
			}
			return ""
		},
	})
	return len(n.Children()) == 1
}

// context reads how a test gets a sample event.
func (r *Reader) context(op *connectorv1.Operation, n *document.Node) (complete bool) {
	simulate := n.Get("simulate")
	if !simulate.Is(document.Object) || op.GetTrigger() == nil {
		return false
	}
	op.Trigger.Simulation = &connectorv1.DynamicCall{}
	r.found = append(r.found, found{
		op: op, at: simulate, into: op.Trigger.GetSimulation(), kind: "x-ms-operation-context",
	})
	return len(n.Children()) == 1 && len(simulate.Children()) <= 2
}

// notificationContent reads what notifications carry, apart from the schema of
// their body.
func (r *Reader) notificationContent(op *connectorv1.Operation, n *document.Node) {
	webhook := op.GetTrigger().GetWebhook()
	if webhook == nil || n == nil {
		return
	}
	webhook.NotificationDescription = n.Str("description")
	for _, h := range n.Get("headers").Children() {
		webhook.NotificationHeaders = append(webhook.NotificationHeaders, header(h.Key(), h))
	}
	for _, p := range n.Get("parameters").Children() {
		if target := r.follow(p); strings.EqualFold(target.Str("in"), "header") && target.Str("name") != "" {
			webhook.NotificationHeaders = append(webhook.NotificationHeaders, header(target.Str("name"), target))
			continue
		}
		r.once(format.Info, "NotificationParameterIgnored", p, "", "a notification has no parameters but headers; this one is ignored")
	}
}

// header reads a header, whose schema is beside or inside it.
func header(name string, n *document.Node) *connectorv1.ResponseHeader {
	h := &connectorv1.ResponseHeader{Name: name, Description: n.Str("description"), Summary: n.Str("x-ms-summary")}
	h.Required, _ = Flag(n.Get("required"))
	if schema := n.Get("schema"); schema != nil {
		h.Schema = schema.JSON()
		return h
	}
	b := []byte{'{'}
	for _, c := range n.Children() {
		switch c.Key() {
		case "type", "format", "enum", "items", "default", "pattern", "minimum", "maximum":
			if len(b) > 1 {
				b = append(b, ',')
			}
			b = c.AppendJSON(append(document.AppendString(b, c.Key()), ':'))
		}
	}
	b = append(b, '}')
	h.Schema = b
	return h
}
