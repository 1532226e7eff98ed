package sarif_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/sarif"
)

var findings = []sarif.Finding{
	{Rule: "PathRedefined", Level: sarif.Error, Message: `the path "/a" differs in case only`, Remedy: "rename it", Path: "api/a b.json", Line: 3, Column: 9, Pointer: "/paths/~1a"},
	{Rule: "JSONTrailingComma", Level: sarif.Note, Message: "a comma follows the last member", Path: "api/a b.json", Line: 2, Column: 1},
	{Rule: "PathRedefined", Level: sarif.Warning, Message: "again", Path: "/root/x.json", Pointer: ""},
	{Rule: "DocumentSyntax", Level: sarif.Error, Message: "it is broken!", Path: "./c:d.json"},
}

func encode(t *testing.T, list []sarif.Finding) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := sarif.Encode(&out, sarif.Tool{Name: "ferrule", Version: "1.2.3"}, list); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// log is what a reader of the format sees.
type log struct {
	Version string `json:"version"`
	Runs    []struct {
		Tool struct {
			Driver struct {
				Rules []struct {
					ID                   string                 `json:"id"`
					ShortDescription     struct{ Text string }  `json:"shortDescription"`
					DefaultConfiguration struct{ Level string } `json:"defaultConfiguration"`
				} `json:"rules"`
			} `json:"driver"`
		} `json:"tool"`
		Results []struct {
			RuleID    string                `json:"ruleId"`
			RuleIndex int                   `json:"ruleIndex"`
			Level     string                `json:"level"`
			Message   struct{ Text string } `json:"message"`
			Locations []struct {
				Physical struct {
					Artifact struct{ URI string }                 `json:"artifactLocation"`
					Region   struct{ StartLine, StartColumn int } `json:"region"`
				} `json:"physicalLocation"`
				Logical []struct{ FullyQualifiedName string } `json:"logicalLocations"`
			} `json:"locations"`
			Fingerprints map[string]string `json:"partialFingerprints"`
		} `json:"results"`
	} `json:"runs"`
}

func decode(t *testing.T, content []byte) log {
	t.Helper()
	var l log
	if err := json.Unmarshal(content, &l); err != nil {
		t.Fatal(err)
	}
	if l.Version != "2.1.0" || len(l.Runs) != 1 {
		t.Fatalf("version %q, %d runs", l.Version, len(l.Runs))
	}
	return l
}

func TestLogsFollowTheOfficialSchema(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("testdata", "sarif-schema-2.1.0.json"))
	if err != nil {
		t.Fatal(err)
	}
	official, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("sarif.json", official); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, list := range map[string][]sarif.Finding{"findings": findings, "nothing": nil} {
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(encode(t, list)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(instance); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := schema.Validate(map[string]any{"version": "2.1.0"}); err == nil {
		t.Error("the schema accepts a log without runs: it checks nothing")
	}
}

func TestRulesAreListedOnceWithTheirWorstLevel(t *testing.T) {
	var got []string
	for _, r := range decode(t, encode(t, findings)).Runs[0].Tool.Driver.Rules {
		got = append(got, r.ID+" "+r.DefaultConfiguration.Level+" "+r.ShortDescription.Text)
	}
	want := []string{
		"DocumentSyntax error Document syntax.",
		"JSONTrailingComma note JSON trailing comma.",
		"PathRedefined error Path redefined.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestResultsSayWhatAndWhere(t *testing.T) {
	run := decode(t, encode(t, findings)).Runs[0]
	if len(run.Results) != len(findings) {
		t.Fatalf("%d results", len(run.Results))
	}
	for i, r := range run.Results {
		if r.RuleID != findings[i].Rule || run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID || r.Level != string(findings[i].Level) {
			t.Errorf("result %d: %s, rule %d, level %s", i, r.RuleID, r.RuleIndex, r.Level)
		}
	}
	first := run.Results[0]
	if want := `The path "/a" differs in case only. Fix: Rename it.`; first.Message.Text != want {
		t.Errorf("message %q, want %q", first.Message.Text, want)
	}
	place := first.Locations[0]
	if place.Physical.Artifact.URI != "api/a%20b.json" || place.Physical.Region.StartLine != 3 || place.Physical.Region.StartColumn != 9 ||
		place.Logical[0].FullyQualifiedName != "/paths/~1a" {
		t.Errorf("place %+v", place)
	}
	for i, want := range map[int]string{2: "file:///root/x.json", 3: "./c:d.json"} {
		if got := run.Results[i].Locations[0].Physical.Artifact.URI; got != want {
			t.Errorf("URI %q, want %q", got, want)
		}
	}
	if got := run.Results[3].Message.Text; got != "It is broken!" {
		t.Errorf("message %q", got)
	}
}

// print returns the fingerprints in the order of the results.
func prints(t *testing.T, list []sarif.Finding) []string {
	t.Helper()
	var all []string
	for _, r := range decode(t, encode(t, list)).Runs[0].Results {
		all = append(all, r.Fingerprints["findingHash/v1"])
	}
	return all
}

func TestFingerprintsSurviveMovedLinesAndAreUnique(t *testing.T) {
	twice := []sarif.Finding{findings[0], findings[0], findings[1]}
	before := prints(t, twice)
	for i := range twice {
		twice[i].Line += 100
		twice[i].Message = "in other words"
	}
	if diff := cmp.Diff(before, prints(t, twice)); diff != "" {
		t.Errorf("fingerprints changed (-before +after):\n%s", diff)
	}
	if before[0] == before[1] || before[1] == before[2] || strings.Contains(strings.Join(before, " "), "  ") {
		t.Errorf("fingerprints are not unique: %q", before)
	}
}

func TestTheSameFindingsGiveTheSameBytes(t *testing.T) {
	first := encode(t, findings)
	for range 5 {
		if !bytes.Equal(first, encode(t, findings)) {
			t.Fatal("the log differs")
		}
	}
}

func TestWritersThatFail(t *testing.T) {
	file, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := sarif.Encode(file, sarif.Tool{Name: "ferrule"}, findings); err == nil || !strings.Contains(err.Error(), "write SARIF") {
		t.Errorf("Encode: %v", err)
	}
}
