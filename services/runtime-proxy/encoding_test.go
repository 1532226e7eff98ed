package runtimeproxy_test

import (
	"encoding/json"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// TestHowValuesAreEncoded in the path (url_encoding single, which is the default, and
// double) and in the query, which is always encoded once. An input is what is meant,
// never what is sent: what looks encoded is encoded like anything else, so that the
// API gets it back as it was.
func TestHowValuesAreEncoded(t *testing.T) {
	tests := []struct{ name, value, single, double, query string }{
		{"letters, digits and what is never encoded", "aZ09-._~", "aZ09-._~", "aZ09-._~", "aZ09-._~"},
		{"a slash", "a/b", "a%2Fb", "a%252Fb", "a%2Fb"},
		{"a percent sign", "100%", "100%25", "100%2525", "100%25"},
		{"a question mark", "a?b", "a%3Fb", "a%253Fb", "a%3Fb"},
		{"a hash", "a#b", "a%23b", "a%2523b", "a%23b"},
		{"a space", "a b", "a%20b", "a%2520b", "a%20b"},
		{"a plus sign", "a+b", "a%2Bb", "a%252Bb", "a%2Bb"},
		{"what separates parameters", "a&b=c;d", "a%26b%3Dc%3Bd", "a%2526b%253Dc%253Bd", "a%26b%3Dc%3Bd"},
		{"other reserved characters", ":@!$'()*,", "%3A%40%21%24%27%28%29%2A%2C", "%253A%2540%2521%2524%2527%2528%2529%252A%252C", "%3A%40%21%24%27%28%29%2A%2C"},
		{"letters beyond ASCII", "ü€", "%C3%BC%E2%82%AC", "%25C3%25BC%25E2%2582%25AC", "%C3%BC%E2%82%AC"},
		{"a letter beyond the basic plane", "𝄞", "%F0%9D%84%9E", "%25F0%259D%2584%259E", "%F0%9D%84%9E"},
		{"what is encoded already", "a%2Fb%20c", "a%252Fb%2520c", "a%25252Fb%252520c", "a%252Fb%2520c"},
		{"an address of mail", "ann+1@example.com", "ann%2B1%40example.com", "ann%252B1%2540example.com", "ann%2B1%40example.com"},
		{"a whole URL", "https://a.example/x?y=1", "https%3A%2F%2Fa.example%2Fx%3Fy%3D1", "https%253A%252F%252Fa.example%252Fx%253Fy%253D1", "https%3A%2F%2Fa.example%2Fx%3Fy%3D1"},
	}
	rec := record(t, always(200, `{}`))
	s := start(t, rec.url, func(d *connectorv1.Definition) {
		parameter := func(name string, encoding connectorv1.UrlEncoding, at connectorv1.ParameterLocation) *connectorv1.Parameter {
			return &connectorv1.Parameter{Name: name, Required: true, Location: at, UrlEncoding: encoding, Schema: []byte(`{"type":"string"}`)}
		}
		const inPath = connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH
		d.Operations = append(d.Operations, &connectorv1.Operation{
			OperationId: "Encode", Method: "GET", Path: "/d/{default}/s/{single}/t('{double}')",
			Parameters: []*connectorv1.Parameter{
				parameter("default", connectorv1.UrlEncoding_URL_ENCODING_UNSPECIFIED, inPath),
				parameter("single", connectorv1.UrlEncoding_URL_ENCODING_SINGLE, inPath),
				parameter("double", connectorv1.UrlEncoding_URL_ENCODING_DOUBLE, inPath),
				parameter("q", connectorv1.UrlEncoding_URL_ENCODING_DOUBLE, connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY),
			},
		})
	})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			input, err := json.Marshal(map[string]string{"default": tt.value, "single": tt.value, "double": tt.value, "q": tt.value})
			must(t, err)
			must(t, second(s.call("Encode", string(input))))
			all := rec.all()
			want := "/api/d/" + tt.single + "/s/" + tt.single + "/t('" + tt.double + "')?q=" + tt.query
			if got := all[len(all)-1].RequestURI; got != want {
				t.Errorf("sent %s, want %s", got, want)
			}
		})
	}
}
