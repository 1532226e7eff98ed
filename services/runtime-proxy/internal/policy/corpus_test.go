package policy_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
)

// corpus returns the directory of connector packages, which lies around the
// checkout, or skips the test.
func corpus(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		found := filepath.Join(dir, "shared", "corpus", "powerplatform")
		if info, err := os.Stat(found); err == nil && info.IsDir() {
			return found
		}
		if filepath.Dir(dir) == dir {
			t.Skip("the corpus of connector packages is not there: no directory shared/corpus/powerplatform around this one")
		}
		dir = filepath.Dir(dir)
	}
}

// packagePolicies reads the policies of a package, as its importer would.
func packagePolicies(t *testing.T, file string) []*connectorv1.Policy {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var properties struct {
		Properties struct {
			PolicyTemplateInstances []struct {
				TemplateID string `json:"templateId"`
				Parameters map[string]json.RawMessage
			}
		}
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(string(text), "\ufeff")), &properties); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	var list []*connectorv1.Policy
	for _, instance := range properties.Properties.PolicyTemplateInstances {
		p := &connectorv1.Policy{TemplateId: strings.ToLower(instance.TemplateID)}
		for _, key := range slices.Sorted(maps.Keys(instance.Parameters)) {
			value := instance.Parameters[key]
			name, ours := strings.CutPrefix(key, "x-ms-apimTemplateParameter.")
			switch {
			case ours:
				p.Parameters = append(p.Parameters, &connectorv1.PolicyParameter{Name: name, Json: value})
			case strings.EqualFold(key, "x-ms-apimTemplate-policySection"):
				section := strings.ToUpper(strings.Trim(string(value), `"`))
				p.Section = connectorv1.PolicySection(connectorv1.PolicySection_value["POLICY_SECTION_"+section])
			}
		}
		list = append(list, p)
	}
	return list
}

func TestEveryPolicyOfRealPackagesCompiles(t *testing.T) {
	packages, values, variables, counts := 0, 0, 0, map[string]int{}
	err := filepath.WalkDir(corpus(t), func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "apiProperties.json" {
			return err
		}
		packages++
		for _, p := range packagePolicies(t, file) {
			counts[p.GetTemplateId()]++
			values += len(p.GetParameters())
			for _, parameter := range p.GetParameters() {
				if strings.Contains(strings.ToLower(string(parameter.GetJson())), "@environmentvariables(") {
					variables++
				}
			}
			if _, err := policy.Compile("Op", []*connectorv1.Policy{p}); err != nil {
				t.Errorf("%s: %v", filepath.Base(filepath.Dir(file)), err)
			}
		}
		return nil
	})
	if err != nil || packages == 0 {
		t.Fatal(packages, err)
	}
	t.Logf("%d packages, %d parameter values, %d of them with variables of the environment", packages, values, variables)
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%4d %s", counts[name], name)
	}
}
