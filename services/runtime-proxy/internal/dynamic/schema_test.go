package dynamic_test

import (
	"context"
	"strings"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dynamic"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/paging"
)

func schema(side, pointer, rest string) string {
	return `{"side":"DYNAMIC_SIDE_` + side + `","pointer":"` + pointer + `","schema":{"call":{"operationId":"List","arguments":[{"pointer":"/kind","input":"/kind","required":true}]}` + rest + `}}`
}

func TestSchemas(t *testing.T) {
	output := connectorv1.DynamicSide_DYNAMIC_SIDE_OUTPUT
	input := connectorv1.DynamicSide_DYNAMIC_SIDE_INPUT
	for _, row := range []struct {
		name, feature string
		side          connectorv1.DynamicSide
		pointer       string
		answer, want  string
	}{
		{"the body is the schema", schema("OUTPUT", "", ""), output, "", ` {"type":"object"} `, `{"type":"object"}`},
		{"a schema at a path", schema("INPUT", "/body", `,"path":"data.schema"`), input, "/body", `{"data":{"schema":{"type":"array"}}}`, `{"type":"array"}`},
		{"the body is the properties", schema("OUTPUT", "", `,"propertiesOnly":true`), output, "", `{"a":{"type":"string"}}`, `{"type":"object","properties":{"a":{"type":"string"}}}`},
		{"properties at a path", schema("INPUT", "/body", `,"path":"schema.properties","propertiesOnly":true`), input, "/body", `{"schema":{"properties":{"a":{"default":1.10}}}}`, `{"type":"object","properties":{"a":{"default":1.10}}}`},
		{"null stands for an empty object", schema("INPUT", "/body", `,"path":"schema"`), input, "/body", `{"schema":null}`, `{}`},
		{"null for no properties", schema("INPUT", "/body", `,"path":"p","propertiesOnly":true`), input, "/body", `{"p":null}`, `{"type":"object","properties":{}}`},
		{"no content", schema("INPUT", "/body", ""), input, "/body", ``, `{}`},
		{"everything goes", schema("INPUT", "/body", ""), input, "/body", `true`, `true`},
		{"an element of an array", schema("OUTPUT", "/value/*", ""), output, "/value/0", `{"type":"object"}`, `{"type":"object"}`},
		{"the element that stands for all", schema("OUTPUT", "/value/*", ""), output, "/value/*", `{"type":"object"}`, `{"type":"object"}`},
		{"the side that was asked for", schema("INPUT", "", `,"path":"in"`) + "," + schema("OUTPUT", "", `,"path":"out"`), output, "", `{"in":{"a":1},"out":{"b":2}}`, `{"b":2}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, _ := resolver(t)
			a := &api{answers: map[string]string{`List {"kind":"x"}`: row.answer}}
			q := question(definition(t, row.feature, ""), a, row.pointer, `{"kind":"x"}`, "")
			q.Side = row.side
			if got, err := r.Schema(t.Context(), q); err != nil || string(got) != row.want {
				t.Errorf("schema %s, %v; want %s", got, err, row.want)
			}
		})
	}
}

func TestSchemasThatAreNotAvailable(t *testing.T) {
	for _, row := range []struct {
		name, feature, input, answer string
		status                       int
		reason                       fault.Reason
	}{
		{"nothing at the path", schema("INPUT", "/body", `,"path":"schema"`), `{"kind":"x"}`, `{}`, 200, fault.ReasonDynamicNotAvailable},
		{"a list", schema("INPUT", "/body", ""), `{"kind":"x"}`, `[]`, 200, fault.ReasonDynamicNotAvailable},
		{"a text", schema("INPUT", "/body", ""), `{"kind":"x"}`, `"object"`, 200, fault.ReasonDynamicNotAvailable},
		{"a boolean for properties", schema("INPUT", "/body", `,"propertiesOnly":true`), `{"kind":"x"}`, `true`, 200, fault.ReasonDynamicNotAvailable},
		{"no json", schema("INPUT", "/body", ""), `{"kind":"x"}`, `<html>`, 200, fault.ReasonDynamicNotAvailable},
		{"json that breaks off", schema("INPUT", "/body", ""), `{"kind":"x"}`, `{"a":`, 200, fault.ReasonDynamicNotAvailable},
		{"a name twice", schema("INPUT", "/body", ""), `{"kind":"x"}`, `{"type":"object","type":"array"}`, 200, fault.ReasonDynamicNotAvailable},
		{"something huge", schema("INPUT", "/body", ""), `{"kind":"x"}`, `{"a":"` + strings.Repeat("x", dynamic.MaxSchema) + `"}`, 200, fault.ReasonDynamicNotAvailable},
		{"a status that is no answer", schema("INPUT", "/body", ""), `{"kind":"x"}`, `{}`, 304, fault.ReasonDynamicNotAvailable},
		{"an input that is missing", schema("INPUT", "/body", ""), `{}`, `{}`, 200, fault.ReasonInputInvalid},
		{"the other side", schema("OUTPUT", "/body", ""), `{"kind":"x"}`, `{}`, 200, fault.ReasonInvalidArgument},
		{"choices at the pointer", values("", ""), `{}`, `{}`, 200, fault.ReasonInvalidArgument},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, _ := resolver(t)
			a := &api{answers: map[string]string{`List {"kind":"x"}`: row.answer}, status: row.status}
			got, err := r.Schema(t.Context(), question(definition(t, row.feature, ""), a, "/body", row.input, ""))
			if fault.ReasonOf(err) != row.reason {
				t.Errorf("schema %s, %v", got, err)
			}
		})
	}
}

// TestMemory tells a story: each line asks, and says whether the API was asked.
func TestMemory(t *testing.T) {
	def := definition(t, values(`{"pointer":"/site","input":"/s"}`, ""), "")
	r, clk := resolver(t)
	a := &api{answers: map[string]string{`List {}`: `[1]`, `List {"site":1}`: `[2]`}}
	same := func(*dynamic.Question) {}
	for _, row := range []struct {
		name   string
		before func()
		change func(*dynamic.Question)
		asked  bool
	}{
		{"the first time", nil, same, true},
		{"again", nil, same, false},
		{"with an input that the choices do not depend on", nil, func(q *dynamic.Question) { q.Input = []byte(`{"other":1}`) }, false},
		{"with one that they depend on", nil, func(q *dynamic.Question) { q.Input = []byte(`{"s":1}`) }, true},
		{"somebody else", nil, func(q *dynamic.Question) { q.Caller = "bob" }, true},
		{"another connection", nil, func(q *dynamic.Question) { q.Connection.ID = "other" }, true},
		{"another revision", nil, func(q *dynamic.Question) { q.Revision = "b2" }, true},
		{"fresh", nil, func(q *dynamic.Question) { q.Fresh = true }, true},
		{"just before a minute is over", func() { clk.Advance(59 * time.Second) }, same, false},
		{"after it", func() { clk.Advance(2 * time.Second) }, same, true},
		{"when another connection was dropped", func() { r.DropConnection(resource.Connection{Environment: "default", ID: "other"}) }, same, false},
		{"when its own was", func() { r.DropConnection(resource.Connection{Environment: "default", ID: "crm"}) }, same, true},
		{"when all were", r.DropAll, same, true},
	} {
		if row.before != nil {
			row.before()
		}
		a.calls = nil
		q := question(def, a, "/f", "", "")
		row.change(q)
		if _, err := r.Values(t.Context(), q); err != nil || (len(a.calls) == 1) != row.asked {
			t.Errorf("%s: calls %q, %v", row.name, a.calls, err)
		}
	}
}

func TestFailuresAreNotRemembered(t *testing.T) {
	r, _ := resolver(t)
	def := definition(t, values("", ""), "")
	a := &api{fails: fault.Unavailable(fault.ReasonUpstreamUnreachable, "no")}
	if _, err := r.Values(t.Context(), question(def, a, "/f", "", "")); err == nil {
		t.Fatal("no error")
	}
	a = &api{answers: map[string]string{`List {}`: `[1]`}}
	if _, err := r.Values(t.Context(), question(def, a, "/f", "", "")); err != nil {
		t.Error(err)
	}
}

// TestAnswersFromBeforeAChange: a connection that changes while its API is asked
// may have been asked with what is not its own any more.
func TestAnswersFromBeforeAChange(t *testing.T) {
	r, _ := resolver(t)
	def := definition(t, values("", ""), "")
	a := &api{answers: map[string]string{`List {}`: `[1]`}}
	q := question(def, a, "/f", "", "")
	inner := q.Call
	q.Call = func(ctx context.Context, op string, constants []byte, ask paging.Ask) (*paging.Answer, error) {
		r.DropConnection(q.Connection)
		return inner(ctx, op, constants, ask)
	}
	for range 2 {
		if _, err := r.Values(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if len(a.calls) != 2 {
		t.Errorf("calls %q", a.calls)
	}
}
