package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/plan"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// contradictory is an operation whose description does not list what it prescribes.
func contradictory() *connectorv1.Definition {
	def := operation("/items",
		&parameter{Name: "version", Location: inQuery, Schema: []byte(`{"type":"string","enum":["2022-05-01"]}`)},
		&parameter{Name: "form", Location: inQuery, Schema: []byte(`{"type":"string","default":"long","enum":["short"],"maxLength":3}`)},
		&parameter{Name: "code", Location: inHeader, Schema: []byte(`{"type":"string","pattern":"^[a-z]+$"}`)},
		&parameter{Name: "tags", Location: inQuery, Schema: []byte(`{"type":"array","items":{"type":"string","enum":["a"]}}`)})
	def.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{
		MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON,
		Schema: []byte(`{"type":"object","required":["kind"],"properties":{
			"kind":{"type":"string","default":"old","enum":["new"]},
			"mode":{"type":"string","default":"x1","pattern":"^[a-z]+$","x-ms-visibility":"internal"},
			"size":{"type":"integer","maximum":10},
			"list":{"type":"array","items":{"type":"object","required":["n"],"properties":{"n":{"type":"integer","default":0,"minimum":1}}}}}}`),
	}}}
	return def
}

func TestWhatADescriptionPrescribesIsSentAlthoughItsListsLackIt(t *testing.T) {
	for _, row := range []struct{ name, input, constants, target, body string }{
		{"defaults of parameters", `{}`, ``, "/items?form=long", ``},
		{"a constant that is not listed", `{"version":"2016-06-01"}`, `{"version":"2016-06-01"}`, "/items?version=2016-06-01&form=long", ``},
		{"a constant that does not match the pattern", `{"code":"A1"}`, `{"code":"A1"}`, "/items?form=long", ``},
		{"a number where a text is listed", `{"version":2016}`, `{"version":2016}`, "/items?version=2016&form=long", ``},
		{"elements of a list", `{"tags":["b","c"]}`, `{"tags":["b","c"]}`, "/items?form=long&tags=b,c", ``},
		{"defaults of properties", `{"body":{"size":1}}`, ``, "/items?form=long", `{"size":1,"kind":"old","mode":"x1"}`},
		{"defaults inside of lists", `{"body":{"list":[{}]}}`, ``, "/items?form=long", `{"list":[{"n":0}],"kind":"old","mode":"x1"}`},
		{"a body that is prescribed", `{"body":{"kind":"k","size":11}}`, `{"body":{"kind":"k","size":11}}`, "/items?form=long", `{"kind":"k","size":11,"mode":"x1"}`},
		{"a property that is prescribed", `{"body":{"kind":"new","size":11}}`, `{"body":{"size":11}}`, "/items?form=long", `{"kind":"new","size":11,"mode":"x1"}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			op, err := plan.New(contradictory()).Operation("Op")
			if err != nil {
				t.Fatal(err)
			}
			args, err := op.ReadPrescribed([]byte(row.input), []byte(row.constants))
			if err != nil {
				t.Fatal(err, fault.From(err).Violations())
			}
			var req request.Request
			if err := op.Build(args, &req); err != nil {
				t.Fatal(err)
			}
			if row.body == "" {
				req.Body = nil
			}
			if diff := cmp.Diff([]string{row.target, row.body}, []string{req.Target(), string(req.Body)}); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatACallerSaysIsCheckedBesideWhatIsPrescribed(t *testing.T) {
	for _, row := range []struct{ name, input, constants, field string }{
		{"a value that is not listed", `{"version":"2016-06-01"}`, ``, "version"},
		{"another value than the constant", `{"version":"2017"}`, `{"version":"2016-06-01"}`, "version"},
		{"a constant of another parameter", `{"version":"2016"}`, `{"code":"2016"}`, "version"},
		{"a value that could be the default", `{"form":"long"}`, ``, "form"},
		{"a property that could be the default", `{"body":{"kind":"old"}}`, ``, "body.kind"},
		{"a property beside constants", `{"body":{"kind":"k","size":12}}`, `{"body":{"kind":"k","size":11}}`, "body.size"},
		{"an element beside constants", `{"tags":["b","c"]}`, `{"tags":["b"]}`, "tags[1]"},
		{"a constant of a type that cannot be sent", `{"body":{"size":"many"}}`, `{"body":{"size":"many"}}`, "body.size"},
	} {
		t.Run(row.name, func(t *testing.T) {
			op, err := plan.New(contradictory()).Operation("Op")
			if err != nil {
				t.Fatal(err)
			}
			_, err = op.ReadPrescribed([]byte(row.input), []byte(row.constants))
			if fault.ReasonOf(err) != fault.ReasonInputInvalid {
				t.Fatalf("error %v, want INPUT_INVALID", err)
			}
			if found := fault.From(err).Violations(); len(found) != 1 || found[0].Field != row.field {
				t.Errorf("violations %v, want one of %s", found, row.field)
			}
		})
	}
}
