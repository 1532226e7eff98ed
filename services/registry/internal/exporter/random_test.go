package exporter_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/target"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/postman"
)

// definitions is how many definitions are made up in each test.
const definitions = 60

// isLossy reports whether something is said to be lost or changed.
func isLossy(out *exporter.Output) bool {
	for _, f := range out.Findings {
		if f.Code == target.CodeLost || f.Code == target.CodeApproximated {
			return true
		}
	}
	return false
}

func TestAnyDefinitionIsEqualAfterItsExportIsImported(t *testing.T) {
	for _, id := range []exporter.ID{exporter.OpenAPI31, exporter.OpenAPI30, exporter.OpenAPI2} {
		t.Run(string(id), func(t *testing.T) {
			for seed := range uint64(definitions) {
				def := makeDefinition(seed)
				if err := definition.Validate(def); err != nil {
					t.Fatalf("seed %d: the definition of this test is wrong: %v", seed, err)
				}
				before := proto.CloneOf(def)
				out, err := exporter.All().Export(t.Context(), id, exporter.Input{Definition: def})
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if !proto.Equal(before, def) {
					t.Fatalf("seed %d: the export changes the definition", seed)
				}
				got, err := importFiles(t, out.Files)
				if err != nil {
					t.Fatalf("seed %d: import the export: %v\n%s", seed, err, out.Files[0].Content)
				}
				if diff := cmp.Diff(def, got, protocmp.Transform()); diff != "" {
					t.Fatalf("seed %d (-definition +imported again):\n%s\n%s", seed, diff, out.Files[0].Content)
				}
			}
		})
	}
}

func TestAPackageIsEqualAfterARoundTripOrSaysWhatItLoses(t *testing.T) {
	for seed := range uint64(definitions) {
		def := makeDefinition(seed)
		out, err := exporter.All().Export(t.Context(), exporter.ConnectorPackage, exporter.Input{Definition: def})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, f := range out.Files {
			if strings.Contains(string(f.Content), "x-ferrule-") {
				t.Fatalf("seed %d: %s has extensions of this platform", seed, f.Path)
			}
		}
		got, err := importFiles(t, out.Files)
		if err != nil {
			t.Fatalf("seed %d: import the export: %v", seed, err)
		}
		if !isLossy(out) && !proto.Equal(def, got) {
			t.Fatalf("seed %d: nothing is reported (-definition +imported again):\n%s", seed, cmp.Diff(def, got, protocmp.Transform()))
		}
	}
}

func TestCollectionsKeepWhatCanBeCalled(t *testing.T) {
	for seed := range uint64(definitions) {
		def := makeDefinition(seed)
		out, err := exporter.All().Export(t.Context(), exporter.Postman, exporter.Input{Definition: def})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		src, err := format.NewSource(out.Files)
		if err != nil {
			t.Fatal(err)
		}
		result, err := postman.Importer{}.Import(t.Context(), src)
		if err != nil {
			t.Fatalf("seed %d: import the export: %v", seed, err)
		}
		if err := definition.Validate(result.Definition); err != nil {
			t.Fatalf("seed %d: what comes back contradicts itself: %v\n%s", seed, err, out.Files[0].Content)
		}
		want, got := map[string]string{}, map[string]string{}
		for _, op := range def.GetOperations() {
			want[op.GetOperationId()] = op.GetMethod() + " " + op.GetPath()
			for _, p := range op.GetParameters() {
				want[op.GetOperationId()+" "+p.GetLocation().String()+" "+p.GetName()] = ""
			}
		}
		for _, op := range result.Definition.GetOperations() {
			got[op.GetOperationId()] = op.GetMethod() + " " + op.GetPath()
			for _, p := range op.GetParameters() {
				got[op.GetOperationId()+" "+p.GetLocation().String()+" "+p.GetName()] = ""
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d (-definition +imported again):\n%s\n%s", seed, diff, out.Files[0].Content)
		}
	}
}

func TestTheNativeFormatLosesNothing(t *testing.T) {
	for seed := range uint64(definitions) {
		def := makeDefinition(seed)
		out, err := exporter.All().Export(t.Context(), exporter.Ferrule, exporter.Input{Definition: def})
		if err != nil || len(out.Findings) > 0 {
			t.Fatalf("seed %d: %v, %v", seed, err, out)
		}
		got, err := definition.Unmarshal(out.Files[0].Content)
		if diff := cmp.Diff(def, got, protocmp.Transform()); diff != "" || err != nil {
			t.Fatalf("seed %d: %v (-definition +read again):\n%s", seed, err, diff)
		}
	}
}

// kept are the faults and oddities of definitions that an export keeps: names
// and styles that OpenAPI 3 does not allow, and what the reader refuses although
// the standard does not (empty texts, and schemes of the Authorization header
// that it does not know).
var kept = regexp.MustCompile(`identifier ".*" is not supported|conflicting paths|serialization method with style|` +
	`value of version must be a non-empty|field default is required|invalid 'scheme' value`)

func TestAnyExportIsValidToAnIndependentReader(t *testing.T) {
	for seed := range uint64(definitions) {
		def := makeDefinition(seed)
		out, err := exporter.All().Export(t.Context(), exporter.OpenAPI30, exporter.Input{Definition: def})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		err = validate(t, out.Files[0].Content)
		if err == nil || kept.MatchString(err.Error()) {
			continue
		}
		t.Errorf("seed %d: %v\n%s", seed, err, out.Files[0].Content)
	}
}
