// Package scriptfile takes custom code out of the files of a description: a file
// called "script.js" beside the document runs before, after or instead of the
// calls of its operations.
//
// [Find] returns it as the model has it. Code that cannot be read has no source
// there: nothing runs it, and the operations that it handles cannot be called,
// since without their code they would do something else. [Fault] says why.
package scriptfile

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

const (
	// Name is what the file is called, in any case.
	Name = "script.js"
	// Language is the model's word for what it holds.
	Language = "javascript"
	// MaxBytes is the greatest length of custom code: what the sandbox takes.
	MaxBytes = 1 << 20
)

// Find returns the custom code in the folder of the document with the path
// beside, for all operations; nil if there is none. Of names that differ in case
// only, the first in the order of the files counts.
func Find(src *format.Source, beside string) *connectorv1.Script {
	for _, f := range src.Files() {
		if path.Dir(f.Path) != path.Dir(beside) || !strings.EqualFold(path.Base(f.Path), Name) {
			continue
		}
		script := &connectorv1.Script{Language: Language, Path: f.Path}
		if Fault(f.Content) == "" {
			script.Source = string(f.Content)
		}
		return script
	}
	return nil
}

// Fault says why a file cannot be custom code, as the end of a sentence that
// begins with its name; "" if it can.
func Fault(content []byte) string {
	switch {
	case len(content) > MaxBytes:
		return fmt.Sprintf("has %d bytes, and at most %d are accepted", len(content), MaxBytes)
	case !utf8.Valid(content):
		return "is not UTF-8"
	case strings.TrimSpace(string(content)) == "":
		return "is empty"
	}
	return ""
}
