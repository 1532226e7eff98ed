package scriptcheck_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/scriptcheck"
)

func TestMain(m *testing.M) {
	sandbox.Main()
	os.Exit(m.Run())
}

func pool(t *testing.T) *sandbox.Pool {
	t.Helper()
	limits := sandbox.DefaultLimits()
	limits.Time = 300 * time.Millisecond
	p := sandbox.New(sandbox.Options{Size: 1, Limits: limits})
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func javascript(source string) *connectorv1.Script {
	return &connectorv1.Script{Language: "javascript", Path: "script.js", Source: source}
}

func TestCodeThatCannotRunIsFound(t *testing.T) {
	compiler := pool(t)
	for _, row := range []struct {
		name   string
		script *connectorv1.Script
		want   string // severity, code, line, column and a part of the message; "" if nothing is found
	}{
		{"code that runs", javascript("export function before(request) {}\n"), ""},
		{"code that runs, not exported", javascript("async function handle() { return new Response({status: 204}) }"), ""},
		{"a syntax error", javascript("export function before(request) {\n  let = = 1\n}\n"), "3 ScriptInvalid 2:7 script.js:2:7: SyntaxError"},
		{"a top level that throws", javascript("export function before() {}\nnull.x"), "3 ScriptInvalid 2:5 TypeError"},
		{"none of the functions", javascript("export function befor() {}\n"), "3 ScriptInvalid 0:0 defines none of the functions before, after and handle"},
		{"a top level that never ends", javascript("for (;;) {}\n"), "3 ScriptInvalid 0:0 "},
		{"no code", &connectorv1.Script{Language: "javascript", Path: "script.js"}, `3 ScriptInvalid 0:0 the custom code "script.js" is not there`},
		{"white space", javascript(" \n"), "3 ScriptInvalid 0:0 the custom code is empty"},
		{"too much code", javascript("//" + strings.Repeat("x", sandbox.MaxSource)), "3 ScriptInvalid 0:0 has 1048578 bytes"},
		{"another language", &connectorv1.Script{Language: "csharp", Path: "script.csx", Source: "}{"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			files := []format.File{{Path: "script.js", Content: []byte(row.script.GetSource())}}
			if row.script.GetSource() == "" {
				files = nil
			}
			found, err := scriptcheck.Check(t.Context(), compiler, format.Trial{Definition: &connectorv1.Definition{Scripts: []*connectorv1.Script{row.script}}, Files: files})
			if err != nil {
				t.Fatal(err)
			}
			if (row.want == "") != (len(found) == 0) {
				t.Fatalf("found %v, want %q", found, row.want)
			}
			for _, f := range found {
				got := fmt.Sprintf("%d %s %d:%d", f.Severity, f.Code, f.Line, f.Column)
				head := strings.Join(strings.Fields(row.want)[:3], " ")
				if part := strings.TrimSpace(strings.TrimPrefix(row.want, head)); got != head || !strings.Contains(f.Message, part) || f.Remedy == "" {
					t.Errorf("found %s %q, want %q", got, f.Message, row.want)
				}
			}
		})
	}
}

// Where code is no file of the source, or no longer what the file holds, its
// place is in the definition.
func TestThePlaceIsAFileOrTheDefinition(t *testing.T) {
	file := format.File{Path: "script.js", Content: []byte("}")}
	for _, row := range []struct {
		name   string
		source string
		files  []format.File
		want   format.Finding
	}{
		{"a file", "}", []format.File{file}, format.Finding{Path: "script.js", Line: 1, Column: 1}},
		{"no file", "}", nil, format.Finding{Pointer: "/scripts/1/source"}},
		{"a file that was edited", "}}", []format.File{file}, format.Finding{Pointer: "/scripts/1/source"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			def := &connectorv1.Definition{Scripts: []*connectorv1.Script{{Language: "csharp"}, javascript(row.source)}}
			found, err := scriptcheck.Check(t.Context(), pool(t), format.Trial{Definition: def, Files: row.files})
			if err != nil || len(found) != 1 {
				t.Fatalf("found %v, %v", found, err)
			}
			got := format.Finding{Path: found[0].Path, Pointer: found[0].Pointer, Line: found[0].Line, Column: found[0].Column}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("place (-want +got):\n%s", diff)
			}
		})
	}
}

// compiler answers what it is told.
type compiler struct {
	err   error
	count int
}

func (c *compiler) Check(context.Context, sandbox.Program) (sandbox.Exports, error) {
	c.count++
	return sandbox.Exports{Before: true}, c.err
}

func TestCodeThatNobodyCouldTryIsNotRefused(t *testing.T) {
	def := &connectorv1.Definition{Scripts: []*connectorv1.Script{javascript("x")}}
	found, err := scriptcheck.Check(t.Context(), &compiler{err: &sandbox.Error{Kind: sandbox.KindWorker, Message: "no process"}}, format.Trial{Definition: def})
	if err != nil || len(found) != 1 || found[0].Code != format.ScriptUnchecked || found[0].Severity != format.Warning {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestWithoutACompilerNothingIsCompiled(t *testing.T) {
	def := &connectorv1.Definition{Scripts: []*connectorv1.Script{javascript("}"), {Language: "javascript", Path: "b.js"}}}
	found, err := scriptcheck.Check(t.Context(), nil, format.Trial{Definition: def})
	if err != nil || len(found) != 1 || found[0].Pointer != "/scripts/1/source" {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestTheCheckEndsWithItsContextAndItsCompiler(t *testing.T) {
	def := &connectorv1.Definition{Scripts: []*connectorv1.Script{javascript("x")}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := scriptcheck.Check(ctx, &compiler{err: ctx.Err()}, format.Trial{Definition: def}); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if _, err := scriptcheck.Check(t.Context(), &compiler{err: sandbox.ErrClosed}, format.Trial{Definition: def}); !errors.Is(err, sandbox.ErrClosed) {
		t.Errorf("the error is %v", err)
	}
}

func TestNotEndlesslyManyScriptsAreCompiled(t *testing.T) {
	def := &connectorv1.Definition{}
	for range 3 * scriptcheck.MaxScripts {
		def.Scripts = append(def.Scripts, javascript("x"))
	}
	c := &compiler{}
	found, err := scriptcheck.Check(t.Context(), c, format.Trial{Definition: def})
	if err != nil || c.count != scriptcheck.MaxScripts || len(found) != 1 || found[0].Code != format.ScriptInvalid {
		t.Errorf("compiled %d, found %d: %v", c.count, len(found), err)
	}
}
