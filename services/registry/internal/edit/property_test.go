package edit_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/edit"
)

// quotedName is a token for any name.
func quotedName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// named are the lists whose members have names, with the field of the name.
var named = map[protoreflect.Name]protoreflect.Name{
	"operations": "operation_id", "schemas": "name", "tags": "name", "parameter_sets": "name", "responses": "status", "parameters": "name",
}

// visit calls f with every path of a message, as long as all of its members can
// be named, and with a function that returns what there is in another definition.
func visit(m protoreflect.Message, path string, get func(protoreflect.Message) protoreflect.Message, f func(path string, fd protoreflect.FieldDescriptor, get func(protoreflect.Message) protoreflect.Message)) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		at := strings.TrimPrefix(path+"."+string(fd.Name()), ".")
		f(at, fd, get)
		switch {
		case fd.Kind() != protoreflect.MessageKind || fd.IsMap() || !m.Has(fd):
		case fd.IsList():
			key := named[fd.Name()]
			seen := map[string]bool{}
			for j := range m.Get(fd).List().Len() {
				member := m.Get(fd).List().Get(j).Message()
				if key == "" || member.Descriptor().Fields().ByName(key) == nil {
					break
				}
				name := member.Get(member.Descriptor().Fields().ByName(key)).String()
				if seen[name] {
					break
				}
				seen[name] = true
				visit(member, at+"."+quotedName(name), func(root protoreflect.Message) protoreflect.Message {
					list := get(root).Get(fd).List()
					for k := range list.Len() {
						if one := list.Get(k).Message(); one.Get(one.Descriptor().Fields().ByName(key)).String() == name {
							return one
						}
					}
					return member.Type().Zero()
				}, f)
			}
		default:
			visit(m.Get(fd).Message(), at, func(root protoreflect.Message) protoreflect.Message { return get(root).Get(fd).Message() }, f)
		}
	}
}

func itself(m protoreflect.Message) protoreflect.Message { return m }

// rich has something in every place that a path can lead to.
func rich(t *testing.T) *connectorv1.Definition {
	t.Helper()
	return parse(t, strings.NewReplacer(
		`{"name": "v", "location": "HEADER"}`, `{"name": "w", "location": "HEADER"}`,
		`{"templateId": "a"}`, `{"templateId": "a", "operationIds": ["Get"]}`,
		`"tags": [`, `"connectionTest": {"operationId": "Get", "input": {"id": 1}},
		  "filePicker": {"open": {"operationId": "Get"}, "browse": {"operationId": "List"}, "itemsPath": "value"},
		  "securitySchemes": [{"id": "key", "apiKey": {"name": "k", "location": "HEADER"}}], "tags": [`,
	).Replace(base))
}

// Every field of a definition, taken alone, is replaced by that of the patch, and
// nothing else changes.
func TestAMaskOfOneFieldReplacesThatField(t *testing.T) {
	count := 0
	visit(rich(t).ProtoReflect(), "", itself, func(path string, fd protoreflect.FieldDescriptor, get func(protoreflect.Message) protoreflect.Message) {
		for _, from := range []*connectorv1.Definition{parse(t, patch), rich(t), {}} {
			out, err := edit.Apply(rich(t), from, []string{path})
			if err != nil {
				if strings.Contains(err.Error(), "several members") {
					t.Errorf("%s: %v", path, err)
				}
				continue // it would contradict itself
			}
			count++
			want := rich(t)
			source := get(from.ProtoReflect())
			if source.Has(fd) {
				get(want.ProtoReflect()).Set(fd, source.Get(fd))
			} else {
				get(want.ProtoReflect()).Clear(fd)
			}
			if diff := cmp.Diff(want, out, protocmp.Transform()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		}
	})
	if count < 200 {
		t.Errorf("only %d masks could be applied", count)
	}
}

func TestAMaskThatTakesADefinitionFromItselfChangesNothing(t *testing.T) {
	visit(rich(t).ProtoReflect(), "", itself, func(path string, _ protoreflect.FieldDescriptor, _ func(protoreflect.Message) protoreflect.Message) {
		out, err := edit.Apply(rich(t), rich(t), []string{path, path})
		if err != nil {
			t.Errorf("%s: %v", path, err)
		} else if !proto.Equal(out, rich(t)) {
			t.Errorf("%s changed something", path)
		}
	})
}

// All fields together are the same as everything.
func TestAMaskOfAllFieldsReplacesEverything(t *testing.T) {
	var mask []string
	fields := (&connectorv1.Definition{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		mask = append(mask, string(fields.Get(i).Name()))
	}
	out, err := edit.Apply(rich(t), parse(t, patch), mask)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(parse(t, patch), out, protocmp.Transform()); diff != "" {
		t.Errorf("definition (-want +got):\n%s", diff)
	}
	if twice, err := edit.Apply(out, parse(t, patch), mask); err != nil || !proto.Equal(out, twice) {
		t.Errorf("applied twice: %v, %v", twice, err)
	}
}

// A path to what neither side has must not leave empty messages behind, least of
// all of another kind than the one that is there.
func TestWhatIsNowhereStaysNowhere(t *testing.T) {
	key := &connectorv1.SecurityScheme{Id: "s", Kind: &connectorv1.SecurityScheme_ApiKey{ApiKey: &connectorv1.ApiKeyScheme{Name: "X-Key"}}}
	basic := &connectorv1.SecurityScheme{Id: "s", Kind: &connectorv1.SecurityScheme_Http{Http: &connectorv1.HttpScheme{Scheme: "basic"}}}
	for _, row := range []struct {
		name, path string
		from       *connectorv1.Definition
		want       string
	}{
		{"a part of another kind that the patch lacks", "security_schemes.s.http.bearer_format", &connectorv1.Definition{SecuritySchemes: []*connectorv1.SecurityScheme{basic}}, "X-Key"},
		{"a part of another kind that the patch has", "security_schemes.s.http.scheme", &connectorv1.Definition{SecuritySchemes: []*connectorv1.SecurityScheme{basic}}, ""},
		{"a part of a picker that the patch lacks", "file_picker.title_path", &connectorv1.Definition{FilePicker: &connectorv1.FilePicker{ItemsPath: "value"}}, "X-Key"},
		{"a part of a part", "file_picker.open.operation_id", &connectorv1.Definition{FilePicker: &connectorv1.FilePicker{Open: &connectorv1.DynamicCall{}}}, "X-Key"},
		{"a licence that the patch lacks", "info.license.url", &connectorv1.Definition{Info: &connectorv1.Info{License: &connectorv1.License{Name: "MIT"}}}, "X-Key"},
	} {
		t.Run(row.name, func(t *testing.T) {
			def := parse(t, base)
			def.SecuritySchemes = []*connectorv1.SecurityScheme{proto.CloneOf(key)}
			out, err := edit.Apply(def, row.from, []string{row.path})
			if err != nil {
				t.Fatal(err)
			}
			if out.GetFilePicker() != nil || out.GetInfo().GetLicense() != nil {
				t.Errorf("something came: %v %v", out.GetFilePicker(), out.GetInfo())
			}
			if got := out.GetSecuritySchemes()[0].GetApiKey().GetName(); got != row.want {
				t.Errorf("the scheme is %v", out.GetSecuritySchemes()[0])
			}
		})
	}
}

func TestAPatchOfNothingRemoves(t *testing.T) {
	for _, mask := range [][]string{{"tags"}, {"info.version", "policies"}, {"operations.Get"}, {"schemas.Item.json", "schemas.Item"}} {
		want, err := edit.Apply(rich(t), &connectorv1.Definition{}, mask)
		got, err2 := edit.Apply(rich(t), nil, mask)
		if (err == nil) != (err2 == nil) || !proto.Equal(want, got) {
			t.Errorf("%q: %v, %v", mask, err, err2)
		}
	}
	for _, mask := range [][]string{{"*"}, {"*", "info.title"}} {
		if out, err := edit.Apply(rich(t), nil, mask); err == nil {
			t.Errorf("%q: an empty definition is valid: %v", mask, out)
		}
	}
	if out, err := edit.Apply(nil, rich(t), []string{"*"}); err != nil || !proto.Equal(out, rich(t)) {
		t.Errorf("onto nothing: %v", err)
	}
	if out, err := edit.Apply(nil, rich(t), []string{"info", "parameter_sets"}); err != nil || definition.Validate(out) != nil {
		t.Errorf("onto nothing: %v, %v", out, err)
	}
}

// Later paths see what earlier ones did.
func TestPathsTakeEffectInTheirOrder(t *testing.T) {
	for _, row := range []struct {
		name string
		mask []string
		want string
	}{
		{"a list and a member of it", []string{"tags", "operations.List"}, "Get odd.id/x back`quote"},
		{"a new member and a part of it", []string{"operations.New", "operations.New.summary"}, "List Get odd.id/x back`quote New"},
		{"everything and then a member that is gone", []string{"*", "operations.New"}, "New Get odd.id/x back`quote"},
		{"a member twice", []string{"operations.Get", "operations.Get"}, "List Get odd.id/x back`quote"},
		{"a list after its member", []string{"operations.List", "operations"}, "New Get odd.id/x back`quote"},
	} {
		t.Run(row.name, func(t *testing.T) {
			out, err := edit.Apply(parse(t, base), parse(t, patch), row.mask)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, op := range out.GetOperations() {
				ids = append(ids, op.GetOperationId())
			}
			if got := strings.Join(ids, " "); got != row.want {
				t.Errorf("operations %s, want %s", got, row.want)
			}
		})
	}
}
