package dynamic

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dotpath"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/paging"
)

// fetchSchema makes the call and takes the schema out of its answer.
func (p *plan) fetchSchema(ctx context.Context, q *Question) (jsontext.Value, error) {
	id := p.operation.GetOperationId()
	answer, err := q.Call(ctx, id, p.constants, paging.Ask{Input: p.input})
	if err != nil {
		return nil, callFault(id, err)
	}
	if err := failed(id, answer); err != nil {
		return nil, err
	}
	v, ok := dotpath.Find(answer.Body, p.schema.GetPath())
	switch {
	case !ok && p.schema.GetPath() != "":
		return nil, unavailable(id, "its answer has nothing at %q", p.schema.GetPath())
	case !ok || v.Kind() == 'n':
		v = jsontext.Value("{}")
	case len(v) > MaxSchema:
		return nil, unavailable(id, "its schema is larger than %d MiB", MaxSchema>>20)
	}
	kind := v.Kind()
	isFlag := kind == 't' || kind == 'f'
	if kind != '{' && (!isFlag || p.schema.GetPropertiesOnly()) || !v.IsValid() {
		return nil, unavailable(id, "what it answered is no schema")
	}
	if p.schema.GetPropertiesOnly() {
		out := append(jsontext.Value(`{"type":"object","properties":`), v...)
		return append(out, '}'), nil
	}
	return v.Clone(), nil
}
