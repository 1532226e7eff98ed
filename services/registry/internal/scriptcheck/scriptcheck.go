// Package scriptcheck says whether the custom code of a definition can run.
//
// Each script in the language that runs is compiled where calls will run it, and
// asked which functions it has. What cannot run is a finding of the severity
// error with the code [format.ScriptInvalid]:
//
//	findings, err := scriptcheck.Check(ctx, pool, trial)
package scriptcheck

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/nearest"
	"github.com/ferrule-dev/ferrule/pkg/sandbox/program"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/scriptfile"
)

// MaxScripts is how many scripts of one definition are compiled. The rest is
// reported as invalid: no connector has that many.
const MaxScripts = 64

// maxUnknown is how many operations that do not exist are reported.
const maxUnknown = 20

// Compiler is where code is compiled. A sandbox.Pool is one, the runtime another.
type Compiler interface {
	// Check compiles a program and tells which functions it defines.
	Check(ctx context.Context, program program.Program) (program.Exports, error)
}

// Check returns the findings about the scripts of a definition, in their order. A
// nil compiler compiles nothing: only code that is not there is found then. Findings
// about code in a file of its own are in that file, others where the description
// holds the code. It fails only when ctx ends or the compiler was closed.
func Check(ctx context.Context, compiler Compiler, trial format.Trial) ([]format.Finding, error) {
	found := unknownOperations(trial)
	compiled, counts := 0, trial.Counts()
	for i, s := range trial.Definition.GetScripts() {
		if s.GetLanguage() != scriptfile.Language || !counts(s.GetOperationIds()) {
			continue
		}
		c := newCheck(i, s, trial)
		switch {
		case s.GetSource() == "":
			c.missing(trial.Files)
		case scriptfile.Fault([]byte(s.GetSource())) != "":
			c.fails("correct it or remove it", "the custom code %s", scriptfile.Fault([]byte(s.GetSource())))
		case compiled == MaxScripts:
			c.fails("put the code into fewer scripts", "there are more than %d scripts; the rest is not looked at", MaxScripts)
			return append(found, c.found...), nil
		case compiler != nil:
			compiled++
			if err := c.compile(ctx, compiler); err != nil {
				return nil, err
			}
		}
		found = append(found, c.found...)
	}
	return found, nil
}

// newCheck begins with where a script is.
func newCheck(i int, s *connectorv1.Script, trial format.Trial) *check {
	isSource := func(f format.File) bool {
		return f.Path == s.GetPath() && (s.GetSource() == "" || string(f.Content) == s.GetSource())
	}
	if slices.ContainsFunc(trial.Files, isSource) {
		return &check{script: s, at: format.Finding{Path: s.GetPath()}, alone: true}
	}
	return &check{script: s, at: trial.Places.Locate(fmt.Sprintf("/scripts/%d/source", i))}
}

// unknownOperations returns the findings about operations that code is for and that do
// not exist.
func unknownOperations(trial format.Trial) []format.Finding {
	var ids []string
	known := map[string]bool{}
	for _, op := range trial.Definition.GetOperations() {
		known[op.GetOperationId()] = true
		ids = append(ids, op.GetOperationId())
	}
	var found []format.Finding
	for i, s := range trial.Definition.GetScripts() {
		for k, id := range s.GetOperationIds() {
			if known[id] || len(found) == maxUnknown {
				continue
			}
			known[id] = true // said once
			f := trial.Places.Locate(fmt.Sprintf("/scripts/%d/operationIds/%d", i, k))
			f.Severity, f.Code, f.Remedy = format.Warning, format.OperationUnknown, "name an operation of the connector"
			if meant := nearest.To(id, ids); len(meant) > 0 {
				f.Remedy = fmt.Sprintf("did you mean %q?", meant[0])
			}
			f.Message = fmt.Sprintf("the operation %q of the custom code does not exist", id)
			found = append(found, f)
		}
	}
	return found
}

// check is the work on one script.
type check struct {
	script *connectorv1.Script
	// at is a finding without a message. It is in the file that is the code, if the
	// code has one alone.
	at    format.Finding
	alone bool
	found []format.Finding
}

func (c *check) fails(remedy, message string, args ...any) {
	c.add(format.Error, format.ScriptInvalid, remedy, message, args...)
}

func (c *check) add(s format.Severity, code, remedy, message string, args ...any) {
	f := c.at
	f.Severity, f.Code, f.Remedy, f.Message = s, code, remedy, fmt.Sprintf(message, args...)
	c.found = append(c.found, f)
}

// missing says why there is no code to run.
func (c *check) missing(files []format.File) {
	why := "is not there"
	for _, f := range files {
		if text := scriptfile.Fault(f.Content); f.Path == c.script.GetPath() && text != "" {
			why = text
		}
	}
	c.fails("add the code, or remove the script", "the custom code %q %s; the operations that it handles cannot be called", c.script.GetPath(), why)
}

// compile tries the code.
func (c *check) compile(ctx context.Context, compiler Compiler) error {
	name := path.Base(c.script.GetPath())
	if c.script.GetPath() == "" {
		name = scriptfile.Name
	}
	exports, err := compiler.Check(ctx, program.Program{Name: name, Source: c.script.GetSource()})
	fault, isFault := errors.AsType[*program.Error](err)
	switch {
	case err == nil && exports.None():
		c.fails("define at least one of them at the top level",
			"the custom code %q defines none of the functions before, after and handle; the operations that it handles cannot be called", name)
	case err == nil:
	case ctx.Err() != nil:
		return fmt.Errorf("check custom code: %w", ctx.Err())
	case !isFault:
		return fmt.Errorf("check custom code: %w", err)
	case fault.Kind == program.KindWorker:
		c.add(format.Warning, format.ScriptUnchecked, "import it again", "the custom code %q could not be tried: %s", name, fault.Message)
	default:
		if c.alone {
			c.at.Line, c.at.Column = fault.Line, fault.Column
		}
		c.fails("correct the code", "the custom code cannot run: %s", fault.Error())
	}
	return nil
}
