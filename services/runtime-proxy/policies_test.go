package runtimeproxy_test

import (
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimeproxy "github.com/ferrule-dev/ferrule/services/runtime-proxy"
)

func TestPoliciesAreCheckedWithoutAService(t *testing.T) {
	host := func(text string) *connectorv1.Policy {
		return &connectorv1.Policy{TemplateId: "dynamichosturl", Parameters: []*connectorv1.PolicyParameter{{Name: "urlTemplate", Json: []byte(text)}}}
	}
	faults := runtimeproxy.CheckPolicies([]*connectorv1.Policy{host(`"https://a.example.com"`), host(`"ftp://a.example.com"`)})
	if len(faults) != 1 || faults[0].Index != 1 || !strings.HasPrefix(faults[0].Message, "urlTemplate must be") {
		t.Errorf("faults %v", faults)
	}
}
