package overlay_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/overlay"
)

// change is something that two definitions may differ in. None makes the
// definition contradict itself, whatever the others did.
type change struct {
	name  string
	apply func(*connectorv1.Definition)
}

func first(d *connectorv1.Definition) *connectorv1.Operation { return d.GetOperations()[0] }

// inAnswer applies a change to the answer, which others may have taken away.
func inAnswer(change func(*connectorv1.Response)) func(*connectorv1.Definition) {
	return func(d *connectorv1.Definition) {
		if list := first(d).GetResponses(); len(list) > 0 {
			change(list[0])
		}
	}
}

func changes() []change {
	return []change{
		{"another title", func(d *connectorv1.Definition) { d.Info.Title = "Ünï \"q\"" }},
		{"a contact", func(d *connectorv1.Definition) { d.Info.Contact = &connectorv1.Contact{Name: "N"} }},
		{"keywords", func(d *connectorv1.Definition) { d.Info.Keywords = []string{"a", "b"} }},
		{"an icon", func(d *connectorv1.Definition) {
			d.Info.Icon = &connectorv1.Icon{Place: &connectorv1.Icon_Url{Url: "https://x"}}
		}},
		{"servers", func(d *connectorv1.Definition) {
			d.Servers = []*connectorv1.Server{{UrlTemplate: "https://example.com"}}
		}},
		{"tags", func(d *connectorv1.Definition) { d.Tags = append(d.Tags, &connectorv1.Tag{Name: "t"}) }},
		{"no schemas", func(d *connectorv1.Definition) { d.Schemas = nil }},
		{"one schema more", func(d *connectorv1.Definition) {
			d.Schemas = append(d.Schemas, &connectorv1.Schema{Name: "A/b~", Json: []byte(`true`)})
		}},
		{"another schema", func(d *connectorv1.Definition) {
			if len(d.GetSchemas()) > 0 {
				d.Schemas[0].Json = []byte(`{"a":[1.50,null]}`)
			}
		}},
		{"another order of schemas", func(d *connectorv1.Definition) { slices.Reverse(d.GetSchemas()) }},
		{"another kind of text", func(d *connectorv1.Definition) { first(d).Summary, first(d).Description = "S", "two\nlines" }},
		{"no description", func(d *connectorv1.Definition) { first(d).Description = "" }},
		{"deprecated", func(d *connectorv1.Definition) { first(d).Deprecated = true }},
		{"hidden", func(d *connectorv1.Definition) { first(d).Visibility = connectorv1.Visibility_VISIBILITY_INTERNAL }},
		{"safe", func(d *connectorv1.Definition) { first(d).Safety = &connectorv1.Safety{Safe: true} }},
		{"pages", func(d *connectorv1.Definition) {
			first(d).Pagination = &connectorv1.Pagination{NextLinkProperty: "next"}
		}},
		{"no parameters", func(d *connectorv1.Definition) { first(d).Parameters = nil }},
		{"one parameter more", func(d *connectorv1.Definition) {
			first(d).Parameters = append(first(d).Parameters, &connectorv1.Parameter{
				Name: "new", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_HEADER, Schema: []byte(`{}`),
			})
		}},
		{"other parameters", func(d *connectorv1.Definition) {
			for _, p := range first(d).GetParameters() {
				p.Explode, p.Examples = true, [][]byte{[]byte(`"e"`), []byte(`1e2`)}
			}
		}},
		{"no body", func(d *connectorv1.Definition) { first(d).RequestBody = nil }},
		{"another body", func(d *connectorv1.Definition) {
			if b := first(d).GetRequestBody(); b != nil {
				b.Required, b.Name = true, "item"
			}
		}},
		{"a media type more", func(d *connectorv1.Definition) {
			if b := first(d).GetRequestBody(); b != nil {
				b.Contents = append(b.Contents, &connectorv1.MediaType{MediaType: "text/plain", Kind: connectorv1.BodyKind_BODY_KIND_TEXT})
			}
		}},
		{"no answers", func(d *connectorv1.Definition) { first(d).Responses = nil }},
		{"an answer more", func(d *connectorv1.Definition) {
			first(d).Responses = append(first(d).Responses, &connectorv1.Response{Status: "default"})
		}},
		{"another text of an answer", inAnswer(func(r *connectorv1.Response) { r.Description = "D" })},
		{"no headers", inAnswer(func(r *connectorv1.Response) { r.Headers = nil })},
		{"a header more", inAnswer(func(r *connectorv1.Response) {
			r.Headers = append(r.Headers, &connectorv1.ResponseHeader{Name: "h"})
		})},
		{"other contents", inAnswer(func(r *connectorv1.Response) {
			for _, m := range r.GetContents() {
				m.Schema = []byte(`{"type":"string"}`)
			}
		})},
		{"an operation more", func(d *connectorv1.Definition) {
			d.Operations = append(d.Operations, &connectorv1.Operation{
				OperationId: "New", Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION, Method: "GET", Path: "/new",
			})
		}},
		{"a policy", func(d *connectorv1.Definition) {
			d.Policies = []*connectorv1.Policy{{TemplateId: "setheader", Parameters: []*connectorv1.PolicyParameter{{Name: "a", Json: []byte(`{"b":null}`)}}}}
		}},
		{"another set", func(d *connectorv1.Definition) {
			d.ParameterSets = append(d.ParameterSets, &connectorv1.ParameterSet{Name: "other"})
		}},
		{"custom code", func(d *connectorv1.Definition) {
			d.Scripts = append(d.Scripts, &connectorv1.Script{Language: "javascript", Path: "script.js", Source: "function before() { return \"\\u2028\" }\n"})
		}},
		{"rate limits", func(d *connectorv1.Definition) {
			d.RateLimits = []*connectorv1.RateLimit{{Scope: connectorv1.RateLimitScope_RATE_LIMIT_SCOPE_CONNECTOR, Calls: 5, PeriodSeconds: 60}}
		}},
		{"rules about failures", func(d *connectorv1.Definition) {
			d.ErrorRules = []*connectorv1.ErrorRule{{Statuses: []string{"200"}, Path: "ok", Equals: "false", Retry: connectorv1.ErrorRule_RETRY_YES}}
		}},
		{"a cost and a key", func(d *connectorv1.Definition) { first(d).Cost, first(d).IdempotencyKeyHeader = 7, "X-Key" }},
		{"answers that are kept", func(d *connectorv1.Definition) {
			first(d).Safety, first(d).Cache = &connectorv1.Safety{Safe: true}, &connectorv1.ResponseCache{MaxAgeSeconds: 60}
		}},
		{"pages of items", func(d *connectorv1.Definition) { first(d).Pagination = &connectorv1.Pagination{ItemsPath: "a.b"} }},
		{"an extension", func(d *connectorv1.Definition) {
			first(d).Extensions = append(first(d).Extensions, &connectorv1.Extension{Name: "x-own", Json: []byte(`[]`)})
		}},
	}
}

// some applies some of the changes and returns their names.
func some(r *rand.Rand, d *connectorv1.Definition) []string {
	var names []string
	all := changes()
	for _, i := range r.Perm(len(all))[:r.IntN(6)] {
		all[i].apply(d)
		names = append(names, all[i].name)
	}
	return names
}

// said returns the page with what is needed so that got becomes want.
func said(t *testing.T, want, got *connectorv1.Definition) string {
	t.Helper()
	found, err := overlay.Compare(want, got, parse(t, page))
	if err != nil {
		t.Fatal(err)
	}
	text := page
	for _, d := range found {
		text = with(t, text, d)
	}
	return text
}

func withoutPlaces(d *connectorv1.Definition) *connectorv1.Definition {
	d = proto.CloneOf(d)
	for _, op := range d.GetOperations() {
		op.SourcePointer = ""
	}
	return d
}

func TestAnyTwoDefinitionsBecomeOne(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 7))
		want, got := imported(), imported()
		names := fmt.Sprintf("want has %q, got has %q", some(r, want), some(r, got))
		if slices.ContainsFunc(got.GetOperations(), func(op *connectorv1.Operation) bool { return op.GetOperationId() == "New" }) {
			got.Operations = got.GetOperations()[:1] // importers only make what the page has
		}
		text := said(t, want, got)
		overlay.Apply(parse(t, text), got, func(at *document.Node, err error) {
			t.Errorf("seed %d, %s: %s: %v", seed, names, at.Pointer(), err)
		})
		if diff := cmp.Diff(withoutPlaces(want), withoutPlaces(got), protocmp.Transform()); diff != "" {
			t.Fatalf("seed %d, %s (-want +got):\n%s\n%s", seed, names, diff, text)
		}
	}
}

func TestEveryChangeAloneIsSaidAndTakenBack(t *testing.T) {
	for _, c := range changes() {
		t.Run(c.name, func(t *testing.T) {
			changed := imported()
			c.apply(changed)
			for name, pair := range map[string][2]*connectorv1.Definition{
				"said": {changed, imported()}, "taken back": {imported(), proto.CloneOf(changed)},
			} {
				want, got := pair[0], pair[1]
				if name == "taken back" && len(got.GetOperations()) > 1 {
					continue // importers only make what the page has
				}
				overlay.Apply(parse(t, said(t, want, got)), got, func(at *document.Node, err error) { t.Errorf("%s: %v", at.Pointer(), err) })
				if diff := cmp.Diff(withoutPlaces(want), withoutPlaces(got), protocmp.Transform()); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
			if err := definition.Validate(changed); err != nil {
				t.Errorf("the change contradicts the rest: %v", err)
			}
		})
	}
}

func TestComparingChangesNothing(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 8))
		want, got := imported(), imported()
		some(r, want)
		some(r, got)
		wantBefore, gotBefore := proto.CloneOf(want), proto.CloneOf(got)
		if _, err := overlay.Compare(want, got, parse(t, page)); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(want, wantBefore) || !proto.Equal(got, gotBefore) {
			t.Fatalf("seed %d: a definition was changed", seed)
		}
	}
}

func TestEveryFieldHasAKeyOfItsOwn(t *testing.T) {
	for _, m := range []proto.Message{
		&connectorv1.Definition{}, &connectorv1.Info{}, &connectorv1.Operation{}, &connectorv1.Parameter{}, &connectorv1.RequestBody{},
		&connectorv1.MediaType{}, &connectorv1.Response{}, &connectorv1.ResponseHeader{}, &connectorv1.Schema{},
	} {
		seen := map[string]protoreflect.Name{}
		fields := m.ProtoReflect().Descriptor().Fields()
		for i := range fields.Len() {
			key := overlay.Key(fields.Get(i))
			if other, ok := seen[key]; ok || !strings.HasPrefix(key, overlay.Prefix) || strings.ContainsAny(key, "_ ") {
				t.Errorf("the field %q has the key %q, as %q", fields.Get(i).FullName(), key, other)
			}
			seen[key] = fields.Get(i).Name()
		}
	}
}

func TestIDsOfSchemesOnlyMoveToFreePlaces(t *testing.T) {
	for _, row := range []struct {
		name, mapping string
		want          string
	}{
		{"no mapping", `{}`, "a,b,c"},
		{"a new id", `{"a": "A a"}`, "A a,b,c"},
		{"an id that is taken", `{"a": "b"}`, "a,b,c"},
		{"an id that nobody has", `{"z": "A"}`, "a,b,c"},
		{"an empty id", `{"a": ""}`, "a,b,c"},
		{"a number", `{"a": 1}`, "a,b,c"},
		{"the same id for two", `{"a": "x", "b": "x"}`, "x,b,c"},
		{"two that change places stay", `{"a": "b", "b": "a"}`, "a,b,c"},
		{"several at once", `{"a": "1", "b": "2", "c": "3"}`, "1,2,3"},
		{"no object at all", `"a"`, "a,b,c"},
		{"a list", `["x"]`, "a,b,c"},
	} {
		t.Run(row.name, func(t *testing.T) {
			def := imported()
			requirement, set := &connectorv1.SecurityRequirement{}, def.GetParameterSets()[0]
			for _, id := range []string{"a", "b", "c"} {
				def.SecuritySchemes = append(def.SecuritySchemes, &connectorv1.SecurityScheme{Id: id})
				requirement.Schemes = append(requirement.Schemes, &connectorv1.SchemeReference{SchemeId: id})
				set.Placements = append(set.Placements, &connectorv1.CredentialPlacement{SchemeId: id})
			}
			first(def).Security = []*connectorv1.SecurityRequirement{requirement}
			overlay.RenameSchemes(parse(t, `{"`+overlay.SchemeIDs+`": `+row.mapping+`}`), def)
			var schemes, required, placed []string
			for i, s := range def.GetSecuritySchemes() {
				schemes = append(schemes, s.GetId())
				required = append(required, requirement.GetSchemes()[i].GetSchemeId())
				placed = append(placed, set.GetPlacements()[i].GetSchemeId())
			}
			for what, got := range map[string][]string{"schemes": schemes, "requirements": required, "placements": placed} {
				if strings.Join(got, ",") != row.want {
					t.Errorf("the %s are %q, want %q", what, got, row.want)
				}
			}
		})
	}
}

func TestTheOrderNamesWhatItLikes(t *testing.T) {
	for _, row := range []struct{ name, order, want string }{
		{"all", `["C", "A", "B"]`, "C,A,B"},
		{"some go first", `["B"]`, "B,A,C"},
		{"ids that nobody has", `["Z", "C", 1, null]`, "C,A,B"},
		{"an id twice counts at its last place", `["A", "B", "A"]`, "B,A,C"},
		{"an empty list", `[]`, "A,B,C"},
		{"no list", `"C"`, "A,B,C"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := imported()
			for _, id := range []string{"B", "C"} {
				got.Operations = append(got.Operations, &connectorv1.Operation{
					OperationId: id, Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION, Method: "GET", Path: "/" + id,
				})
			}
			overlay.Apply(parse(t, strings.Replace(page, "{", `{"`+overlay.Order+`": `+row.order+`,`, 1)), got,
				func(at *document.Node, err error) { t.Errorf("%s: %v", at.Pointer(), err) })
			var ids []string
			for _, op := range got.GetOperations() {
				ids = append(ids, op.GetOperationId())
			}
			if strings.Join(ids, ",") != row.want {
				t.Errorf("the operations are %q, want %q", ids, row.want)
			}
		})
	}
}

func FuzzApply(f *testing.F) {
	f.Add(page)
	f.Add(`{"x-ferrule-operations": [{"operationId": "B"}], "x-ferrule-operation-order": ["B"], "info": {"x-ferrule-title": null}}`)
	f.Add(`{"paths": {"/a": {"get": {"x-ferrule-parameters": [{}], "parameters": [{"x-ferrule-name": "b"}]}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := document.Parse("a.json", []byte(text))
		if err != nil {
			return
		}
		def := imported()
		overlay.Apply(doc.Root(), def, func(*document.Node, error) {})
		if err := definition.Validate(def); err != nil {
			t.Fatalf("%s makes a contradiction: %v", text, err)
		}
	})
}
