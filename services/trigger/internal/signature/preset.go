package signature

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
)

// Preset is what is known about the notifications of one API: a file in the folder
// presets, named after it.
type Preset struct {
	// Name is what rules call it.
	Name string `yaml:"-"`
	// Title is what people call the API.
	Title string `yaml:"title"`
	// Docs is where the API's makers describe it.
	Docs string `yaml:"docs"`
	// Secret says what a person gives as the secret, one sentence.
	Secret string `yaml:"secret"`
	// Rule is how it signs. Its scheme is one of the schemes.
	Rule Rule `yaml:"rule"`
	// IDPath is the dot path of the notification's unique id in its body, where no
	// header carries it.
	IDPath string `yaml:"id_path"`
	// Handshakes are those that the API begins, by name.
	Handshakes []string `yaml:"handshakes"`
	// Accept is the status that tells the API that a notification was taken; 0
	// where any 2xx does.
	Accept int `yaml:"accept"`
	// Note is what one has to know besides, for people.
	Note string `yaml:"note"`
	// Vectors are notifications with signatures that are known to be right.
	Vectors []Vector `yaml:"vectors"`
}

// Vector is a signed notification.
type Vector struct {
	// Source says who vouches for it: "published" (the API's documentation),
	// "library" (a test of an official library) or "computed" (by an implementation
	// that has nothing in common with this one).
	Source string `yaml:"source"`
	// From is where it stands; empty if it was computed.
	From string `yaml:"from"`
	// Secret is the secret, or the public key.
	Secret string `yaml:"secret"`
	// Method is POST if empty.
	Method string `yaml:"method"`
	// URL is the callback URL.
	URL string `yaml:"url"`
	// Headers are the header fields.
	Headers map[string]string `yaml:"headers"`
	// Body is the body.
	Body string `yaml:"body"`
	// At is when it arrives; empty if that does not matter.
	At time.Time `yaml:"at"`
	// ID is the id that it carries; empty if it carries none.
	ID string `yaml:"id"`
}

//go:embed presets/*.yaml
var files embed.FS

// loaded reads the files once. A file that cannot be read is a mistake of whoever
// built the program, which the tests of this package find.
var loaded = sync.OnceValues(func() (map[string]Preset, error) { return read(files) })

// Presets returns all presets in the order of their names.
func Presets() ([]Preset, error) {
	all, err := loaded()
	if err != nil {
		return nil, err
	}
	out := make([]Preset, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[name])
	}
	return out, nil
}

// Lookup returns the preset of a name.
func Lookup(name string) (Preset, bool) {
	all, err := loaded()
	if err != nil {
		return Preset{}, false
	}
	p, ok := all[name]
	return p, ok
}

// read reads the presets of a file system. Members that mean nothing are refused.
func read(from fs.FS) (map[string]Preset, error) {
	names, err := fs.Glob(from, "presets/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list presets: %w", err)
	}
	presets := make(map[string]Preset, len(names))
	for _, name := range names {
		text, err := fs.ReadFile(from, name)
		if err != nil {
			return nil, fmt.Errorf("read preset %s: %w", name, err)
		}
		decoder := yaml.NewDecoder(bytes.NewReader(text))
		decoder.KnownFields(true)
		var p Preset
		if err := decoder.Decode(&p); err != nil {
			return nil, fmt.Errorf("read preset %s: %w", name, err)
		}
		p.Name = strings.TrimSuffix(path.Base(name), ".yaml")
		presets[p.Name] = p
	}
	return presets, nil
}
