// Package sources reads descriptions of APIs from the user's disk.
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

// Limits of one description; the registry has the same.
const (
	// MaxFile bounds one file in bytes.
	MaxFile = 20 << 20
	// maxFiles bounds the files of one directory.
	maxFiles = 256
)

// extensions are the kinds of files that belong to a description; whatever else
// lies in its directory (icons, readme files) stays where it is.
var extensions = []string{".json", ".yaml", ".yml", ".csx"}

// Read returns the files of the description at path: the file itself, or all
// files of a directory that can belong to a description, without its
// subdirectories.
func Read(path string) (*registryv1.SourceFiles, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read description: %w", err)
	}
	if !info.IsDir() {
		file, err := readFile(path, info)
		if err != nil {
			return nil, err
		}
		return &registryv1.SourceFiles{Files: []*registryv1.SourceFile{file}}, nil
	}
	return readDir(path)
}

func readDir(dir string) (*registryv1.SourceFiles, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read description: %w", err)
	}
	files := &registryv1.SourceFiles{}
	for _, entry := range entries {
		if !belongs(entry) {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return nil, fmt.Errorf("read description: %w", err)
		}
		file, err := readFile(filepath.Join(dir, entry.Name()), info)
		if err != nil {
			return nil, err
		}
		files.Files = append(files.Files, file)
	}
	if len(files.GetFiles()) == 0 {
		return nil, fmt.Errorf("read description: %s holds no %s file", dir, strings.Join(extensions, ", "))
	}
	if len(files.GetFiles()) > maxFiles {
		return nil, fault.Invalid(fault.ReasonDocumentTooLarge, "%s holds more than %d files; name the document itself", dir, maxFiles)
	}
	return files, nil
}

func belongs(entry fs.DirEntry) bool {
	return entry.Type().IsRegular() && slices.Contains(extensions, strings.ToLower(filepath.Ext(entry.Name())))
}

func readFile(path string, info fs.FileInfo) (*registryv1.SourceFile, error) {
	if info.Size() > MaxFile {
		return nil, fault.Invalid(fault.ReasonDocumentTooLarge, "%s is larger than %d MiB", path, MaxFile>>20).
			With("limit", strconv.Itoa(MaxFile))
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read description: %w", err)
	}
	return &registryv1.SourceFile{Path: filepath.Base(path), Content: content}, nil
}
