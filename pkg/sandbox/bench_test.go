package sandbox_test

import (
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/sandbox"
)

// transform is a script of the usual kind: it reshapes a body of 1 KiB.
const transform = `
export function before(request, ctx) {
  const body = request.json()
  const items = (body.items ?? []).map((item) => ({
    id: String(item.id),
    title: item.name.trim().toUpperCase(),
    tags: [...new Set(item.tags)].sort(),
    price: Math.round(item.price * 100),
  }))
  const url = new URL(request.url)
  url.searchParams.set('count', items.length)
  for (const name of ['a', 'b']) {
    url.searchParams.delete(name)
  }
  request.url = url
  request.headers.set('X-Operation', ctx.operationId)
  if (items.some((item) => item.price > 1e9)) {
    throw new Error('too expensive')
  }
  request.setJson({ data: { items }, total: items.reduce((sum, item) => sum + item.price, 0) })
}`

// usual is the invocation of it.
func usual() sandbox.Invocation {
	body := []byte(`{"items":[`)
	for n := range 12 {
		if n > 0 {
			body = append(body, ',')
		}
		body = append(body, `{"id":1017,"name":" some thing ","tags":["x","b","x"],"price":12.5,"more":"xxxxxxxx"}`...)
	}
	body = append(body, "]}"...)
	return sandbox.Invocation{
		Program: sandbox.Program{Name: "transform.js", Source: transform}, Function: sandbox.Before,
		Request: &sandbox.Request{
			Method: "POST", URL: "https://api.example/v1/items?a=1&c=2", Body: body,
			Header: []sandbox.Field{{Name: "Content-Type", Value: "application/json"}, {Name: "Accept", Value: "*/*"}},
		},
		OperationID: "CreateItems", ConnectionID: "c", Host: &host{},
	}
}

func BenchmarkPooledCall(b *testing.B) {
	p := newPool(b, sandbox.Options{Size: 1})
	i := usual()
	for b.Loop() {
		if _, err := p.Run(b.Context(), i); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPooledCallsInParallel(b *testing.B) {
	p := newPool(b, sandbox.Options{Size: 2})
	b.RunParallel(func(pb *testing.PB) {
		i := usual()
		for pb.Next() {
			if _, err := p.Run(b.Context(), i); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkCallWithADigest(b *testing.B) {
	p := newPool(b, sandbox.Options{Size: 1})
	i := handling(`export function handle(request) { return { body: crypto.hmac('sha256', 'key', request.url, 'base64') } }`)
	for b.Loop() {
		if _, err := p.Run(b.Context(), i); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCallOfAFreshWorker(b *testing.B) {
	i := usual()
	for b.Loop() {
		p := sandbox.New(sandbox.Options{Size: 1})
		if _, err := p.Run(b.Context(), i); err != nil {
			b.Fatal(err)
		}
		p.Close()
	}
}
