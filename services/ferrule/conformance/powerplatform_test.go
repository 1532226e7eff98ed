package conformance_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// corpus is where descriptions of real APIs are looked for.
const corpus = "../../../../shared/corpus"

// packages returns the directories below root that hold a connector package, in
// order, relative to root.
func packages(t *testing.T, root string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "apiDefinition.swagger.json" {
			name, _ := filepath.Rel(root, filepath.Dir(path))
			found = append(found, name)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the folder shared/corpus beside the repository is absent: there are no real packages to call")
	}
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return found
}

func TestRequestsOfConnectorPackagesAreWhatTheirSwaggerSays(t *testing.T) {
	root := filepath.Join(corpus, "powerplatform")
	all := sample(packages(t, root))
	h := newHarness(t)
	h.run(t, all, func(name string) (subject, error) { return readPackage(root, name) })
	h.finish(t, "powerplatform", all)
}

// readPackage reads a package. Its credentials and policies change the request and
// are proved elsewhere, so they are left out here.
func readPackage(root, name string) (subject, error) {
	definition, err := os.ReadFile(filepath.Join(root, name, "apiDefinition.swagger.json"))
	if err != nil {
		return subject{}, err
	}
	doc, err := newDocument(definition)
	if err != nil {
		return subject{}, err
	}
	s := subject{name: name, doc: doc, call: doc.swaggerCall, files: map[string][]byte{}}
	properties, err := os.ReadFile(filepath.Join(root, name, "apiProperties.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return subject{}, err
	}
	if err == nil {
		v, err := newDocument(properties)
		if err != nil {
			return subject{}, fmt.Errorf("apiProperties.json: %w", err)
		}
		inner, _ := v.root["properties"].(object)
		if inner != nil {
			inner["connectionParameters"], inner["policyTemplateInstances"] = object{}, []any{}
			delete(inner, "connectionParameterSets")
			s.scripted = scripted(inner)
		}
		s.files["apiProperties.json"] = writeJSON(v.root)
	}
	for _, e := range doc.endpoints() {
		delete(e.op, "security")
		delete(e.op, "schemes")
	}
	for _, key := range []string{"securityDefinitions", "security", "x-ms-parameterized-host", "servers"} {
		delete(doc.root, key)
	}
	if strings.Contains(text(doc.root["basePath"]), "{") {
		doc.root["basePath"] = "/base"
	}
	doc.root["schemes"] = []any{"http"}
	s.locate = func(host string) map[string][]byte {
		doc.root["host"] = host
		s.files["apiDefinition.swagger.json"] = writeJSON(doc.root)
		return s.files
	}
	return s, nil
}

// scripted returns a test for operations that custom code handles: those that the
// package names, for the code itself is not part of the corpus.
func scripted(properties object) func(endpoint) bool {
	names := texts(properties["scriptOperations"])
	return func(e endpoint) bool { return slices.Contains(names, text(e.op["operationId"])) }
}
