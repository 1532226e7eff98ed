package provider

import (
	"bytes"
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed presets/*.yaml
var files embed.FS

// Load reads the embedded presets. It fails only if one of them is wrong, which
// the tests of this package rule out.
func Load() (*Set, error) {
	entries, err := files.ReadDir("presets")
	if err != nil {
		return nil, fmt.Errorf("listing presets: %w", err)
	}
	s := &Set{byName: map[string]*Preset{}}
	for _, entry := range entries {
		text, err := files.ReadFile(path.Join("presets", entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading preset %s: %w", entry.Name(), err)
		}
		preset, err := decode(text)
		if err != nil {
			return nil, fmt.Errorf("reading preset %s: %w", entry.Name(), err)
		}
		if err := s.add(preset, strings.TrimSuffix(entry.Name(), ".yaml")); err != nil {
			return nil, fmt.Errorf("reading preset %s: %w", entry.Name(), err)
		}
	}
	slices.SortFunc(s.presets, func(a, b *Preset) int { return strings.Compare(a.ID, b.ID) })
	return s, nil
}

// decode reads one preset. Unknown members are errors: they are typing errors.
func decode(text []byte) (*Preset, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	preset := &Preset{}
	if err := d.Decode(preset); err != nil {
		return nil, fmt.Errorf("decoding: %w", err)
	}
	return preset, nil
}

// add keeps a preset. Names are taken once.
func (s *Set) add(p *Preset, file string) error {
	if p.ID != file {
		return fmt.Errorf("the id %q is not the name of the file", p.ID)
	}
	for _, name := range append([]string{p.ID}, p.Aliases...) {
		if other := s.byName[name]; other != nil {
			return fmt.Errorf("the name %q belongs to %q already", name, other.ID)
		}
		s.byName[name] = p
	}
	s.presets = append(s.presets, p)
	return nil
}

// All returns the presets in the order of their ids. They must not be changed.
func (s *Set) All() []*Preset { return s.presets }
