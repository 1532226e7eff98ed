package grpcx_test

import (
	"strings"
	"testing"

	errorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/error/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

func TestReasonsEqualThePublishedEnumOneToOne(t *testing.T) {
	published := map[fault.Reason]bool{}
	for number, name := range errorv1.Reason_name {
		if number == int32(errorv1.Reason_REASON_UNSPECIFIED) {
			continue // never sent
		}
		published[fault.Reason(strings.TrimPrefix(name, "REASON_"))] = true
	}
	known := map[fault.Reason]bool{}
	for _, r := range fault.Reasons() {
		known[r] = true
		if !published[r] {
			t.Errorf("the reason %s is not in the enum ferrule.error.v1.Reason", r)
		}
	}
	for r := range published {
		if !known[r] {
			t.Errorf("the enum's reason %s has no constant in package fault", r)
		}
	}
}
