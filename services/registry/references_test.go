package registry_test

import (
	"slices"
	"testing"

	"github.com/ferrule-dev/ferrule/services/registry"
)

func TestReferencesOfADocument(t *testing.T) {
	for _, row := range []struct {
		name, path, content string
		want                []string
	}{
		{"relative ones, once each", "api.yaml", "a: {$ref: 'b.yaml#/x'}\nb: [{$ref: '../c.json'}, {$ref: './b.yaml'}, {$ref: 'b.yaml#/y'}]\n", []string{"b.yaml", "../c.json", "./b.yaml"}},
		{"operations of links", "api.json", `{"links":{"a":{"operationRef":"other.json#/paths/~1a/get"}}}`, []string{"other.json"}},
		{"those to itself", "api.json", `{"$ref":"#/a"}`, nil},
		{"those to elsewhere", "api.json", `[{"$ref":"https://a.example/b.json"},{"$ref":"//a.example/b.json"},{"$ref":"/b.json"},{"$ref":"file:///b.json"},{"$ref":"b.json"}]`, []string{"b.json"}},
		{"properties with the name of the keyword", "api.json", `{"properties":{"$ref":{"type":"string"}},"x":{"$ref":5}}`, nil},
		{"a document that is broken", "api.json", `{"a":{"$ref":"b.json"},"c":]`, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := registry.References(registry.File{Path: row.path, Content: []byte(row.content)})
			if !slices.Equal(got, row.want) && len(got)+len(row.want) > 0 {
				t.Errorf("References() = %q, want %q", got, row.want)
			}
		})
	}
}
