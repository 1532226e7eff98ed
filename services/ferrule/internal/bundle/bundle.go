// Package bundle keeps connectors in a directory, so that they can be under
// version control and be applied to any environment.
//
//	DIR/{connector}/connector.yaml   what the registry needs to know
//	DIR/{connector}/source/…         the files that the connector is made from
//
// A bundle holds no connections and none of their secrets; the files are what the
// connector was made from, byte for byte. [Write] adds one connector, [Read]
// returns all of them.
package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/sources"
)

const (
	// manifest is the file that makes a directory a connector of a bundle.
	manifest = "connector.yaml"
	// sourceDir holds its files.
	sourceDir = "source"
	// maxManifest bounds a manifest in bytes.
	maxManifest = 1 << 20
)

// Connector is one connector of a bundle.
type Connector struct {
	// ID is the connector's id; the directory is named after it.
	ID string `yaml:"id"`
	// Title is for the reader of the file and has no effect.
	Title string `yaml:"title,omitempty"`
	// Publish makes the revision the one that callers get.
	Publish bool `yaml:"publish"`
	// Only and Except choose operations of the source.
	Only   []string `yaml:"only,omitempty"`
	Except []string `yaml:"except,omitempty"`
	// URLs are where files were fetched, by their paths: what relative references
	// in them are relative to.
	URLs map[string]string `yaml:"urls,omitempty"`
	// Source is the directory of its files; set by Read.
	Source string `yaml:"-"`
}

// Files returns the files of a connector that was read, all that there are and
// under their own names, so that the same bundle is the same connector.
func (c Connector) Files() (*registryv1.SourceFiles, error) {
	files, err := sources.ReadAll(c.Source)
	if err != nil {
		return nil, err
	}
	for _, f := range files.GetFiles() {
		f.Url = c.URLs[f.GetPath()]
	}
	return files, nil
}

// Write adds a connector with its files to a bundle. What the bundle had of the
// same connector is replaced.
func Write(dir string, c Connector, files []*registryv1.SourceFile) error {
	if err := resource.CheckID("connector id", c.ID); err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	c.URLs = nil
	for _, f := range files {
		if f.GetUrl() == "" {
			continue
		}
		if c.URLs == nil {
			c.URLs = map[string]string{}
		}
		c.URLs[f.GetPath()] = f.GetUrl()
	}
	text, err := yaml.Marshal(c)
	if err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	home := filepath.Join(dir, c.ID)
	if err := os.RemoveAll(filepath.Join(home, sourceDir)); err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	if err := sources.Write(filepath.Join(home, sourceDir), files); err != nil {
		return err
	}
	return sources.WriteFile(filepath.Join(home, manifest), text)
}

// Read returns the connectors of a bundle in the order of their ids. A directory
// without connectors is an error: it is the wrong one.
func Read(dir string) ([]Connector, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read bundle: %w", err)
	}
	var all []Connector
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		c, err := readConnector(filepath.Join(dir, entry.Name()), entry.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("read bundle: %s holds no connector: no directory in it has a file %s", dir, manifest)
	}
	return all, nil
}

func readConnector(home, name string) (Connector, error) {
	path := filepath.Join(home, manifest)
	info, err := os.Stat(path)
	if err != nil {
		return Connector{}, fmt.Errorf("read bundle: %w", err)
	}
	if info.Size() > maxManifest {
		return Connector{}, fmt.Errorf("read bundle: %s is larger than %d bytes", path, maxManifest)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Connector{}, fmt.Errorf("read bundle: %w", err)
	}
	var c Connector
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&c); err != nil {
		return Connector{}, fmt.Errorf("read bundle: %s: %w", path, err)
	}
	if c.ID != name {
		return Connector{}, fmt.Errorf("read bundle: %s is about connector %q; its directory must have the same name", path, c.ID)
	}
	if err := resource.CheckID("connector id", c.ID); err != nil {
		return Connector{}, fmt.Errorf("read bundle: %s: %w", path, err)
	}
	c.Source = filepath.Join(home, sourceDir)
	return c, nil
}
