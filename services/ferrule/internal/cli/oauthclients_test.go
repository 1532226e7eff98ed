package cli

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettingsOfAClientAreMerged(t *testing.T) {
	type m map[string]string
	for title, row := range map[string]struct{ now, changes, want m }{
		"the first setting":         {nil, m{"tenant": "a"}, m{"tenant": "a"}},
		"one more":                  {m{"tenant": "a"}, m{"region": "eu"}, m{"tenant": "a", "region": "eu"}},
		"another value":             {m{"tenant": "a", "region": "eu"}, m{"tenant": "b"}, m{"tenant": "b", "region": "eu"}},
		"a name in other letters":   {m{"Tenant": "a"}, m{"TENANT": "b"}, m{"TENANT": "b"}},
		"an empty value removes":    {m{"Tenant": "a", "region": "eu"}, m{"tenant": ""}, m{"region": "eu"}},
		"nothing to remove":         {m{"region": "eu"}, m{"tenant": ""}, m{"region": "eu"}},
		"nothing is to be changed":  {m{"region": "eu"}, nil, m{"region": "eu"}},
		"the last setting is taken": {m{"region": "eu"}, m{"region": ""}, m{}},
	} {
		t.Run(title, func(t *testing.T) {
			before := maps.Clone(row.now)
			if diff := cmp.Diff(map[string]string(row.want), mergedSettings(row.now, row.changes)); diff != "" {
				t.Error(diff)
			}
			if !maps.Equal(before, row.now) {
				t.Error("what the server has said was changed")
			}
		})
	}
}
