package definition_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// tree is the JSON of a definition with every field, as Go values.
func tree(t *testing.T, seed uint64) map[string]any {
	t.Helper()
	def := &connectorv1.Definition{}
	filled(rand.New(rand.NewPCG(seed, 7)), def.ProtoReflect())
	text, err := definition.Marshal(def)
	if err != nil {
		t.Fatal(err)
	}
	return values(t, text)
}

func values(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var all map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

func escaped(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

// corrupt calls f for each field of the model that is in the JSON, with the
// object or array that holds it, its key or index, and its pointer. JSON texts are
// not looked into.
func corrupt(md protoreflect.MessageDescriptor, object map[string]any, at string, f func(fd protoreflect.FieldDescriptor, holder map[string]any, key, pointer string)) {
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		key := fd.JSONName()
		value, ok := object[key]
		if !ok {
			continue
		}
		pointer := at + "/" + key
		f(fd, object, key, pointer)
		if fd.Kind() != protoreflect.MessageKind || fd.IsMap() || isLength(fd) {
			continue
		}
		if !fd.IsList() {
			corrupt(fd.Message(), value.(map[string]any), pointer, f)
			continue
		}
		for j, one := range value.([]any) {
			corrupt(fd.Message(), one.(map[string]any), fmt.Sprintf("%s/%d", pointer, j), f)
		}
	}
}

// isLength reports whether a field is a length of time.
func isLength(fd protoreflect.FieldDescriptor) bool {
	return fd.Kind() == protoreflect.MessageKind && fd.Message().FullName() == "google.protobuf.Duration"
}

// wrongs are values that a field cannot have, with where the fault is, behind the
// field itself.
func wrongs(fd protoreflect.FieldDescriptor) map[string]any {
	var wrong map[string]any
	switch {
	case fd.IsMap():
		return map[string]any{"": []any{}, "/a": map[string]any{"a": 1}, "/~1": map[string]any{"/": nil}}
	case fd.Kind() == protoreflect.BytesKind:
		return nil // anything goes, unless it is a list
	case isLength(fd):
		wrong = map[string]any{"": "300"}
	case fd.Kind() == protoreflect.MessageKind:
		wrong = map[string]any{"": "text", "/nobody knows~1this": map[string]any{"nobody knows/this": 1}}
	case fd.Kind() == protoreflect.EnumKind:
		wrong = map[string]any{"": "NO SUCH WORD"}
	case fd.Kind() == protoreflect.StringKind:
		wrong = map[string]any{"": json.Number("7")}
	case fd.Kind() == protoreflect.BoolKind:
		wrong = map[string]any{"": "true"}
	default:
		wrong = map[string]any{"": json.Number("1e3")}
	}
	if !fd.IsList() {
		return wrong
	}
	lists := map[string]any{"": "no list"}
	for at, value := range wrong {
		lists["/0"+at] = []any{value}
	}
	return lists
}

// One wrong value anywhere is refused, with a pointer to exactly this value.
func TestEachWrongValueIsPointedAt(t *testing.T) {
	root := (&connectorv1.Definition{}).ProtoReflect().Descriptor()
	seen := map[protoreflect.FullName]bool{}
	for seed := range uint64(6) {
		all := tree(t, seed)
		corrupt(root, all, "", func(fd protoreflect.FieldDescriptor, holder map[string]any, key, pointer string) {
			if seen[fd.FullName()] {
				return
			}
			seen[fd.FullName()] = true
			before := holder[key]
			defer func() { holder[key] = before }()
			bad := wrongs(fd)
			if fd.Kind() != protoreflect.BytesKind {
				refusedAt(t, all, holder, key, nil, pointer)
			}
			for at, value := range bad {
				refusedAt(t, all, holder, key, value, pointer+at)
			}
		})
	}
	if len(seen) < 250 {
		t.Errorf("only %d fields were tried", len(seen))
	}
}

func refusedAt(t *testing.T, all, holder map[string]any, key string, value any, pointer string) {
	t.Helper()
	holder[key] = value
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	_, err = definition.Unmarshal(text)
	if fault.ReasonOf(err) != fault.ReasonDefinitionInvalid || fault.From(err).Meta()["pointer"] != pointer {
		t.Errorf("%s = %v: %v at %q", pointer, value, err, fault.From(err).Meta()["pointer"])
	}
}

// A member that nobody knows is refused in every object of the model.
func TestEachUnknownMemberIsPointedAt(t *testing.T) {
	root := (&connectorv1.Definition{}).ProtoReflect().Descriptor()
	all := tree(t, 1)
	seen := map[protoreflect.FullName]bool{}
	corrupt(root, all, "", func(fd protoreflect.FieldDescriptor, holder map[string]any, _, pointer string) {
		if seen[fd.ContainingMessage().FullName()] {
			return
		}
		seen[fd.ContainingMessage().FullName()] = true
		parent := pointer[:strings.LastIndexByte(pointer, '/')]
		for _, key := range []string{"zzz", "a/b~c", "", "Title", "x-own", "$ref"} {
			refusedAt(t, all, holder, key, "x", parent+"/"+escaped(key))
			delete(holder, key)
		}
		// Names of the wire form are not those of JSON.
		if wire := string(fd.Name()); wire != fd.JSONName() {
			refusedAt(t, all, holder, wire, "x", parent+"/"+wire)
			delete(holder, wire)
		}
	})
	if len(seen) < 35 {
		t.Errorf("only %d messages were tried", len(seen))
	}
}

// Cut anywhere, it is no definition; the fault says that it is no JSON.
func TestADefinitionThatIsCutOffIsRefused(t *testing.T) {
	text := strings.TrimSpace(small)
	for end := range len(text) {
		if _, err := definition.Unmarshal([]byte(text[:end])); fault.ReasonOf(err) != fault.ReasonDocumentSyntax {
			t.Fatalf("cut at %d: %v", end, err)
		}
	}
}

// A byte that is changed is noticed or makes another definition that can be
// written; nothing makes it panic.
func TestAChangedByteIsNoticedOrMeant(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 5000 {
		text := []byte(small)
		text[r.IntN(len(text))] = "{}[]\":,\\x0 -\x00\xff"[r.IntN(14)]
		def, err := definition.Unmarshal(text)
		if err != nil {
			if reason := fault.ReasonOf(err); reason != fault.ReasonDocumentSyntax && reason != fault.ReasonDefinitionInvalid {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if _, err := definition.Marshal(def); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if err := definition.Validate(def); err != nil && len(fault.From(err).Violations()) == 0 {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// The JSON mapping of Protocol Buffers is another writer of the same model: it has
// the same members, but for what the package says is different.
func TestMembersAreThoseOfTheJSONMapping(t *testing.T) {
	for seed := range uint64(20) {
		def := &connectorv1.Definition{}
		filled(rand.New(rand.NewPCG(seed, 9)), def.ProtoReflect())
		theirs, err := protojson.Marshal(def)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := definition.Marshal(def)
		if err != nil {
			t.Fatal(err)
		}
		a, b := paths(def.ProtoReflect().Descriptor(), values(t, theirs)), paths(def.ProtoReflect().Descriptor(), values(t, ours))
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatalf("members (-mapping +definition):\n%s", diff)
		}
	}
}

func paths(md protoreflect.MessageDescriptor, all map[string]any) []string {
	var list []string
	corrupt(md, all, "", func(_ protoreflect.FieldDescriptor, _ map[string]any, _, pointer string) {
		list = append(list, pointer)
	})
	slices.Sort(list)
	return list
}

// What people write in another way is the same definition.
func TestWaysToWriteTheSame(t *testing.T) {
	want := parse(t, small)
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(small)); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, text string }{
		{"without white space", compact.String()},
		{"with tabs and carriage returns", strings.ReplaceAll(strings.ReplaceAll(small, "\n", "\r\n"), "  ", "\t")},
		{"the version last", strings.Replace(strings.TrimSuffix(strings.TrimSpace(small), "}")+`, "ferrule": "1"}`, `"ferrule": "1",`, "", 1)},
		{"escapes in names", strings.Replace(small, `"operations"`, `"\u006fperations"`, 1)},
		{"escapes in words", strings.Replace(small, `"GET"`, `"\u0047ET"`, 1)},
		{"full words", strings.Replace(small, `"ACTION"`, `"OPERATION_KIND_ACTION"`, 1)},
		{"an empty list", strings.Replace(small, `"operations"`, `"tags": [], "operations"`, 1)},
		{"a value that is the default", strings.Replace(small, `"operationId"`, `"deprecated": false, "operationId"`, 1)},
		{"an unspecified word", strings.Replace(small, `"operationId"`, `"visibility": "UNSPECIFIED", "operationId"`, 1)},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.text == small {
				t.Fatal("the text is the same")
			}
			if got := parse(t, row.text); !proto.Equal(want, got) {
				t.Errorf("it reads as %v", got)
			}
		})
	}
}
