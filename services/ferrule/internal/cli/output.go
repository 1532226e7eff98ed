package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf16"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// json reports whether the output is for machines.
func (a *app) json() bool { return a.output == "json" }

// printMessage writes a message as one line of JSON.
func (a *app) printMessage(m proto.Message) error {
	line, err := oneLine(m)
	if err != nil {
		return fmt.Errorf("encode output: %w", err)
	}
	_, err = a.Out.Write(line)
	return err
}

// oneLine is a message as one line of JSON. protojson varies its spacing on purpose;
// machines get one fixed form.
func oneLine(m proto.Message) ([]byte, error) {
	data, err := protojson.Marshal(m)
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		return nil, err
	}
	compact.WriteByte('\n')
	return compact.Bytes(), nil
}

// printf writes to the output what a terminal shows, see [visible].
func (a *app) printf(format string, args ...any) {
	_, _ = io.WriteString(a.Out, visible(fmt.Sprintf(format, args...)))
}

// progress tells people what is going on, where it does not disturb results. Like
// printf it writes what a terminal shows.
func (a *app) progress(format string, args ...any) {
	_, _ = io.WriteString(a.Err, visible(fmt.Sprintf(format, args...))+"\n")
}

// visible escapes what a terminal would obey instead of showing: control
// characters, and those that change the direction of text. Titles and texts come
// from descriptions that anybody may have written.
func visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) || unicode.IsSpace(r) && !unicode.IsControl(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, "\\u%04x", unit) // in JSON, still the same text
		}
	}
	return b.String()
}

// listing prints resources: a table for people, one line of JSON each for
// machines.
type listing struct {
	app  *app
	rows [][]string
}

// listing starts a list with these headings.
func (a *app) listing(headings ...string) *listing {
	return &listing{app: a, rows: [][]string{headings}}
}

// add takes one resource, and what people see of it.
func (l *listing) add(m proto.Message, row []string) error {
	if l.app.json() {
		return l.app.printMessage(m)
	}
	l.rows = append(l.rows, row)
	return nil
}

// end prints what is not printed yet; for people, none says that there is
// nothing.
func (l *listing) end(none string) error {
	switch {
	case l.app.json():
		return nil
	case len(l.rows) == 1:
		l.app.progress("%s", none)
		return nil
	}
	return l.app.table(l.rows)
}

// table writes aligned rows; the first is the heading.
func (a *app) table(rows [][]string) error { return writeTable(a.Out, rows) }

func writeTable(out io.Writer, rows [][]string) error {
	var aligned bytes.Buffer
	w := tabwriter.NewWriter(&aligned, 0, 4, 2, ' ', 0)
	for _, row := range rows {
		// With all its tabs: a row that ends early would end the columns of those below.
		if _, err := fmt.Fprintln(w, visible(strings.Join(row, "\t"))); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(aligned.String()) {
		if _, err := fmt.Fprintln(out, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// id is the last part of a resource name.
func id(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// short cuts a text for one line of a table.
func short(text string, limit int) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return text
}

// plural writes a number with its noun.
func plural[N int | int32 | int64](n N, noun string) string {
	if n == 1 {
		return fmt.Sprintf("1 %s", noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// enumWord turns SUBSCRIPTION_STATE_ACTIVE into "active".
func enumWord(value fmt.Stringer, prefix string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(value.String(), prefix), "_", " "))
}
