package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"golang.org/x/term"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/sarif"
	"github.com/ferrule-dev/ferrule/services/registry"
)

// shownFindings is how many findings of one description people see unless they
// ask for all.
const shownFindings = 20

// verdictPrinter prints verdicts in the output format that was asked for.
type verdictPrinter struct {
	app   *app
	all   bool
	color bool
	// total is how many verdicts there will be; done how many there were.
	total, done int
	// progress is whether a person waits in front of a terminal.
	progress bool
	refused  int
	counts   map[string]int
	sarif    []sarif.Finding
}

func (a *app) verdictPrinter(all bool, total int) *verdictPrinter {
	return &verdictPrinter{
		app: a, all: all, total: total, counts: map[string]int{},
		color:    isTerminal(a.Out) && os.Getenv("NO_COLOR") == "",
		progress: total > 1 && isTerminal(a.Err) && !isTerminal(a.Out),
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (p *verdictPrinter) print(v verdict) error {
	p.done++
	for _, f := range v.Findings {
		p.counts[f.Severity]++
	}
	if v.Error != "" {
		p.refused++
	}
	if p.progress {
		_, _ = fmt.Fprintf(p.app.Err, "\r%d of %d", p.done, p.total)
	}
	switch p.app.output {
	case "json":
		return p.printJSON(v)
	case sarifOutput:
		p.sarif = append(p.sarif, v.sarif()...)
		return nil
	}
	p.printText(v)
	if v.hint != "" {
		p.app.progress("%s", v.hint)
	}
	return nil
}

func (p *verdictPrinter) printJSON(v verdict) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode output: %w", err)
	}
	p.app.printf("%s\n", data)
	return nil
}

// end prints what is about all descriptions.
func (p *verdictPrinter) end() error {
	if p.progress {
		_, _ = io.WriteString(p.app.Err, "\n")
	}
	switch p.app.output {
	case "json":
		return nil
	case sarifOutput:
		return sarif.Encode(p.app.Out, sarif.Tool{Name: "ferrule", Version: buildVersion()}, p.sarif)
	}
	if p.total == 1 {
		return nil
	}
	p.app.printf("%s, %d of them refused: %s\n", plural(p.total, "description"), p.refused, tally(func(s registry.Severity) int { return p.counts[severityWords[s]] }))
	return nil
}

// tally is how many findings of each severity there are, worst first.
func tally(count func(registry.Severity) int) string {
	return plural(count(registry.Error), "error") + ", " + plural(count(registry.Warning), "warning") + ", " + plural(count(registry.Info), "note")
}

func (p *verdictPrinter) printText(v verdict) {
	if v.Error != "" {
		p.app.printf("%s: cannot be imported\n", v.errorPlace())
		p.paint("error", "  error: ")
		p.app.printf("%s\n", v.Error)
		return
	}
	p.app.printf("%s: %s (%s), %s and %s: %s\n", v.Path, cmp.Or(v.Title, "no title"), v.Format, plural(v.Actions, "action"),
		plural(v.Triggers, "trigger"), tally(v.count))
	shown := v.Findings
	if !p.all && len(shown) > shownFindings {
		shown = shown[:shownFindings]
	}
	for _, f := range shown {
		p.app.printf("%s: ", v.place(f))
		p.paint(f.Severity, f.Severity)
		p.app.printf(" %s %s\n", f.Code, f.Message)
		if f.Remedy != "" {
			p.app.printf("    fix: %s\n", f.Remedy)
		}
	}
	if n := len(v.Findings) - len(shown); n > 0 {
		p.app.printf("  … and %d more; --all shows them\n", n)
	}
}

// colors are those of severities, in the codes of terminals: red, yellow, cyan.
var colors = map[string]string{"error": "31", "warning": "33", "info": "36"}

// paint writes a word of ours in the colour of a severity.
func (p *verdictPrinter) paint(severity, text string) {
	if p.color {
		text = "\x1b[" + colors[severity] + "m" + text + "\x1b[0m"
	}
	_, _ = io.WriteString(p.app.Out, text)
}

// file is the path of a finding's file, from where the command was called.
func (v verdict) file(f string) string {
	f = cmp.Or(f, v.only)
	switch {
	case f == "":
		return v.Path
	case v.along && f != filepath.Base(v.Path):
		return filepath.Join(filepath.Dir(v.Path), filepath.FromSlash(f))
	case !v.directory:
		return v.Path
	}
	return filepath.Join(v.Path, filepath.FromSlash(f))
}

// place is "file:line:column" as editors understand it.
func (v verdict) place(f findingVerdict) string {
	text := v.file(f.Path)
	if f.Line > 0 {
		text += ":" + strconv.Itoa(f.Line) + ":" + strconv.Itoa(f.Column)
	}
	return text
}

// errorPlace is place for what refuses the description.
func (v verdict) errorPlace() string { return v.place(v.refusal()) }

// refusal is the error that refuses the description as a finding.
func (v verdict) refusal() findingVerdict {
	meta := v.fault.Meta()
	line, _ := strconv.Atoi(meta["line"])
	column, _ := strconv.Atoi(meta["column"])
	return findingVerdict{
		Severity: "error", Code: pascal(string(v.fault.Reason())), Message: v.Error, Path: meta["path"], Pointer: meta["pointer"],
		Line: line, Column: column,
	}
}

// pascal writes a reason as a code: "DOCUMENT_SYNTAX" is "DocumentSyntax".
func pascal(reason string) string {
	out, start := make([]byte, 0, len(reason)), true
	for i := range len(reason) {
		c := reason[i]
		switch {
		case c == '_':
			start = true
			continue
		case !start && c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		}
		out, start = append(out, c), false
	}
	return string(out)
}

// sarif is the verdict as results.
func (v verdict) sarif() []sarif.Finding {
	findings := v.Findings
	if v.Error != "" {
		findings = []findingVerdict{v.refusal()}
	}
	list := make([]sarif.Finding, 0, len(findings))
	for _, f := range findings {
		list = append(list, sarif.Finding{
			Rule: f.Code, Level: sarifLevels[f.Severity], Message: f.Message, Remedy: f.Remedy,
			Path: path.Clean(filepath.ToSlash(v.file(f.Path))), Line: f.Line, Column: f.Column, Pointer: f.Pointer,
		})
	}
	return list
}
