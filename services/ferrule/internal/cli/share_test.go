package cli

import (
	"strings"
	"testing"
)

func TestSharingAConnector(t *testing.T) {
	const share = "POST /v1/environments/default/connectors/crm:share"
	const name = `"name":"environments/default/connectors/crm"`
	for _, row := range []commandRow{
		{
			name: "editors are named and removed", args: []string{"connectors", "share", "crm", "--editor", "bob", "--editor", "eva, of sales", "--remove", "zoe"},
			answers: map[string]string{share: `{` + name + `,"owner":"ann","editors":["bob","eva, of sales"]}`},
			sent:    `{` + name + `,"addEditors":["bob","eva, of sales"],"removeEditors":["zoe"]}`,
			out:     []string{"shared crm\nowner: ann\neditors: bob, eva, of sales\n"},
		},
		{
			name: "all editors are removed", args: []string{"connectors", "share", "crm", "--remove", "*"},
			answers: map[string]string{share: `{` + name + `,"owner":"ann"}`},
			sent:    `{` + name + `,"removeEditors":["*"]}`, out: []string{"shared crm\nowner: ann\n"},
		},
		{
			name: "a connector is handed over", args: []string{"connectors", "share", "environments/prod/connectors/crm", "--owner", "bob"},
			answers: map[string]string{"POST /v1/environments/prod/connectors/crm:share": `{"name":"environments/prod/connectors/crm","owner":"bob","editors":["ann"]}`},
			sent:    `{"name":"environments/prod/connectors/crm","owner":"bob"}`, out: []string{"owner: bob\neditors: ann\n"},
		},
		{
			name: "json is the connector", args: []string{"connectors", "share", "crm", "--owner", "bob", "-o", "json"},
			answers: map[string]string{share: `{` + name + `,"owner":"bob"}`}, out: []string{`{"name":"environments/default/connectors/crm","owner":"bob"}`},
		},
		{name: "nothing to share", args: []string{"connectors", "share", "crm"}, code: 2, err: []string{"--editor, --remove or --owner", "ferrule describe crm"}},
		{name: "nothing is named", args: []string{"connectors", "share"}, code: 2, err: []string{"ferrule connectors share CONNECTOR"}},
		{name: "a connector that does not exist", args: []string{"connectors", "share", "crm", "--editor", "bob"}, code: 1, err: []string{"CONNECTOR_NOT_FOUND"}},
		{
			name: "owners and editors are listed", args: []string{"connectors", "list", "--filter", "crm"},
			answers: map[string]string{"GET /v1/environments/default/connectors?filter=crm&page_size=1000&page_token=": `{"connectors":[{` + name + `,"owner":"ann","editors":["bob","eva"]},{"name":"environments/default/connectors/old"}]}`},
			out:     []string{"OWNER  EDITORS\n", "ann    bob, eva\n", "no         -\n"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.code == 2 {
				got := run(t, serve(t, nil), "", row.args...)
				if got.code != 2 || !strings.Contains(got.err, row.err[0]) || !strings.Contains(got.err, row.err[len(row.err)-1]) {
					t.Errorf("%d: %s", got.code, got.err)
				}
				return
			}
			row.check(t)
		})
	}
}

func TestHelpTeachesWhoMayChangeAConnector(t *testing.T) {
	for command, want := range map[string]string{
		"connectors share --help": "By that they decide where the credentials of its connections go",
		"connectors --help":       "only the owner, the editors and administrators",
		"oauth-clients --help":    "owner or editor of the\nconnector",
		"apply --help":            "ferrule connectors share",
	} {
		if got := run(t, nil, "", strings.Fields(command)...); got.code != 0 || !strings.Contains(got.out, want) {
			t.Errorf("%s: %d\n%s", command, got.code, got.out)
		}
	}
}
