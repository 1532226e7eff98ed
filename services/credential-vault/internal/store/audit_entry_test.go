package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

func TestARecordOfVersion2IsStillRead(t *testing.T) {
	var none chain.Proof
	body := "\x0212345678\x05\x08\x00\x00\x00\x03" + "\x03crm" + "\x00" + "\x03ann" + "\x07runtime" + "\x04Send" + "\x0dapi.acme.test" + "\x01\x05token"
	want := core.AuditRecord{
		Sequence: 1, Proof: none.String(), Action: core.ActionRefused, Connection: resource.Connection{Environment: "default", ID: "crm"},
		Time: time.Unix(4, 0).UTC(), FirstTime: time.Unix(0, 0).UTC(), Count: 3,
		Principal: "ann", Service: "runtime", OperationID: "Send", Host: "api.acme.test", SecretNames: []string{"token"},
	}
	got, err := decodeAudit("default", 1, append(none[:], body...))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
