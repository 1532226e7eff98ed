package conformance_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDescriptionsSayTheSameToTheMockServer(t *testing.T) {
	const swagger2, openapi3 = `{"swagger":"2.0","paths":{"/a":{"post":{`, `{"openapi":"3.0.0","paths":{"/a":{"post":{`
	for _, row := range []struct{ name, given, want string }{
		{
			"what it reads stays as it is",
			`{"swagger":"2.0","consumes":["text/csv"],"paths":{"/a/{b_1}":{"get":{"parameters":[{"in":"path","name":"b_1","type":"string"},{"in":"header","name":"X-A","required":true,"type":"string","enum":["true"]}]}}}}`,
			`{"swagger":"2.0","consumes":["text/csv"],"paths":{"/a/{b_1}":{"get":{"consumes":["text/csv"],"parameters":[{"in":"path","name":"b_1","type":"string"},{"in":"header","name":"X-A","required":true,"type":"string","enum":["true"]}]}}}}`,
		},
		{
			"names in paths, also of parameters that are shared",
			`{"swagger":"2.0","parameters":{"P":{"in":"path","name":"b-c d"}},"paths":{"/{b-c d}":{"parameters":[{"$ref":"#/parameters/P"}],"get":{},"put":{}},"/x/{b-c d}":{"get":{"parameters":[{"$ref":"#/parameters/P"}]}}}}`,
			`{"swagger":"2.0","parameters":{"P":{"in":"path","name":"b_2dc_20d"}},"paths":{"/{b_2dc_20d}":{"parameters":[{"$ref":"#/parameters/P"}],"get":{},"put":{}},"/x/{b_2dc_20d}":{"get":{"parameters":[{"$ref":"#/parameters/P"}]}}}}`,
		},
		{"a body without a media type", swagger2 + `"parameters":[{"in":"body","name":"b"}]}}}}`, swagger2 + `"consumes":["application/json"],"parameters":[{"in":"body","name":"b"}]}}}}`},
		{"a form without a media type of forms", swagger2 + `"consumes":["application/json"],"parameters":[{"in":"formData","name":"b"}]}}}}`, swagger2 + `"consumes":["application/json","multipart/form-data","application/x-www-form-urlencoded"],"parameters":[{"in":"formData","name":"b"}]}}}}`},
		{"media types that a parameter lists", swagger2 + `"consumes":["text/plain"],"parameters":[{"in":"header","name":"content-type","type":"string","enum":["text/csv"]}]}}}}`, swagger2 + `"consumes":["text/plain","text/csv"],"parameters":[{"in":"header","name":"content-type","type":"string","enum":["text/csv"]}]}}}}`},
		{"header fields that cannot be sent", swagger2 + `"parameters":[{"in":"header","name":"a b"},{"in":"query","name":"a b"}]}}}}`, swagger2 + `"parameters":[{"in":"query","name":"a b"}]}}}}`},
		{"header parameters that do not count", openapi3 + `"parameters":[{"in":"header","name":"Accept"},{"in":"header","name":"X"}]}}}}`, openapi3 + `"parameters":[{"in":"header","name":"X"}]}}}}`},
		{"flags in quotes, and without a type", openapi3 + `"parameters":[{"in":"query","name":"a","schema":{"type":"boolean","enum":["true"]}},{"in":"query","name":"b","schema":{"enum":[false]}},{"in":"query","name":"c","schema":{"enum":["true"]}}]}}}}`, openapi3 + `"parameters":[{"in":"query","name":"a","schema":{"type":"boolean","enum":[true]}},{"in":"query","name":"b","schema":{"type":"boolean","enum":[false]}},{"in":"query","name":"c","schema":{"enum":["true"]}}]}}}}`},
		{"lists in queries that may be null", openapi3 + `"parameters":[{"in":"query","name":"a","schema":{"type":"array","nullable":true}}]}}}}`, openapi3 + `"parameters":[{"in":"query","name":"a","schema":{"type":"array"}}]}}}}`},
		{"lists in headers that may be missing", openapi3 + `"parameters":[{"in":"header","name":"a","schema":{"type":"array"}},{"in":"header","name":"b","required":true,"schema":{"type":"array"}}]}}}}`, openapi3 + `"parameters":[{"in":"header","name":"a","schema":{"type":"string"}},{"in":"header","name":"b","required":true,"schema":{"type":"array"}}]}}}}`},
		{"bodies that are texts", openapi3 + `"requestBody":{"content":{"text/xml":{"schema":{"type":"object"}},"text/json":{"schema":{"type":"object"}}}}}}}}`, openapi3 + `"requestBody":{"content":{"text/xml":{},"text/json":{"schema":{"type":"object"}}}}}}}}`},
		{"lists in forms", openapi3 + `"requestBody":{"content":{"multipart/form-data":{"schema":{"properties":{"a":{"type":"array","items":{"type":"string"}},"b":{"type":"array","items":{"type":"object"}}}}}}}}}}}`, openapi3 + `"requestBody":{"content":{"multipart/form-data":{"encoding":{"a":{"style":"form","explode":true,"allowReserved":true}},"schema":{"properties":{"a":{"type":"array","items":{"type":"string"}},"b":{"type":"array","items":{"type":"object"}}}}}}}}}}}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := newDocument([]byte(row.given))
			if err != nil {
				t.Fatal(err)
			}
			want, err := newDocument([]byte(row.want))
			if err != nil {
				t.Fatal(err)
			}
			got.readable()
			if diff := cmp.Diff(string(writeJSON(want.root)), string(writeJSON(got.root))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
