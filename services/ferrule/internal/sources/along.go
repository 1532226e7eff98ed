package sources

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry"
)

// MaxTotal bounds the files that come along with a document, and the document, in
// bytes.
const MaxTotal = 128 << 20

// first is what only the first document of a description has.
var first = regexp.MustCompile(`(?m)(?:^|[{,\s])["']?(swagger|openapi)["']?[ \t]*:`)

// Above returns the first reference of the files that leads above their
// directory, as it is written, or "".
func Above(files *registryv1.SourceFiles) string {
	for _, f := range files.GetFiles() {
		for _, ref := range references(f) {
			if strings.HasPrefix(path.Join(path.Dir(f.GetPath()), ref), "../") {
				return ref
			}
		}
	}
	return ""
}

// references are those of a JSON or YAML document.
func references(f *registryv1.SourceFile) []string {
	if !isDocument(f.GetPath()) {
		return nil
	}
	return registry.References(registry.File{Path: f.GetPath(), Content: f.GetContent()})
}

// isDocument reports whether a file may hold a part of a description.
func isDocument(name string) bool {
	return slices.Contains([]string{".json", ".yaml", ".yml"}, strings.ToLower(path.Ext(name)))
}

// along adds to a document what it refers to, and what that refers to: JSON and
// YAML files below its directory, neither hidden nor by way of symbolic links. A
// reference to anything else is left for the import to report.
func along(files *registryv1.SourceFiles, dir string) error {
	if !first.Match(files.GetFiles()[0].GetContent()) {
		return nil // a part of a description does not bring along the whole
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("read description: %w", err)
	}
	defer func() { _ = root.Close() }()
	seen := map[string]bool{files.GetFiles()[0].GetPath(): true}
	leads := map[string][]string{} // from one path to others
	total := len(files.GetFiles()[0].GetContent())
	for i := 0; i < len(files.GetFiles()); i++ {
		from := files.GetFiles()[i]
		for _, ref := range references(from) {
			name := locate(root, path.Dir(from.GetPath()), ref)
			if name == "" || name == from.GetPath() {
				continue
			}
			leads[from.GetPath()] = append(leads[from.GetPath()], name)
			if seen[name] {
				continue
			}
			seen[name] = true
			content, err := open(root, name)
			if err != nil {
				return err
			}
			total += len(content)
			if err := fits(files, total); err != nil {
				return err
			}
			files.Files = append(files.Files, &registryv1.SourceFile{Path: name, Content: content})
		}
	}
	oneFirst(files, leads)
	return nil
}

// fits reports whether one more file has room.
func fits(files *registryv1.SourceFiles, total int) error {
	named := files.GetFiles()[0].GetPath()
	if total > MaxTotal {
		return tooLarge(fmt.Sprintf("%s and what it refers to have more than %d MiB together", named, MaxTotal>>20), MaxTotal)
	}
	if len(files.GetFiles()) == MaxFiles {
		return tooLarge(fmt.Sprintf("%s refers to more than %d files", named, MaxFiles-1), MaxFiles)
	}
	return nil
}

func tooLarge(what string, limit int) error {
	return fault.Invalid(fault.ReasonDocumentTooLarge, "%s; import a smaller description", what).With("limit", strconv.Itoa(limit))
}

// locate returns the path of the file that a reference leads to, or "". Some
// references are escaped, some are not, and some have the separators of Windows.
func locate(root *os.Root, dir, ref string) string {
	names := []string{ref, strings.ReplaceAll(ref, `\`, "/")}
	if plain, err := url.PathUnescape(ref); err == nil {
		names = append(names, plain)
	}
	for _, name := range names {
		if name = path.Join(dir, name); isDocument(name) && isPlain(root, name) {
			return name
		}
	}
	return ""
}

// isPlain reports whether there is a file, and nothing on the way to it is hidden
// or a symbolic link.
func isPlain(root *os.Root, name string) bool {
	if !fs.ValidPath(name) || strings.Count(name, "/") >= maxDepth {
		return false
	}
	for end := range len(name) + 1 {
		if end < len(name) && name[end] != '/' {
			continue
		}
		part := name[:end]
		info, err := root.Lstat(filepath.FromSlash(part))
		if err != nil || strings.HasPrefix(path.Base(part), ".") {
			return false
		}
		if end == len(name) {
			return info.Mode().IsRegular()
		}
		if !info.IsDir() {
			return false
		}
	}
	return false
}

func open(root *os.Root, name string) ([]byte, error) {
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, fmt.Errorf("read description: %w", err)
	}
	content, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read description: %w", err)
	}
	if len(content) > MaxFile {
		return nil, tooLarge(fmt.Sprintf("%s is larger than %d MiB", name, MaxFile>>20), MaxFile)
	}
	return content, nil
}

// oneFirst leaves out documents that could be imported themselves where nobody
// could tell which one was meant: those that refer to the named one, those that
// only parts refer to, and those of another format.
func oneFirst(files *registryv1.SourceFiles, leads map[string][]string) {
	named := files.GetFiles()[0].GetPath()
	for {
		referred := map[string]bool{}
		for _, f := range files.GetFiles() {
			if !first.Match(f.GetContent()) {
				continue
			}
			for _, to := range leads[f.GetPath()] {
				referred[to] = true
			}
		}
		before := len(files.GetFiles())
		files.Files = slices.DeleteFunc(files.GetFiles(), func(f *registryv1.SourceFile) bool {
			return f.GetPath() != named && first.Match(f.GetContent()) &&
				(!referred[f.GetPath()] || slices.Contains(leads[f.GetPath()], named) || formatOf(f) != formatOf(files.GetFiles()[0]))
		})
		if len(files.GetFiles()) == before {
			return
		}
	}
}

// formatOf is the word by which a first document names its format.
func formatOf(f *registryv1.SourceFile) string {
	if found := first.FindSubmatch(f.GetContent()); found != nil {
		return string(found[1])
	}
	return ""
}
