package core_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

func TestDeletion(t *testing.T) {
	for title, c := range map[string]struct {
		caller core.Caller
		etag   string
		want   fault.Reason
	}{
		"by its owner":          {ann(), "", ""},
		"by an administrator":   {admin(), "", ""},
		"by somebody else":      {bob(), "", fault.ReasonConnectionNotFound},
		"by a service":          {itself("runtime-proxy"), "", fault.ReasonPermissionDenied},
		"by a maker":            {user("mia", authn.RoleMaker), "", fault.ReasonConnectionNotFound},
		"of a state never seen": {ann(), "stale-1", fault.ReasonEtagMismatch},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			r.create(ann())
			before := r.stored()
			err := r.vault.Delete(t.Context(), c.caller, name("crm-1"), c.etag)
			if c.want != "" {
				wantReason(t, err, c.want)
				if diff := cmp.Diff(before, r.stored()); diff != "" {
					t.Error(diff)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_, err = r.vault.Get(t.Context(), admin(), name("crm-1"))
			wantReason(t, err, fault.ReasonConnectionNotFound)
			wantReason(t, r.vault.Delete(t.Context(), admin(), name("crm-1"), ""), fault.ReasonConnectionNotFound)
			for key, value := range r.stored() {
				if strings.Contains(value, "pw-one") {
					t.Errorf("%q still holds the sealed secret", key)
				}
			}
			if want := "DELETED crm-1 " + c.caller.Principal.Name + "/gateway [password] "; r.trail()[0] != want {
				t.Errorf("the trail begins with %q", r.trail()[0])
			}
		})
	}
}
