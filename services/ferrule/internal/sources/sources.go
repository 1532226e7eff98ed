// Package sources reads the files of an API description from disk.
//
// [Read] takes a file or a directory, and leaves out what does not belong to a
// description. [Write] puts files that a server sent into a directory.
package sources

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// The limits of a description. They are the registry's.
const (
	// MaxFile bounds one file in bytes.
	MaxFile = 64 << 20
	// MaxFiles bounds the files of one description.
	MaxFiles = 4096
	// maxDepth bounds how many directories may lie inside each other.
	maxDepth = 32
	// maxPicture bounds a picture in bytes; larger ones are left where they are.
	maxPicture = 1 << 20
)

var (
	// documents are the kinds of files that belong to a description; whatever
	// else lies in its directory (readme files, tests) stays where it is.
	documents = []string{".json", ".yaml", ".yml", ".csx"}
	// customCode is the one JavaScript file of a description; others are somebody's
	// program.
	customCode = "script.js"
	// pictures belong to it if they are called icon or logo.
	pictures = []string{".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg"}
)

// Read returns the files of the description at path: the file itself, which may
// be a ZIP archive, or a document with what it refers to in its directory, or all
// files below a directory that can belong to a description. Hidden files and
// symbolic links are left out. The file that was named is the first. The files
// named with it come along under their own names.
func Read(path string, with ...string) (*registryv1.SourceFiles, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read description: %w", err)
	}
	files, dir := &registryv1.SourceFiles{}, filepath.Dir(path)
	if info.IsDir() {
		dir = path
		files, err = readDir(path)
	} else if err = add(files, path, filepath.Base(path)); err == nil && isDocument(path) {
		err = along(files, dir)
	}
	if err != nil {
		return nil, err
	}
	for _, extra := range with {
		if slices.ContainsFunc(files.GetFiles(), func(f *registryv1.SourceFile) bool { return isSame(dir, f.GetPath(), extra) }) {
			continue // the description has brought it along
		}
		if err := add(files, extra, filepath.Base(extra)); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// isSame reports whether a file of the description in dir is another one that was
// named.
func isSame(dir, name, other string) bool {
	a, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		return false
	}
	b, err := os.Stat(other)
	return err == nil && os.SameFile(a, b)
}

// ReadAll returns all files below a directory that [Write] has filled.
func ReadAll(dir string) (*registryv1.SourceFiles, error) {
	files := &registryv1.SourceFiles{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("read source: %w", err)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return fmt.Errorf("read source: %w", err)
		}
		return add(files, path, filepath.ToSlash(relative))
	})
	return files, err
}

func readDir(dir string) (*registryv1.SourceFiles, error) {
	files := &registryv1.SourceFiles{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("read description: %w", err)
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return fmt.Errorf("read description: %w", err)
		}
		hidden := strings.HasPrefix(entry.Name(), ".") && relative != "."
		if entry.IsDir() {
			if hidden || strings.Count(relative, string(filepath.Separator)) >= maxDepth {
				return filepath.SkipDir
			}
			return nil
		}
		if hidden || !belongs(entry) {
			return nil
		}
		return add(files, path, filepath.ToSlash(relative))
	})
	if err != nil {
		return nil, err
	}
	if len(files.GetFiles()) == 0 {
		return nil, fmt.Errorf("read description: %s holds no %s file", dir, strings.Join(documents, ", "))
	}
	return files, nil
}

// belongs reports whether a file of a directory can be part of a description.
func belongs(entry fs.DirEntry) bool {
	extension := strings.ToLower(filepath.Ext(entry.Name()))
	if !entry.Type().IsRegular() {
		return false
	}
	if slices.Contains(documents, extension) || strings.EqualFold(entry.Name(), customCode) {
		return true
	}
	name := strings.ToLower(strings.TrimSuffix(entry.Name(), filepath.Ext(entry.Name())))
	if !slices.Contains(pictures, extension) || (name != "icon" && name != "logo") {
		return false
	}
	info, err := entry.Info()
	return err == nil && info.Size() <= maxPicture
}

// add reads one file.
func add(files *registryv1.SourceFiles, path, name string) error {
	if len(files.GetFiles()) == MaxFiles {
		return fault.Invalid(fault.ReasonDocumentTooLarge,
			"there are more than %d files; name the document itself", MaxFiles).With("limit", strconv.Itoa(MaxFiles))
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read description: %w", err)
	}
	if info.Size() > MaxFile {
		return fault.Invalid(fault.ReasonDocumentTooLarge, "%s is larger than %d MiB", path, MaxFile>>20).
			With("limit", strconv.Itoa(MaxFile))
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read description: %w", err)
	}
	files.Files = append(files.Files, &registryv1.SourceFile{Path: name, Content: content})
	return nil
}

// Write puts files into a directory, which is made if it does not exist. Files
// that are there are replaced. Paths that leave the directory are refused.
func Write(dir string, files []*registryv1.SourceFile) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // descriptions are no secrets
		return fmt.Errorf("write description: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("write description: %w", err)
	}
	defer func() { _ = root.Close() }()
	for _, f := range files {
		if err := root.MkdirAll(filepath.Dir(filepath.FromSlash(f.GetPath())), 0o755); err != nil {
			return fmt.Errorf("write description: %w", err)
		}
		if err := root.WriteFile(filepath.FromSlash(f.GetPath()), f.GetContent(), 0o644); err != nil {
			return fmt.Errorf("write description: %w", err)
		}
	}
	return nil
}

// WriteFile writes one file; directories above it are made.
func WriteFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // descriptions are no secrets
		return fmt.Errorf("write file: %w", err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil { //nolint:gosec // nor are these
		return fmt.Errorf("write file: %w", err)
	}
	return nil
}
