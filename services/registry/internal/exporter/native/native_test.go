package native_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/native"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/target"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

func connector() *connectorv1.Definition {
	return &connectorv1.Definition{
		Info:    &connectorv1.Info{Title: "T", Icon: &connectorv1.Icon{Place: &connectorv1.Icon_File{File: "icon.png"}}},
		Schemas: []*connectorv1.Schema{{Name: "S", Json: []byte(`{"b":1.50,"a":[1e3]}`)}},
		Scripts: []*connectorv1.Script{{Language: "csharp", Path: "script.csx"}, {Language: "csharp", Path: "script.csx"}},
	}
}

func TestTheDefinitionAndItsFiles(t *testing.T) {
	def := connector()
	out, err := native.Exporter{}.Export(t.Context(), target.Input{Definition: def, Files: []format.File{
		{Path: "script.csx", Content: []byte("code")}, {Path: "readme.md"}, {Path: "icon.png", Content: []byte("\x89PNG")},
	}})
	if err != nil || len(out.Findings) > 0 {
		t.Fatalf("Export: %v, %v", out, err)
	}
	var names []string
	for _, f := range out.Files {
		names = append(names, f.Path)
	}
	if diff := cmp.Diff([]string{"connector.ferrule.json", "icon.png", "script.csx"}, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	got, err := definition.Unmarshal(out.Files[0].Content)
	if diff := cmp.Diff(def, got, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("the definition is another one (-want +got), %v:\n%s", err, diff)
	}
}

func TestFilesThatAreMissingAreReported(t *testing.T) {
	out, err := native.Exporter{}.Export(t.Context(), target.Input{Definition: connector()})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range out.Findings {
		got = append(got, f.Code+" "+f.Pointer)
	}
	want := []string{"ExportLost /info/icon", "ExportLost /scripts/0", "ExportLost /scripts/1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestWhatCannotBeExported(t *testing.T) {
	bad := connector()
	bad.Schemas[0].Json = []byte("{")
	if _, err := (native.Exporter{}).Export(t.Context(), target.Input{Definition: bad}); fault.ReasonOf(err) != fault.ReasonDefinitionInvalid {
		t.Errorf("text that is no JSON: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (native.Exporter{}).Export(ctx, target.Input{Definition: connector()}); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}
