package postman_test

import (
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	importing "github.com/ferrule-dev/ferrule/services/registry/internal/importer/postman"
)

// nasty are values that mean something else in a URL, unless they are escaped.
var nasty = []string{"a", "two words", "a+b", "a&b=c", "50%", "%20", "#", "?", "a/b", "äöü 中文", "\"quoted\"", "=", "1.50", "true", "007", "<b>", "a,b", ";", "'"}

// sends is the address that Postman sends the first request of a collection to:
// variables are replaced by their values, and what is no URL yet is encoded.
func sends(tb testing.TB, collection *document.Node) *url.URL {
	tb.Helper()
	raw := collection.At("/item/0/request/url").Str("raw")
	for range 3 {
		for _, v := range collection.Get("variable").Children() {
			raw = strings.ReplaceAll(raw, "{{"+v.Str("key")+"}}", v.Str("value"))
		}
	}
	address, err := url.Parse(raw)
	if err != nil {
		tb.Fatalf("Postman cannot send a request to %q: %v", raw, err)
	}
	return address
}

func TestPostmanSendsTheValuesOfTheDefinition(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 10))
		pick := func() string { return nasty[r.IntN(len(nasty))] }
		op, query, headers := operation("GET", "/a/b"), url.Values{}, []string{}
		for range r.IntN(5) {
			name, value := pick(), pick()
			if query.Has(name) {
				continue
			}
			p := parameter(name, inQuery, `{"type":"string"}`, string(document.AppendString(nil, value)))
			if p.Required = r.IntN(3) > 0; p.Required {
				query.Set(name, value)
			}
			op.Parameters = append(op.Parameters, p)
		}
		for _, name := range []string{"X-A", "X-B"} {
			value := pick()
			p := parameter(name, inHeader, `{"type":"string"}`, string(document.AppendString(nil, value)))
			if p.Required = r.IntN(2) == 0; p.Required {
				headers = append(headers, name+"="+value)
			}
			op.Parameters = append(op.Parameters, p)
		}
		def := definition(op)
		def.Servers[0] = &connectorv1.Server{UrlTemplate: "https://{tenant}.example.com/v1", Variables: []*connectorv1.ServerVariable{{Name: "tenant", DefaultValue: "acme"}}}
		collection := root(t, def)
		address := sends(t, collection)
		got, err := url.ParseQuery(address.RawQuery)
		if diff := cmp.Diff(query, got); diff != "" || err != nil {
			t.Fatalf("seed %d: the query is %q, %v (-want +got):\n%s", seed, address.RawQuery, err, diff)
		}
		if address.Scheme+"://"+address.Host+address.Path != "https://acme.example.com/v1/a/b" {
			t.Fatalf("seed %d: the request goes to %s", seed, address)
		}
		sent := []string{}
		for _, h := range collection.At("/item/0/request/header").Children() {
			if !h.True("disabled") {
				sent = append(sent, h.Str("key")+"="+h.Str("value"))
			}
		}
		if diff := cmp.Diff(headers, sent); diff != "" {
			t.Fatalf("seed %d: headers (-want +got):\n%s", seed, diff)
		}
	}
}

func TestNamesOfParametersComeBackWhateverTheyAre(t *testing.T) {
	for _, name := range append(nasty, "{{x}}", "{y}", ":z", "$filter", "ids[]", "a.b", "credential_x", "X-Api-Key", "token", "Authorization") {
		t.Run(name, func(t *testing.T) {
			def := definition(operation("GET", "/a", parameter(name, inQuery, `{"type":"string"}`, `"v"`)))
			for _, required := range []bool{true, false} {
				def.Operations[0].Parameters[0].Required = required
				again := imported(t, importing.Importer{}, exported(t, def).Files...)
				list := again.GetOperations()[0].GetParameters()
				if len(list) != 1 || list[0].GetName() != name || list[0].GetLocation() != inQuery {
					t.Errorf("required %t: it comes back as %v", required, list)
				}
			}
		})
	}
}

func TestAnExportOfAnImportOfAnExportIsTheSame(t *testing.T) {
	op := operation("POST", "/a/{id}/x-{no}", parameter("id", inPath, `{"type":"integer"}`, "7"), parameter("no", inPath, `{"type":"string"}`),
		parameter("q", inQuery, `{"type":"string"}`, `"a b"`), parameter("X-H", inHeader, `{"type":"integer","default":5}`))
	op.RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{
		MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Examples: [][]byte{[]byte(`{"a":1.50,"b":[null,"<x>"]}`)},
	}}}
	def := definition(op)
	def.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{bearer("t"), apiKey("X-Key", keyHeader)}
	once := imported(t, importing.Importer{}, exported(t, def).Files...)
	twice := imported(t, importing.Importer{}, exported(t, once).Files...)
	ids := func(d *connectorv1.Definition) []string {
		var list []string
		for _, s := range d.GetSecuritySchemes() {
			list = append(list, s.GetId())
		}
		return list
	}
	if !slices.Equal(ids(once), ids(twice)) || !proto.Equal(once.GetOperations()[0].GetRequestBody(), twice.GetOperations()[0].GetRequestBody()) {
		t.Errorf("once %v\ntwice %v", once, twice)
	}
	for i, p := range once.GetOperations()[0].GetParameters() {
		if other := twice.GetOperations()[0].GetParameters()[i]; p.GetName() != other.GetName() || p.GetLocation() != other.GetLocation() {
			t.Errorf("the parameter %d is %v, and then %v", i, p, other)
		}
	}
}
