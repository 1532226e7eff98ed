package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The limits of looking for descriptions.
const (
	// maxDescriptions is how many one directory may hold.
	maxDescriptions = 100_000
	// maxLevels is how deep they may lie.
	maxLevels = 16
	// headBytes is how much of a file is looked at to see what it is.
	headBytes = 64 << 10
)

// entry is what only the first document of a description has near its start.
var entry = regexp.MustCompile(`(?m)(?:^|[{,\s])["']?(?:swagger|openapi|swaggerVersion)["']?[ \t]*:|schema\.getpostman\.com|"_postman_id"|"requests"\s*:`)

// descriptions returns the paths of the descriptions at a path, sorted: the file
// or directory itself, or, of a directory that is none itself, those inside it.
func descriptions(root string) ([]string, error) {
	if !isDir(root) {
		return []string{root}, nil // whether it exists is found out by reading it
	}
	var found []string
	if err := search(root, 0, &found); err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return []string{root}, nil // reading it says what is missing
	}
	return found, nil
}

// search adds the descriptions in a directory. One that holds a package, or one
// first document, is a description; each of several first documents is one.
func search(dir string, level int, found *[]string) error {
	items, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	documents, isPackage, err := firstDocuments(dir, items)
	if err != nil {
		return err
	}
	switch {
	case isPackage || len(documents) == 1:
		*found = append(*found, dir)
		return nil
	case len(*found)+len(documents) > maxDescriptions:
		return fmt.Errorf("%s holds more than %d descriptions; name some of them", dir, maxDescriptions)
	}
	*found = append(*found, documents...)
	if level == maxLevels {
		return nil
	}
	for _, item := range items {
		if !item.IsDir() || strings.HasPrefix(item.Name(), ".") {
			continue
		}
		if err := search(filepath.Join(dir, item.Name()), level+1, found); err != nil {
			return err
		}
	}
	return nil
}

// firstDocuments returns the files of a directory that other files belong to.
func firstDocuments(dir string, items []os.DirEntry) (documents []string, isPackage bool, err error) {
	for _, item := range items {
		name := strings.ToLower(item.Name())
		if !item.Type().IsRegular() || strings.HasPrefix(name, ".") {
			continue
		}
		if name == "apidefinition.swagger.json" {
			return nil, true, nil
		}
		if !slices.Contains([]string{".json", ".yaml", ".yml"}, filepath.Ext(name)) {
			continue
		}
		file := filepath.Join(dir, item.Name())
		first, err := isFirst(file)
		if err != nil {
			return nil, false, err
		}
		if first {
			documents = append(documents, file)
		}
	}
	return documents, false, nil
}

func isFirst(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	head, err := io.ReadAll(io.LimitReader(f, headBytes))
	if err != nil {
		return false, err
	}
	return entry.Match(head), nil
}
