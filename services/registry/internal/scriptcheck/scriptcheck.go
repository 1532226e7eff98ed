// Package scriptcheck says whether the custom code of a definition can run.
//
// Each script in the language that runs is compiled where calls will run it, and
// asked which functions it has. What cannot run is a finding of the severity
// error with the code [format.ScriptInvalid]:
//
//	findings, err := scriptcheck.Check(ctx, pool, def, files)
package scriptcheck

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/sandbox/program"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/scriptfile"
)

// MaxScripts is how many scripts of one definition are compiled. The rest is
// reported as invalid: no connector has that many.
const MaxScripts = 64

// Compiler is where code is compiled. A sandbox.Pool is one, the runtime another.
type Compiler interface {
	// Check compiles a program and tells which functions it defines.
	Check(ctx context.Context, program program.Program) (program.Exports, error)
}

// Check returns the findings about the scripts of a definition, in their order. A
// nil compiler compiles nothing: only code that is not there is found then. files
// are the source: findings about one of them have its path, others the pointer
// into the definition. It fails only when ctx ends or the compiler was closed.
func Check(ctx context.Context, compiler Compiler, def *connectorv1.Definition, files []format.File) ([]format.Finding, error) {
	var found []format.Finding
	compiled := 0
	for i, s := range def.GetScripts() {
		if s.GetLanguage() != scriptfile.Language {
			continue
		}
		c := check{script: s, at: place(i, s, files)}
		switch {
		case s.GetSource() == "":
			c.missing(files)
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

// place is a finding without a message about a script.
func place(i int, s *connectorv1.Script, files []format.File) format.Finding {
	isSource := func(f format.File) bool {
		return f.Path == s.GetPath() && (s.GetSource() == "" || string(f.Content) == s.GetSource())
	}
	if slices.ContainsFunc(files, isSource) {
		return format.Finding{Path: s.GetPath()}
	}
	return format.Finding{Pointer: fmt.Sprintf("/scripts/%d/source", i)}
}

// check is the work on one script.
type check struct {
	script *connectorv1.Script
	at     format.Finding
	found  []format.Finding
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
		if c.at.Path != "" {
			c.at.Line, c.at.Column = fault.Line, fault.Column
		}
		c.fails("correct the code", "the custom code cannot run: %s", fault.Error())
	}
	return nil
}
