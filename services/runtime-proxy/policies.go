package runtimeproxy

import (
	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
)

// PolicyFault is why a policy cannot be applied.
type PolicyFault struct {
	// Index is that of the policy in its list.
	Index int
	// Message says what is wrong, a sentence without a subject or about a parameter,
	// whose name is its first word then.
	Message string
}

// CheckPolicies returns what calls would find wrong with the policies of a connector, in
// their order. It needs no running service: programs that check descriptions without a
// server call it.
func CheckPolicies(list []*connectorv1.Policy) []PolicyFault {
	var faults []PolicyFault
	for _, f := range policy.Check(list) {
		faults = append(faults, PolicyFault{Index: f.Index, Message: f.Message})
	}
	return faults
}
