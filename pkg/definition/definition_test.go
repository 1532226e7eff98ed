package definition_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

func TestADefinitionIsWrittenAsItIsRead(t *testing.T) {
	def := parse(t, small)
	if err := definition.Validate(def); err != nil {
		t.Error(err)
	}
	text, err := definition.Marshal(def)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(small, string(text)); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	if got := string(def.GetSchemas()[0].GetJson()); got != `{"type":"object","properties":{"zeta":{},"alpha":{"$ref":"#/$defs/Item"}}}` {
		t.Errorf("the schema is %s", got)
	}
}

func TestEverythingThatTheModelHasSurvives(t *testing.T) {
	for seed := range uint64(100) {
		def := &connectorv1.Definition{}
		filled(rand.New(rand.NewPCG(seed, 1)), def.ProtoReflect())
		text, err := definition.Marshal(def)
		if err != nil {
			t.Fatal(err)
		}
		again, err := definition.Unmarshal(text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if diff := cmp.Diff(def, again, protocmp.Transform()); diff != "" {
			t.Fatalf("definition (-want +got):\n%s", diff)
		}
		if second, err := definition.Marshal(proto.CloneOf(def)); err != nil || !bytes.Equal(text, second) {
			t.Fatalf("the same definition is written differently: %v", err)
		}
	}
}

func TestAnEmptyDefinitionIsAnEnvelope(t *testing.T) {
	for _, def := range []*connectorv1.Definition{nil, {}} {
		text, err := definition.Marshal(def)
		if want := "{\n  \"ferrule\": \"1\"\n}\n"; err != nil || string(text) != want {
			t.Errorf("Marshal = %q, %v, want %q", text, err, want)
		}
	}
	if def := parse(t, ` { "ferrule" : "1" } `); !proto.Equal(def, &connectorv1.Definition{}) {
		t.Errorf("Unmarshal = %v", def)
	}
}

func TestEnumerationsAreReadInAllTheirForms(t *testing.T) {
	for _, word := range []string{
		"POLLING_TRIGGER", "polling_trigger", "polling-trigger", "Polling-Trigger", "OPERATION_KIND_POLLING_TRIGGER",
		"operation_kind_polling_trigger",
	} {
		def := parse(t, edited(t, `"ACTION"`, `"`+word+`"`))
		if got := def.GetOperations()[0].GetKind(); got != connectorv1.OperationKind_OPERATION_KIND_POLLING_TRIGGER {
			t.Errorf("%q is read as %s", word, got)
		}
	}
}

func TestTextsThatAreRefused(t *testing.T) {
	deep := strings.Repeat("[", definition.MaxDepth+1) + strings.Repeat("]", definition.MaxDepth+1)
	for _, row := range []struct {
		name, text string
		reason     fault.Reason
		pointer    string
	}{
		{"nothing", ``, fault.ReasonDocumentSyntax, ""},
		{"not JSON", `{"ferrule": "1",}`, fault.ReasonDocumentSyntax, ""},
		{"cut off", small[:len(small)/2], fault.ReasonDocumentSyntax, ""},
		{"cut off in a schema", `{"ferrule":"1","schemas":[{"json":{"a":`, fault.ReasonDocumentSyntax, ""},
		{"invalid UTF-8", "{\"ferrule\":\"\xff\"}", fault.ReasonDocumentSyntax, "/ferrule"},
		{"a list", `[]`, fault.ReasonDefinitionInvalid, ""},
		{"no version", `{}`, fault.ReasonDefinitionInvalid, ""},
		{"another version", `{"ferrule":"2"}`, fault.ReasonDefinitionInvalid, "/ferrule"},
		{"a version that is a number", `{"ferrule":1}`, fault.ReasonDefinitionInvalid, "/ferrule"},
		{"an unknown member", edited(t, `"title"`, `"tilte"`), fault.ReasonDefinitionInvalid, "/info/tilte"},
		{"a version deeper down", edited(t, `"title": "Items"`, `"ferrule": "1"`), fault.ReasonDefinitionInvalid, "/info/ferrule"},
		{"a name of the wire form", edited(t, `"operationId"`, `"operation_id"`), fault.ReasonDefinitionInvalid, "/operations/0/operation_id"},
		{"a member twice", edited(t, `"title"`, `"title": "x", "title"`), fault.ReasonDefinitionInvalid, "/info/title"},
		{"a key of a schema twice", edited(t, `"zeta"`, `"alpha"`), fault.ReasonDefinitionInvalid, "/schemas/0/json/properties/alpha"},
		{"null", edited(t, `"Items"`, `null`), fault.ReasonDefinitionInvalid, "/info/title"},
		{"a number where text is wanted", edited(t, `"Items"`, `7`), fault.ReasonDefinitionInvalid, "/info/title"},
		{"text where truth is wanted", edited(t, `true`, `"true"`), fault.ReasonDefinitionInvalid, "/operations/0/parameters/0/required"},
		{"an object where a list is wanted", `{"ferrule":"1","servers":{}}`, fault.ReasonDefinitionInvalid, "/servers"},
		{"a list where an object is wanted", `{"ferrule":"1","info":[]}`, fault.ReasonDefinitionInvalid, "/info"},
		{"an unknown kind", edited(t, `"ACTION"`, `"ACTOIN"`), fault.ReasonDefinitionInvalid, "/operations/0/kind"},
		{"two kinds", edited(t, `"apiKey": {`, `"mutualTls": {}, "apiKey": {`), fault.ReasonDefinitionInvalid, "/securitySchemes/0/apiKey"},
		{"a fraction", `{"ferrule":"1","operations":[{"family":{"revision":1.5}}]}`, fault.ReasonDefinitionInvalid, "/operations/0/family/revision"},
		{"a number that is too large", `{"ferrule":"1","operations":[{"family":{"revision":2147483648}}]}`, fault.ReasonDefinitionInvalid, "/operations/0/family/revision"},
		{"a map with a number", `{"ferrule":"1","parameterSets":[{"parameters":[{"oauth":{"properties":{"a":1}}}]}]}`, fault.ReasonDefinitionInvalid, "/parameterSets/0/parameters/0/oauth/properties/a"},
		{"a map that is a list", `{"ferrule":"1","parameterSets":[{"parameters":[{"oauth":{"properties":[]}}]}]}`, fault.ReasonDefinitionInvalid, "/parameterSets/0/parameters/0/oauth/properties"},
		{"text behind it", small + "x", fault.ReasonDefinitionInvalid, ""},
		{"a schema that is too deep", `{"ferrule":"1","schemas":[{"json":` + deep + `}]}`, fault.ReasonDefinitionInvalid, "/schemas/0/json"},
		{"a document that is too deep", strings.Repeat("[", 10_000), fault.ReasonDocumentTooDeep, ""},
		{"too many bytes", strings.Repeat(" ", definition.MaxBytes+1), fault.ReasonDocumentTooLarge, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := definition.Unmarshal([]byte(row.text))
			if fault.ReasonOf(err) != row.reason || fault.CodeOf(err) != fault.CodeInvalidArgument {
				t.Fatalf("Unmarshal: %v, want %s", err, row.reason)
			}
			if got := fault.From(err).Meta()["pointer"]; got != row.pointer && row.reason == fault.ReasonDefinitionInvalid {
				t.Errorf("pointer %q, want %q: %v", got, row.pointer, err)
			}
		})
	}
}

func TestSyntaxErrorsSayWhere(t *testing.T) {
	_, err := definition.Unmarshal([]byte("{\n  \"ferrule\": \"1\",\n  \"info\": {\"title\": \"é\", x}}"))
	if meta := fault.From(err).Meta(); meta["line"] != "3" || meta["column"] != "26" || meta["pointer"] != "/info" {
		t.Errorf("%v at %v", err, meta)
	}
}

func TestWhatCannotBeWritten(t *testing.T) {
	deep := strings.Repeat("[", definition.MaxDepth+1) + strings.Repeat("]", definition.MaxDepth+1)
	for _, row := range []struct {
		name string
		def  *connectorv1.Definition
	}{
		{"a schema that is not JSON", &connectorv1.Definition{Schemas: []*connectorv1.Schema{{Name: "a", Json: []byte("{")}}}},
		{"a schema with text behind it", &connectorv1.Definition{Schemas: []*connectorv1.Schema{{Name: "a", Json: []byte("{}{}")}}}},
		{"a schema that is too deep", &connectorv1.Definition{Schemas: []*connectorv1.Schema{{Name: "a", Json: []byte(deep)}}}},
		{"an example that is empty", &connectorv1.Definition{Operations: []*connectorv1.Operation{{
			Parameters: []*connectorv1.Parameter{{Examples: [][]byte{{}}}},
		}}}},
		{"an unknown kind", &connectorv1.Definition{Operations: []*connectorv1.Operation{{Kind: 99}}}},
		{"a title that is not UTF-8", &connectorv1.Definition{Info: &connectorv1.Info{Title: "\xff"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if text, err := definition.Marshal(row.def); fault.ReasonOf(err) != fault.ReasonDefinitionInvalid {
				t.Errorf("Marshal = %s, %v", text, err)
			}
		})
	}
}

func TestBracketsInTextAreNotDepth(t *testing.T) {
	text := `{"ferrule":"1","info":{"title":"` + strings.Repeat(`\"[{`, 1000) + `"}}`
	if got := parse(t, text).GetInfo().GetTitle(); got != strings.Repeat(`"[{`, 1000) {
		t.Errorf("the title is %q", got)
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(`{"ferrule":"1","parameterSets":[{"parameters":[{"oauth":{"properties":{"a":"1"}}}]}]}`))
	f.Add([]byte(`{"ferrule":"1","schemas":[{"name":"a","json":{"$ref":"#/$defs/a~1b"}}]}`))
	f.Add([]byte(`{"ferrule":"1","connectionTest":{"operationId":"x","input":[1e9999,"\ud800"]}}`))
	f.Add([]byte("\xef\xbb\xbf{}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		def, err := definition.Unmarshal(text)
		if err != nil {
			return
		}
		_ = definition.Validate(def)
		written, err := definition.Marshal(def)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := definition.Unmarshal(written)
		if err != nil || !proto.Equal(def, again) {
			t.Fatalf("it changed: %v\n%s", err, written)
		}
	})
}
