package registry_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/services/registry"
)

func TestMain(m *testing.M) {
	sandbox.Main()
	os.Exit(m.Run())
}

const withCode = `openapi: 3.1.0
info: {title: Items, version: '1'}
servers: [{url: 'https://api.example.com'}]
paths: {/items: {get: {operationId: List, responses: {'200': {description: Done}}}}}
`

// Code is compiled by the import, in a process of its own, and says where it is
// wrong.
func TestCustomCodeIsCompiledByTheImport(t *testing.T) {
	r := newRig(t, memory(t))
	bad := r.importFiles("bad", file("openapi.yaml", withCode), file("script.js", "export function before() {\n  return (\n}\n"))
	if got := bad.GetRevision().GetState(); got != registryv1.RevisionState_REVISION_STATE_DRAFT {
		t.Errorf("the revision is %s", got)
	}
	i := slices.IndexFunc(bad.GetRevision().GetFindings(), func(f *registryv1.Finding) bool { return f.GetCode() == "ScriptInvalid" })
	if i < 0 {
		t.Fatalf("findings %v", bad.GetRevision().GetFindings())
	}
	if f := bad.GetRevision().GetFindings()[i]; f.GetPath() != "script.js" || f.GetLine() != 3 || f.GetColumn() != 1 || !strings.Contains(f.GetMessage(), "script.js:3:1: SyntaxError") {
		t.Errorf("the finding is %v", f)
	}
	_, err := r.PublishRevision(r.maker(), &registryv1.PublishRevisionRequest{Name: bad.GetRevision().GetName()})
	if got := grpcx.FromStatus(err).Reason(); got != fault.ReasonScriptInvalid {
		t.Errorf("published with %v", err)
	}
	good := r.importFiles("good", file("openapi.yaml", withCode), file("script.js", "export function before() {}\n"))
	if got := good.GetRevision().GetState(); got != registryv1.RevisionState_REVISION_STATE_PUBLISHED {
		t.Errorf("the revision is %s: %v", got, good.GetRevision().GetFindings())
	}
}

func TestValidateCompilesCustomCodeWhereItCan(t *testing.T) {
	pool := sandbox.New(sandbox.Options{Size: 1})
	defer func() { _ = pool.Close() }()
	files := []registry.File{{Path: "openapi.yaml", Content: []byte(withCode)}, {Path: "script.js", Content: []byte("let a =")}}
	for _, row := range []struct {
		name    string
		options []registry.ValidateOption
		want    bool
	}{
		{"with a pool", []registry.ValidateOption{registry.WithScripts(pool)}, true},
		{"without one", nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			report, err := registry.Validate(t.Context(), files, row.options...)
			if err != nil {
				t.Fatal(err)
			}
			got := slices.ContainsFunc(report.Findings, func(f registry.Finding) bool {
				return f.Code == "ScriptInvalid" && f.Severity == registry.Error
			})
			if got != row.want {
				t.Errorf("findings %v", report.Findings)
			}
		})
	}
}
