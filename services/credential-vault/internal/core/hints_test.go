package core_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

func TestANameThatIsNotKnownIsAnsweredWithTheNearestOne(t *testing.T) {
	text := func(name string) map[string]secret.Text {
		return map[string]secret.Text{name: secret.FromString("pw"), "password": secret.FromString("pw")}
	}
	for title, c := range map[string]struct {
		change func(*core.Draft)
		want   string
	}{
		"a parameter":     {func(d *core.Draft) { d.Parameters = map[string]string{"usr": "ann", "user": "ann"} }, `is unknown; did you mean "user"?`},
		"a secret":        {func(d *core.Draft) { d.Secrets = text("pasword") }, `is unknown; did you mean "password"?`},
		"a parameter set": {func(d *core.Draft) { d.ParameterSet = "bascic" }, `did you mean "basic"?`},
		"one that is far from all": {func(d *core.Draft) {
			d.Parameters = map[string]string{"colour": "red", "user": "ann"}
		}, "is unknown"},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			draft := core.Draft{
				Environment: "default", ID: "crm-1", Connector: resource.Connector{Environment: "default", ID: "crm"},
				Parameters: map[string]string{"user": "ann"}, Secrets: map[string]secret.Text{"password": secret.FromString("pw")},
			}
			c.change(&draft)
			_, err := r.vault.Create(t.Context(), ann(), draft)
			var said []string
			for _, v := range fault.From(err).Violations() {
				said = append(said, v.Description)
			}
			all := strings.Join(said, "\n")
			if !strings.Contains(all, c.want) || (c.want == "is unknown" && strings.Contains(all, "did you mean")) {
				t.Errorf("got %v: %q, want %q", err, all, c.want)
			}
		})
	}
}

func TestTheFirstNamesThatAreNotKnownGetAHint(t *testing.T) {
	r := newRig(t)
	draft := core.Draft{
		Environment: "default", ID: "crm-1", Connector: resource.Connector{Environment: "default", ID: "crm"},
		Parameters: map[string]string{"user": "ann"}, Secrets: map[string]secret.Text{"password": secret.FromString("pw")},
	}
	for i := range 40 {
		draft.Parameters[fmt.Sprintf("user%d", i)] = "x"
		draft.Secrets[fmt.Sprintf("password%d", i)] = secret.FromString("x")
	}
	_, err := r.vault.Create(t.Context(), ann(), draft)
	unknown, hints := 0, 0
	for _, v := range fault.From(err).Violations() {
		if strings.HasPrefix(v.Description, "is unknown") {
			unknown++
		}
		if strings.Contains(v.Description, "did you mean") {
			hints++
		}
	}
	if unknown != 80 || hints != 8 {
		t.Errorf("%d names are unknown, %d with a hint: %v", unknown, hints, err)
	}
}
