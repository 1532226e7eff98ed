package selection_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/selection"
)

// random is an API whose operations refer to each other and to schemas, tags and
// schemes at random. It is valid.
func random(r *rand.Rand) *connectorv1.Definition {
	const n = 12
	some := func() string { return fmt.Sprint("op", r.IntN(n)) }
	call := func() *connectorv1.DynamicCall {
		return &connectorv1.DynamicCall{Target: &connectorv1.DynamicCall_OperationId{OperationId: some()}}
	}
	def := &connectorv1.Definition{Info: &connectorv1.Info{Title: "x"}, ParameterSets: []*connectorv1.ParameterSet{{Name: "default"}}}
	for i := range n {
		op := &connectorv1.Operation{
			OperationId: fmt.Sprint("op", i), Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION, Method: "GET", Path: fmt.Sprint("/", i),
			Tags: []string{fmt.Sprint("t", r.IntN(5))},
			Responses: []*connectorv1.Response{{Status: "200", Contents: []*connectorv1.MediaType{{
				MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: fmt.Appendf(nil, `{"$ref":"#/$defs/S~1%d"}`, r.IntN(8)),
			}}, Links: []*connectorv1.ResponseLink{{Name: "next", OperationId: some()}}}},
			Security: []*connectorv1.SecurityRequirement{{Schemes: []*connectorv1.SchemeReference{{SchemeId: fmt.Sprint("k", r.IntN(4))}}}},
		}
		if r.IntN(3) == 0 {
			op.Deprecated, op.Family = true, &connectorv1.OperationFamily{Name: "f", ReplacementOperationId: some()}
		}
		switch r.IntN(5) {
		case 0:
			op.Dynamics = []*connectorv1.DynamicFeature{{Pointer: "/a", Kind: &connectorv1.DynamicFeature_Tree{Tree: &connectorv1.DynamicTree{
				Open: &connectorv1.DynamicBranch{Call: call()}, Browse: &connectorv1.DynamicBranch{Call: call()},
			}}}}
		case 1:
			op.Kind = connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER
			op.Trigger = &connectorv1.Trigger{Protocol: &connectorv1.Trigger_Webhook{Webhook: &connectorv1.WebhookTrigger{UnsubscribeOperationId: some()}}, Simulation: call()}
		}
		def.Operations = append(def.Operations, op)
	}
	for i := range 8 {
		def.Schemas = append(def.Schemas, &connectorv1.Schema{Name: fmt.Sprint("S/", i), Json: fmt.Appendf(nil, `{"items":{"$ref":"#/$defs/S~1%d"}}`, r.IntN(8))})
	}
	for i := range 5 {
		def.Tags = append(def.Tags, &connectorv1.Tag{Name: fmt.Sprint("t", i), Parent: fmt.Sprint("t", r.IntN(5))})
	}
	for i := range 4 {
		id := fmt.Sprint("k", i)
		def.SecuritySchemes = append(def.SecuritySchemes, &connectorv1.SecurityScheme{Id: id, Kind: &connectorv1.SecurityScheme_MutualTls{MutualTls: &connectorv1.MutualTlsScheme{}}})
		def.ParameterSets = append(def.ParameterSets, &connectorv1.ParameterSet{
			Name: id, Parameters: []*connectorv1.ConnectionParameter{{Name: "c", Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_CERTIFICATE}},
			Placements: []*connectorv1.CredentialPlacement{{SchemeId: id, Kind: &connectorv1.CredentialPlacement_Certificate{Certificate: &connectorv1.CertificatePlacement{Parameter: "c"}}}},
		})
	}
	def.ParameterSets = def.ParameterSets[1:]
	for range 4 {
		def.Policies = append(def.Policies, &connectorv1.Policy{TemplateId: "p", OperationIds: []string{some(), some()}})
		def.Scripts = append(def.Scripts, &connectorv1.Script{Path: "a", OperationIds: []string{some()}})
	}
	if r.IntN(2) == 0 {
		def.ConnectionTest = &connectorv1.ConnectionTest{OperationId: some()}
	}
	if r.IntN(2) == 0 {
		def.FilePicker = &connectorv1.FilePicker{Open: call(), Browse: call()}
	}
	return def
}

var quotedText = regexp.MustCompile(`"(op\d+|t\d|k\d)"`)

// mentioned are all texts of a definition that are those of an operation, tag or
// scheme, with how often they are there.
func mentioned(t *testing.T, m proto.Message) map[string]int {
	t.Helper()
	text, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, one := range quotedText.FindAllStringSubmatch(string(text), -1) {
		found[one[1]]++
	}
	return found
}

// entries are some operations and tags at random.
func entries(r *rand.Rand, most int) []string {
	var all []string
	for range r.IntN(most + 1) {
		all = append(all, []string{fmt.Sprint("op", r.IntN(12)), fmt.Sprint("tag:t", r.IntN(5)), fmt.Sprint("/", r.IntN(12))}[r.IntN(3)])
	}
	return all
}

// What is left is valid, names nothing that is gone, and has nothing that nobody
// needs: neither operations that were not chosen, nor schemas, tags and schemes.
func TestWhateverIsSelectedIsValidAndNeeded(t *testing.T) {
	applied := 0
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 1))
		def := random(r)
		only, except := entries(r, 3), entries(r, 3)
		if len(only)+len(except) == 0 {
			continue // everything stays as it is
		}
		s, err := selection.Parse(only, except)
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := s.Apply(def)
		if fault.ReasonOf(err) == fault.ReasonSelectionEmpty {
			continue
		}
		applied++
		if err := definition.Validate(out); err != nil {
			t.Fatalf("%d: only %q except %q: %v", seed, only, except, err)
		}
		all, left := map[string]bool{}, map[string]bool{}
		for _, op := range def.GetOperations() {
			all[op.GetOperationId()] = true
		}
		for _, op := range out.GetOperations() {
			left[op.GetOperationId()] = true
		}
		count := mentioned(t, out)
		for id := range count {
			if all[id] && !left[id] {
				t.Errorf("%d: only %q except %q: %q is gone and still named", seed, only, except, id)
			}
		}
		unneeded(t, fmt.Sprintf("%d: only %q except %q", seed, only, except), out)
		again, _, err := s.Apply(out)
		if err != nil || len(again.GetOperations()) > len(out.GetOperations()) {
			t.Errorf("%d: applied again: %v", seed, err)
		}
	}
	if applied < 400 {
		t.Errorf("only %d selections could be applied", applied)
	}
}

// unneeded complains about what nothing refers to.
func unneeded(t *testing.T, where string, out *connectorv1.Definition) {
	t.Helper()
	// Families, links, policies and scripts need nothing; without them, who is still named?
	bare := proto.CloneOf(out)
	bare.Policies, bare.Scripts = nil, nil
	for _, op := range bare.GetOperations() {
		op.Family = nil
		for _, r := range op.GetResponses() {
			r.Links = nil
		}
	}
	for _, op := range out.GetOperations() {
		own := 1 // its own id
		for _, other := range bare.GetOperations() {
			if other.GetOperationId() == op.GetOperationId() {
				own = mentioned(t, other)[op.GetOperationId()]
			}
		}
		if op.GetVisibility() == connectorv1.Visibility_VISIBILITY_INTERNAL && mentioned(t, bare)[op.GetOperationId()] <= own {
			t.Errorf("%s: %q was not chosen, and nothing needs it", where, op.GetOperationId())
		}
	}
	for _, tag := range out.GetTags() {
		if mentioned(t, out)[tag.GetName()] < 2 {
			t.Errorf("%s: nothing has the tag %q", where, tag.GetName())
		}
	}
	var secured []string
	for _, op := range out.GetOperations() {
		secured = append(secured, op.GetSecurity()[0].GetSchemes()[0].GetSchemeId())
	}
	for _, scheme := range out.GetSecuritySchemes() {
		if !slices.Contains(secured, scheme.GetId()) {
			t.Errorf("%s: no operation accepts %q", where, scheme.GetId())
		}
	}
}

// To choose some, and to leave out all others, is the same but for what the chosen
// ones need.
func TestChoosingAndLeavingOutAreOpposites(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 2))
		def := random(r)
		var only, except []string
		for _, op := range def.GetOperations() {
			if r.IntN(2) == 0 {
				only = append(only, op.GetOperationId())
			} else {
				except = append(except, op.GetOperationId())
			}
		}
		if len(only) == 0 || len(except) == 0 {
			continue
		}
		a, _ := apply(t, def, only, except)
		b, _ := apply(t, def, nil, except)
		if !proto.Equal(a, b) {
			t.Errorf("%d: %s and %s are left", seed, ids(a), ids(b))
		}
		c, _ := apply(t, def, only, nil)
		for _, id := range only {
			if !slices.ContainsFunc(c.GetOperations(), func(op *connectorv1.Operation) bool {
				return op.GetOperationId() == id && op.GetVisibility() != connectorv1.Visibility_VISIBILITY_INTERNAL
			}) {
				t.Errorf("%d: %q was chosen and is not in %s", seed, id, ids(c))
			}
		}
	}
}
