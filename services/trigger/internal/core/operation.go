package core

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
)

// operationOf returns an operation of a definition, or nil.
func operationOf(def *connectorv1.Definition, id string) *connectorv1.Operation {
	i := slices.IndexFunc(def.GetOperations(), func(o *connectorv1.Operation) bool { return o.GetOperationId() == id })
	if i < 0 {
		return nil
	}
	return def.GetOperations()[i]
}

// triggerOf returns an operation that can be subscribed to, or says why that is
// not possible and what is.
func triggerOf(def *connectorv1.Definition, id string) (*connectorv1.Operation, error) {
	op := operationOf(def, id)
	if op == nil {
		return nil, fault.NotFound(fault.ReasonOperationNotFound,
			"the connector has no operation %q; %s", id, offered(def)).With("operation", id)
	}
	// Polls of custom code are left to the runtime, which knows what it can run.
	if op.GetRequiresScript() && op.GetTrigger().GetPolling() == nil {
		return nil, fault.Precondition(fault.ReasonCustomCodeRequired,
			"trigger %q is handled by custom code of the connector, which cannot be run", id).With("operation", id)
	}
	var why string
	switch op.GetKind() {
	case connectorv1.OperationKind_OPERATION_KIND_POLLING_TRIGGER:
		why = cannotPoll(op.GetTrigger().GetPolling())
	case connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER:
		why = cannotRegister(op.GetTrigger().GetWebhook())
	default:
		why = "it is an action; " + offered(def)
	}
	if why == "" {
		return op, nil
	}
	return nil, fault.Precondition(fault.ReasonTriggerNotSupported,
		"operation %q cannot be subscribed to: %s", id, why).With("operation", id)
}

func cannotPoll(p *connectorv1.PollingTrigger) string {
	if _, ok := polling.Lookup(p.GetProtocol()); ok {
		return ""
	}
	name := strings.TrimPrefix(p.GetProtocol().String(), "POLLING_PROTOCOL_")
	return "its polling protocol " + name + " is not supported; NATIVE, POLICY and LIST are"
}

func cannotRegister(w *connectorv1.WebhookTrigger) string {
	if w.GetCallbackPointer() != "" || w.GetRegistration() == connectorv1.WebhookRegistration_WEBHOOK_REGISTRATION_MANUAL {
		return ""
	}
	return "the connector does not say where its callback URL goes"
}

// maxOffered is how many triggers are named in an error.
const maxOffered = 20

// offered names the triggers of a connector.
func offered(def *connectorv1.Definition) string {
	var ids []string
	for _, op := range def.GetOperations() {
		if op.GetTrigger() != nil {
			ids = append(ids, op.GetOperationId())
		}
	}
	switch {
	case len(ids) == 0:
		return "the connector has no triggers"
	case len(ids) > maxOffered:
		return "its triggers are, among others, " + strings.Join(ids[:maxOffered], ", ")
	}
	return "its triggers are " + strings.Join(ids, ", ")
}
