package conformance_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// Descriptions often say the same in several forms, of which the runtime takes the
// first. Each package is tried once for each row, without the other forms.
var forms = [][]string{{"values", "schema"}, {"list", "properties"}, {"tree"}}

func TestChoicesAndSchemasOfConnectorPackagesAreWhatTheAPISupplies(t *testing.T) {
	root := filepath.Join(corpus, "powerplatform")
	all := sample(packages(t, root))
	h := newHarness(t)
	var group errgroup.Group
	group.SetLimit(workers)
	for _, name := range all {
		for i, kinds := range forms {
			group.Go(func() error {
				s, err := readPackage(root, name)
				if err != nil {
					return nil //nolint:nilerr // another test counts it
				}
				for j, others := range forms {
					if j != i {
						withoutKinds(s.doc.root, others)
					}
				}
				return h.tryFeatures(t.Context(), s, kinds)
			})
		}
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	h.finish(t, "dynamic", all)
}

// inquiry asks for the features of one package.
type inquiry struct {
	*harness
	s          subject
	connection string
	operations map[string]*connectorv1.Operation
	byID       map[string]endpoint
	api        *recorder
}

// tryFeatures imports a package and asks for all of its features of the kinds.
func (h *harness) tryFeatures(ctx context.Context, s subject, kinds []string) error {
	var all []feature
	byID := map[string]endpoint{}
	for _, e := range s.doc.endpoints() {
		all = append(all, s.doc.features(e, kinds)...)
		if _, known := byID[text(e.op["operationId"])]; !known {
			byID[text(e.op["operationId"])] = e
		}
	}
	if len(all) == 0 {
		return nil
	}
	api := <-h.recorders
	defer func() { h.recorders <- api }()
	id, operations, err := h.connect(ctx, s, api)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	q := &inquiry{h, s, id, operations, byID, api}
	for _, f := range all {
		h.count("features of kind "+f.kind, 1)
		if err := q.ask(ctx, f); err != nil {
			return fmt.Errorf("%s, %s: %w", s.name, f.own.key(), err)
		}
	}
	return nil
}

// ask asks for one feature and notes what comes of it.
func (q *inquiry) ask(ctx context.Context, f feature) error {
	op := q.operations[f.own.key()]
	if op == nil {
		op = q.operations[strings.ToUpper(f.own.method)+" /"+f.own.path]
	}
	note := func(class, detail string) error {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.mismatches = append(q.mismatches, finding{
			Package: q.s.name, Operation: f.own.key() + ", " + f.kind + " of " + f.pointer, Class: class, detail: detail,
		})
		return ctx.Err()
	}
	if op == nil {
		return note("not imported", "")
	}
	own, _ := q.s.doc.swaggerCall(f.own, plain)
	var parts []part
	switch {
	case f.kind == "schema" || f.kind == "properties":
		return q.outcome(f, note, q.askSchema(ctx, f, op.GetOperationId(), own.input))
	case f.output:
		q.count("choices of answers, which nobody chooses from", 1)
		return nil
	case f.kind == "tree":
		parts = treeParts(f)
	case text(f.at["capability"]) == "file-picker":
		parts = q.s.doc.pickerParts(f, own.input)
		if parts == nil {
			_, err := q.values(ctx, f, op.GetOperationId(), own.input, nil)
			return q.outcome(f, note, judged(err, q.api.take(), fault.ReasonOperationNotSupported, "the package does not describe its file picker"))
		}
	default:
		parts = []part{{call: f.at, paths: pathsOf(f.kind, f.at)}}
	}
	return q.outcome(f, note, q.askParts(ctx, f, op.GetOperationId(), own.input, parts))
}

// result is what came of a question.
type result struct {
	wrong  string // class of a mismatch; empty if it is as it has to be
	detail string
	no     string // why there is rightly no answer; empty if there is one
}

func (q *inquiry) outcome(f feature, note func(class, detail string) error, r result) error {
	switch {
	case r.wrong != "":
		return note(r.wrong, r.detail)
	case r.no != "":
		q.count("not resolved: "+r.no, 1)
	default:
		q.count("resolved", 1)
		q.count("resolved of kind "+f.kind, 1)
	}
	return nil
}

// askParts asks level after level, each below the first item of the one before.
func (q *inquiry) askParts(ctx context.Context, f feature, operation string, input object, parts []part) result {
	var item any
	var opened []byte
	for i, p := range parts {
		target, there := q.byID[text(p.call["operationId"])]
		if !there {
			_, err := q.values(ctx, f, operation, input, nil)
			return judged(err, q.api.take(), fault.ReasonDynamicNotAvailable, "the description has no such operation")
		}
		input = q.s.doc.suited(f, p.call, target, input)
		given, references := q.s.doc.arguments(f, p.call, target, input, p.context, item)
		want, problem := q.s.doc.swaggerCallWith(target, plain, given)
		body := q.s.doc.supply(target, p.paths, p.extra)
		q.api.answer(writeJSON(body))
		got, err := q.values(ctx, f, operation, input, opened)
		seen := q.api.take()
		if r, done := q.refused(target, problem, references, err, seen); done {
			return r
		}
		if found, wrong := outcome(want, err, seen); wrong {
			return result{wrong: found.class, detail: fmt.Sprintf("level %d: %s\n      input %.600s", i, found.detail, writeJSON(input))}
		}
		have := []choice{}
		for _, v := range got.GetValues() {
			have = append(have, choice{string(writeJSON(mustRead(v.GetValue()))), v.GetTitle()})
		}
		same := func(want []choice) bool { return slices.Equal(want, have) }
		if all := p.paths.choices(body); len(have) == 0 || !slices.ContainsFunc(all, same) {
			return result{wrong: "choices", detail: fmt.Sprintf("level %d: want %.400v\n      got %.400v\n      of %.600s", i, all, have, writeJSON(body))}
		}
		if len(parts) > 1 && i == 0 {
			opened = got.GetValues()[0].GetItem()
			item = mustRead(opened)
			if len(p.extra) > 0 && !got.GetValues()[0].GetParent() && p.tellsParents() {
				return result{wrong: "parents", detail: fmt.Sprintf("%s is no parent", opened)}
			}
		}
	}
	return result{}
}

func mustRead(b []byte) any {
	v, err := readJSON(b)
	if err != nil {
		return string(b)
	}
	return v
}

// refused judges what rightly ends without an answer.
func (q *inquiry) refused(target endpoint, problem string, references map[string]bool, err error, seen []received) (result, bool) {
	var unknown []string
	for ref, known := range references {
		if !known {
			unknown = append(unknown, ref)
		}
	}
	switch {
	case problem != "" && len(unknown) > 0:
		if grpcx.FromStatus(err).Reason() == fault.ReasonDynamicNotAvailable {
			return judged(err, seen, fault.ReasonDynamicNotAvailable, "it refers to an input that the operation does not have"), true
		}
		return judged(err, seen, fault.ReasonInputInvalid, "it refers to an input that the operation does not have"), true
	case problem != "":
		return judged(err, seen, fault.ReasonDynamicNotAvailable, "the description gives the call no value for a required parameter"), true
	case q.s.scripted != nil && q.s.scripted(target):
		return judged(err, seen, fault.ReasonCustomCodeRequired, "the operation that is asked has custom code"), true
	}
	return result{}, false
}

// judged compares an error with what it has to be.
func judged(err error, seen []received, want fault.Reason, why string) result {
	if err == nil || len(seen) > 0 || grpcx.FromStatus(err).Reason() != want {
		return result{wrong: "instead of " + string(want), detail: fmt.Sprintf("%s: got %v after %d requests", why, err, len(seen))}
	}
	return result{no: why}
}

func (q *inquiry) values(ctx context.Context, f feature, operation string, input object, item []byte) (*runtimev1.ResolveDynamicValuesResponse, error) {
	return q.clients.runtime.ResolveDynamicValues(ctx, &runtimev1.ResolveDynamicValuesRequest{
		Connection: environment + "/connections/" + q.connection, OperationId: operation, Pointer: strings.ReplaceAll(f.pointer, "*", "0"),
		Input: writeJSON(input), Item: item, NoCache: true,
	})
}

// askSchema asks for the schema of a value.
func (q *inquiry) askSchema(ctx context.Context, f feature, operation string, input object) result {
	side := runtimev1.DynamicSide_DYNAMIC_SIDE_INPUT
	if f.output {
		side = runtimev1.DynamicSide_DYNAMIC_SIDE_OUTPUT
	}
	target, there := q.byID[text(f.at["operationId"])]
	input = q.s.doc.suited(f, f.at, target, input)
	given, references := q.s.doc.arguments(f, f.at, target, input, nil, nil)
	want, problem := q.s.doc.swaggerCallWith(target, plain, given)
	body, schema := q.s.doc.shape(f.kind, target, f.at)
	q.api.answer(writeJSON(body))
	got, err := q.clients.runtime.ResolveDynamicSchema(ctx, &runtimev1.ResolveDynamicSchemaRequest{
		Connection: environment + "/connections/" + q.connection, OperationId: operation, Side: side,
		Pointer: strings.ReplaceAll(f.pointer, "*", "0"), Input: writeJSON(input), NoCache: true,
	})
	seen := q.api.take()
	if !there {
		return judged(err, seen, fault.ReasonDynamicNotAvailable, "the description has no such operation")
	}
	if r, done := q.refused(target, problem, references, err, seen); done {
		return r
	}
	if found, wrong := outcome(want, err, seen); wrong {
		return result{wrong: found.class, detail: fmt.Sprintf("%s\n      input %.600s", found.detail, writeJSON(input))}
	}
	if have := string(writeJSON(mustRead(got.GetSchema()))); have != schema {
		return result{wrong: "schema", detail: fmt.Sprintf("want %s\n      got %.600s\n      of %.600s", schema, have, writeJSON(body))}
	}
	return result{}
}
