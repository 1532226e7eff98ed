// Package sarif writes findings in the Static Analysis Results Interchange Format
// (SARIF 2.1.0), which code hosts and editors show beside the lines that they are
// about.
//
// [Encode] makes one log with one run of a list of [Finding]. Only the part of
// the format that says something about findings is there.
//
//	err := sarif.Encode(out, sarif.Tool{Name: "ferrule"}, findings)
package sarif

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// What the format is called.
const (
	version = "2.1.0"
	schema  = "https://json.schemastore.org/sarif-2.1.0.json"
)

// Level says how bad a finding is, in the words of the format.
type Level string

// The levels.
const (
	Note    Level = "note"
	Warning Level = "warning"
	Error   Level = "error"
)

// Tool is the program that found something.
type Tool struct {
	// Name is required.
	Name string
	// Version is left out if empty.
	Version string
}

// Finding is one result.
type Finding struct {
	// Rule is its stable code, in PascalCase.
	Rule string
	// Level is one of the levels.
	Level Level
	// Message says what was found.
	Message string
	// Remedy says how to fix it; it may be empty.
	Remedy string
	// Path is the file, with "/" between its parts, relative to the directory in
	// which the log is read, or absolute.
	Path string
	// Line and Column start at 1; 0 if unknown.
	Line, Column int
	// Pointer is a JSON pointer into the file; "" is all of it.
	Pointer string
}

// Encode writes the findings as one log, in their order. Rules are sorted by
// their codes. The same findings give the same bytes.
func Encode(out io.Writer, tool Tool, findings []Finding) error {
	rules, index := rulesOf(findings)
	r := run{
		Tool:       component{Driver: driver{Name: tool.Name, Version: tool.Version, Rules: rules}},
		ColumnKind: "unicodeCodePoints",
		Results:    make([]result, 0, len(findings)),
	}
	seen := map[string]int{}
	for i := range findings {
		r.Results = append(r.Results, resultOf(&findings[i], index, seen))
	}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	if err := e.Encode(log{Schema: schema, Version: version, Runs: []run{r}}); err != nil {
		return fmt.Errorf("write SARIF: %w", err)
	}
	return nil
}

// rulesOf returns the rules that findings break, and where each is in the list.
// The level of a rule is that of its worst finding.
func rulesOf(findings []Finding) (rules []rule, index map[string]int) {
	levels := map[string]Level{}
	for _, f := range findings {
		if rank(f.Level) > rank(levels[f.Rule]) {
			levels[f.Rule] = f.Level
		}
	}
	rules = make([]rule, 0, len(levels))
	for id, level := range levels {
		rules = append(rules, rule{ID: id, ShortDescription: text{words(id)}, DefaultConfiguration: configuration{level}})
	}
	slices.SortFunc(rules, func(a, b rule) int { return cmp.Compare(a.ID, b.ID) })
	index = make(map[string]int, len(rules))
	for i, r := range rules {
		index[r.ID] = i
	}
	return rules, index
}

func rank(l Level) int { return slices.Index([]Level{Note, Warning, Error}, l) + 1 }

func resultOf(f *Finding, index map[string]int, seen map[string]int) result {
	message := sentence(f.Message)
	if f.Remedy != "" {
		message += " Fix: " + sentence(f.Remedy)
	}
	place := location{Physical: physical{Artifact: artifact{URI: uri(f.Path)}}}
	if f.Line > 0 {
		place.Physical.Region = &region{Line: f.Line, Column: max(f.Column, 1)}
	}
	if f.Pointer != "" {
		place.Logical = []logical{{Name: f.Pointer, Kind: "member"}}
	}
	return result{
		RuleID: f.Rule, RuleIndex: index[f.Rule], Level: f.Level, Message: text{message}, Locations: []location{place},
		Fingerprints: map[string]string{"findingHash/v1": fingerprint(f, seen)},
	}
}

// fingerprint is the same for a finding after lines above it have moved: it is
// made of rule, file and pointer, and a number where these are not unique.
func fingerprint(f *Finding, seen map[string]int) string {
	key := strings.Join([]string{f.Rule, f.Path, f.Pointer}, "\x00")
	seen[key]++
	sum := sha256.Sum256([]byte(key + "\x00" + strconv.Itoa(seen[key])))
	return hex.EncodeToString(sum[:16])
}

// uri is a path as a URI reference. One that starts with a name and a colon would
// be read as a scheme.
func uri(p string) string {
	u := url.URL{Path: path.Clean(p)}
	if path.IsAbs(p) {
		u.Scheme = "file"
	}
	return u.String()
}

// sentence starts with a capital letter and ends with a full stop.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return s
	}
	runes := []rune(s)
	runes[0] = unicode.ToUpper(runes[0])
	if !strings.ContainsRune(".!?", runes[len(runes)-1]) {
		runes = append(runes, '.')
	}
	return string(runes)
}

// words writes a code in PascalCase as a sentence: "PathRedefined" becomes "Path
// redefined".
func words(code string) string {
	runes := []rune(code)
	var b strings.Builder
	for i, r := range runes {
		starts := i > 0 && unicode.IsUpper(r) && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		if starts {
			b.WriteByte(' ')
			if i+1 < len(runes) && !unicode.IsUpper(runes[i+1]) {
				r = unicode.ToLower(r)
			}
		}
		b.WriteRune(r)
	}
	return sentence(b.String())
}
