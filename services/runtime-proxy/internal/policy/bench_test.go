package policy_test

import (
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

func benchmark(b *testing.B, body string, list ...*connectorv1.Policy) {
	b.Helper()
	program, err := policy.Compile("Op", list)
	if err != nil {
		b.Fatal(err)
	}
	r := &request.Request{Header: map[string][]string{"Authorization": {"fh0011"}, "Accept": {"*/*"}}}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		r.Body = []byte(body)
		r.Header["Authorization"][0] = "fh0011"
		e := policy.Exchange{Request: r, Parameter: parameter}
		if err := policy.Run(ctx, program.Request, &e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTwoConstantHeaders(b *testing.B) {
	benchmark(b, "",
		newPolicy("setheader", "", map[string]string{"name": "Accept", "value": "application/json"}),
		newPolicy("setheader", "", map[string]string{"name": "User-Agent", "value": "ferrule"}))
}

func BenchmarkTwoHeadersOneWithACredential(b *testing.B) {
	benchmark(b, "",
		newPolicy("setheader", "", map[string]string{"name": "Accept", "value": "application/json"}),
		newPolicy("setheader", "", map[string]string{"name": "Authorization", "value": "Bearer @headers('Authorization')"}))
}

func BenchmarkOneProperty(b *testing.B) {
	benchmark(b, `{"items":[`+many(`{"id":1,"name":"a thing","tags":["x","y"]}`, 20)+`]}`,
		newPolicy("setproperty", "", map[string]string{"newPropertyParentPathTemplate": "@body()", "newPropertySubPathTemplate": "version", "propertyValuePathTemplate": "v1"}))
}

// What a constant costs is the slice that holds it: nothing else is allocated.
func TestAConstantHeaderAllocatesItsSliceOnly(t *testing.T) {
	program, err := policy.Compile("Op", []*connectorv1.Policy{newPolicy("setheader", "", map[string]string{"name": "Accept", "value": "a"})})
	if err != nil {
		t.Fatal(err)
	}
	e := &policy.Exchange{Request: &request.Request{Header: map[string][]string{"Accept": {"b"}}}}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { _ = policy.Run(ctx, program.Request, e) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
