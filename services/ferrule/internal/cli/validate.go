package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/sources"
	"github.com/ferrule-dev/ferrule/services/registry"
)

func (a *app) validate() *cobra.Command {
	return &cobra.Command{
		Use:   "validate PATH...",
		Short: "Say what an import would find, without a server",
		Long: `Validate reads descriptions exactly as import does and prints what it finds:
what was repaired or ignored, where, and how to fix it. With -o json it prints
one line for each description. The exit code is 1 if any cannot be imported.`,
		Example: `  ferrule validate api.swagger.json
  ferrule validate -o json packages/*`,
		Args: minArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			failed := false
			for _, path := range args {
				if cmd.Context().Err() != nil {
					return cmd.Context().Err()
				}
				v := validateOne(cmd.Context(), path)
				if err := a.printVerdict(v); err != nil {
					return err
				}
				failed = failed || v.failed()
			}
			if failed {
				return errReported
			}
			return nil
		},
	}
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

// failed reports whether the description cannot be imported.
func (v verdict) failed() bool {
	for _, f := range v.Findings {
		if f.Severity == severityWords[registry.Error] {
			return true
		}
	}
	return v.Error != ""
}

var severityWords = map[registry.Severity]string{registry.Info: "info", registry.Warning: "warning", registry.Error: "error"}

func validateOne(ctx context.Context, path string) verdict {
	v := verdict{Path: path, Findings: []findingVerdict{}}
	sent, err := sources.Read(path)
	if err == nil {
		files := make([]registry.File, 0, len(sent.GetFiles()))
		for _, f := range sent.GetFiles() {
			files = append(files, registry.File{Path: f.GetPath(), Content: f.GetContent()})
		}
		var report registry.Report
		report, err = registry.Validate(ctx, files)
		v.Format, v.Title, v.Actions, v.Triggers = string(report.Format), report.Title, report.Actions, report.Triggers
		for _, f := range report.Findings {
			v.Findings = append(v.Findings, findingVerdict{
				Severity: severityWords[f.Severity], Code: f.Code, Message: f.Message, Remedy: f.Remedy,
				Path: f.Path, Pointer: f.Pointer, Line: f.Line, Column: f.Column,
			})
		}
	}
	if err != nil {
		v.Error = errorText(err)
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

func (a *app) printVerdict(v verdict) error {
	if a.json() {
		data, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode output: %w", err)
		}
		a.printf("%s\n", data)
		return nil
	}
	if v.Error != "" {
		a.printf("%s: cannot be imported\n", v.Path)
		a.printf("  error: %s\n", v.Error)
		return nil
	}
	a.printf("%s: %s (%s), %s and %s, %s\n", v.Path, v.Title, v.Format, plural(v.Actions, "action"), plural(v.Triggers, "trigger"),
		plural(len(v.Findings), "finding"))
	for _, f := range v.Findings {
		a.printf("  %s %s %s%s\n    %s\n", f.Severity, f.Code, f.place(), f.Pointer, f.Message)
		if f.Remedy != "" {
			a.printf("    fix: %s\n", f.Remedy)
		}
	}
	return nil
}

// place is "file:line:column " as editors understand it.
func (f findingVerdict) place() string {
	text := f.Path
	if f.Line > 0 {
		text += ":" + strconv.Itoa(f.Line) + ":" + strconv.Itoa(f.Column)
	}
	if text != "" {
		text += " "
	}
	return text
}
