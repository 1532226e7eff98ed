package cli

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/spf13/cobra"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/sarif"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/sources"
	"github.com/ferrule-dev/ferrule/services/registry"
	runtimeproxy "github.com/ferrule-dev/ferrule/services/runtime-proxy"
)

const (
	// sarifOutput is the output format for code hosts.
	sarifOutput = "sarif"
	// maxJobs bounds how many descriptions are read at the same time.
	maxJobs = 64
)

// validateFlags are those of the validate command.
type validateFlags struct {
	rules        []string
	only, except []string
	all          bool
	jobs         int
}

func (a *app) validate() *cobra.Command {
	var f validateFlags
	cmd := &cobra.Command{
		Use:   "validate PATH...",
		Short: "Say what an import would find, without a server",
		Long: `Validate reads descriptions exactly as import does and prints what it finds:
what was repaired or ignored, where, and how to fix it. It tries policies and
custom code as the runtime does. A directory that is not a description itself is
searched for those inside it.

The default rules say what every connector should keep to. With
--rules certification it also checks what the vendor of connector packages
demands, under the names of its rules.

With -o json it prints one line for each description, with -o sarif one document
for all of them. The exit code is 1 if a description cannot be imported or has an
error.`,
		Example: `  ferrule validate api.swagger.json
  ferrule validate --rules certification packages
  ferrule validate -o json packages/*
  ferrule validate -o sarif --rules certification packages > ferrule.sarif`,
		Args:        minArgs(1),
		Annotations: map[string]string{moreOutput: sarifOutput},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runValidate(cmd.Context(), f, args)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.rules, "rules", []string{string(registry.DefaultRules)}, "rules to check: default, certification")
	flags.StringArrayVar(&f.only, "only", nil, "look at these operations: an id, tag:NAME, or METHOD /path, with * for anything")
	flags.StringArrayVar(&f.except, "except", nil, "leave out these operations")
	flags.BoolVar(&f.all, "all", false, "print all findings, however many there are")
	flags.IntVar(&f.jobs, "jobs", 1, "descriptions to read at the same time")
	return cmd
}

// runValidate looks at all descriptions and prints what it finds.
func (a *app) runValidate(ctx context.Context, f validateFlags, args []string) error {
	options, err := f.options()
	if err != nil {
		return err
	}
	scripts := sandbox.New(sandbox.Options{Size: 2})
	defer func() { _ = scripts.Close() }() // its workers are killed, whatever they say
	options = append(options, registry.WithScripts(scripts), registry.WithPolicies(policyCompiler{}))
	var paths []string
	for _, arg := range args {
		if isURL(arg) {
			return usage("%s is a URL; download it first, or import it", arg)
		}
		found, err := descriptions(arg)
		if err != nil {
			return fmt.Errorf("look for descriptions: %w", err)
		}
		paths = append(paths, found...)
	}
	printer := a.verdictPrinter(f.all, len(paths))
	failed := false
	err = eachVerdict(ctx, paths, f.jobs, options, func(v verdict) error {
		failed = failed || v.failed()
		return printer.print(v)
	})
	if err != nil {
		return err
	}
	if err := printer.end(); err != nil {
		return err
	}
	if failed {
		return errReported
	}
	return nil
}

// policyCompiler tries policies as the runtime does.
type policyCompiler struct{}

// CheckPolicies implements [registry.PolicyCompiler].
func (policyCompiler) CheckPolicies(_ context.Context, list []*connectorv1.Policy) ([]registry.PolicyFault, error) {
	var faults []registry.PolicyFault
	for _, f := range runtimeproxy.CheckPolicies(list) {
		faults = append(faults, registry.PolicyFault{Index: f.Index, Message: f.Message})
	}
	return faults, nil
}

// options checks what was asked for.
func (f validateFlags) options() ([]registry.ValidateOption, error) {
	if f.jobs < 1 || f.jobs > maxJobs {
		return nil, usage("--jobs must be 1 to %d, not %d", maxJobs, f.jobs)
	}
	var sets []registry.RuleSet
	for _, name := range f.rules {
		set, err := registry.ParseRuleSet(name)
		if err != nil {
			return nil, usage("--rules: %s", fault.From(err).Message())
		}
		sets = append(sets, set)
	}
	return []registry.ValidateOption{registry.WithRules(sets...), registry.WithSelection(f.only, f.except)}, nil
}

// eachVerdict looks at descriptions, as many at a time as there are jobs, and
// hands out what it finds in their order. It stops when ctx ends.
func eachVerdict(ctx context.Context, paths []string, jobs int, options []registry.ValidateOption, do func(verdict) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	// The slots keep the order; no more of them are open than there are jobs.
	slots := make(chan chan verdict, jobs-1)
	workers.Go(func() {
		defer close(slots)
		for _, path := range paths {
			slot := make(chan verdict, 1)
			select {
			case slots <- slot:
			case <-ctx.Done():
				return
			}
			workers.Go(func() { slot <- validateOne(ctx, path, options) })
		}
	})
	for slot := range slots {
		if err := do(<-slot); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// verdict is what validate found about one description.
type verdict struct {
	Path     string           `json:"path"`
	Format   string           `json:"format,omitempty"`
	Title    string           `json:"title,omitempty"`
	Actions  int              `json:"actions"`
	Triggers int              `json:"triggers"`
	Findings []findingVerdict `json:"findings"`
	Error    string           `json:"error,omitempty"`

	// fault is the error with its place.
	fault *fault.Error
	// hint is what to do besides; "" for nothing.
	hint string
	// directory is whether Path is one: findings have paths inside it.
	directory bool
	// only is the only file of a description.
	only string
	// along is whether Path is a document that brought others along: findings have
	// paths inside its directory.
	along bool
}

// findingVerdict is one finding.
type findingVerdict struct {
	Severity string `json:"severity"`
	Code     string `json:"code"`
	Message  string `json:"message"`
	Remedy   string `json:"remedy,omitempty"`
	Path     string `json:"path,omitempty"`
	Pointer  string `json:"pointer"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
}

// failed reports whether the description cannot be imported or has an error.
func (v verdict) failed() bool { return v.Error != "" || v.count(registry.Error) > 0 }

// count returns how many findings are this bad.
func (v verdict) count(s registry.Severity) int {
	n := 0
	for _, f := range v.Findings {
		if f.Severity == severityWords[s] {
			n++
		}
	}
	return n
}

var severityWords = map[registry.Severity]string{registry.Info: "info", registry.Warning: "warning", registry.Error: "error"}

func validateOne(ctx context.Context, path string, options []registry.ValidateOption) verdict {
	v := verdict{Path: path, Findings: []findingVerdict{}, directory: isDir(path)}
	sent, err := sources.Read(path)
	if err == nil {
		files := make([]registry.File, 0, len(sent.GetFiles()))
		for _, f := range sent.GetFiles() {
			files = append(files, registry.File{Path: f.GetPath(), Content: f.GetContent()})
		}
		if len(files) == 1 {
			v.only = files[0].Path
		}
		v.along = len(files) > 1 && !v.directory
		v.hint = hintAbove(path, sent)
		var report registry.Report
		report, err = registry.Validate(ctx, files, options...)
		v.Format, v.Title, v.Actions, v.Triggers = string(report.Format), report.Title, report.Actions, report.Triggers
		for _, f := range report.Findings {
			v.Findings = append(v.Findings, findingVerdict{
				Severity: severityWords[f.Severity], Code: f.Code, Message: f.Message, Remedy: f.Remedy,
				Path: f.Path, Pointer: f.Pointer, Line: f.Line, Column: f.Column,
			})
		}
	}
	if err != nil {
		v.Error, v.fault = errorText(err), fault.From(err)
	}
	return v
}

// errorText is an error on one line, with its place and reason.
func errorText(err error) string {
	f := fault.From(err)
	if f.Reason() == fault.ReasonInternal {
		return err.Error() // of the disk, not of a service
	}
	text := f.Message()
	if line := f.Meta()["line"]; line != "" {
		text += fmt.Sprintf(" (line %s, column %s)", line, f.Meta()["column"])
	}
	return text + " [" + string(f.Reason()) + "]"
}

// buildVersion is the version of the program; "" in development.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "(devel)" {
		return ""
	}
	return info.Main.Version
}

// sarifLevels are the words of SARIF for severities.
var sarifLevels = map[string]sarif.Level{"info": sarif.Note, "warning": sarif.Warning, "error": sarif.Error}
