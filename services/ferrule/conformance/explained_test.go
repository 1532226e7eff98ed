package conformance_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// compareExplained reports mismatches that testdata/explained.yaml does not list,
// and those that it lists and that were not seen.
func compareExplained(corpus string, names []string, found []finding) error {
	text, err := os.ReadFile("testdata/explained.yaml")
	if err != nil {
		return err
	}
	var all map[string][]finding
	if err := yaml.Unmarshal(text, &all); err != nil {
		return fmt.Errorf("read explained.yaml: %w", err)
	}
	same := func(a finding) func(finding) bool {
		return func(b finding) bool {
			return a.Package == b.Package && a.Operation == b.Operation && a.Class == b.Class
		}
	}
	var faults []error
	for _, f := range found {
		if !slices.ContainsFunc(all[corpus], same(f)) {
			faults = append(faults, fmt.Errorf("not explained: %s, %s: %s\n      %s", f.Package, f.Operation, f.Class, f.detail))
		}
	}
	for _, f := range all[corpus] {
		switch {
		case strings.TrimSpace(f.Why) == "":
			faults = append(faults, fmt.Errorf("%s, %s is listed without a reason", f.Package, f.Operation))
		case slices.Contains(names, f.Package) && !slices.ContainsFunc(found, same(f)):
			faults = append(faults, fmt.Errorf("explained without need: %s, %s: %s", f.Package, f.Operation, f.Class))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%w:\n%w", errExplained, errors.Join(faults...))
}
