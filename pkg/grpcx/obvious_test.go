package grpcx_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/durationpb"

	_ "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	_ "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	_ "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// requests returns the messages that our methods take.
func requests(t *testing.T) (list []protoreflect.MessageType) {
	t.Helper()
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			if !strings.HasPrefix(string(file.Package()), "ferrule.") {
				continue
			}
			for n := range methods.Len() {
				found, err := protoregistry.GlobalTypes.FindMessageByName(methods.Get(n).Input().FullName())
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, found)
			}
		}
		return true
	})
	return list
}

func TestWhatIsObviouslyRightKeepsTheRulesOfItsFields(t *testing.T) {
	right, random := grpcx.Obviously(), rand.New(rand.NewPCG(1, 2))
	sure, all := 0, 0
	for _, kind := range requests(t) {
		for range 200 {
			m := kind.New()
			fill(random, m, 3)
			all++
			if !right(m.Interface()) {
				continue
			}
			sure++
			if err := protovalidate.Validate(m.Interface()); err != nil {
				t.Fatalf("%v breaks rules: %v", m.Interface(), err)
			}
		}
	}
	if sure == 0 || sure == all {
		t.Errorf("%d of %d messages are obviously right: this says nothing", sure, all)
	}
}

// fill sets some fields of a message at random, to values around usual bounds.
func fill(random *rand.Rand, m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if random.IntN(3) == 0 {
			continue
		}
		switch {
		case field.IsMap():
		case field.IsList() && field.Message() == nil:
			list := m.Mutable(field).List()
			for range random.IntN(4) {
				list.Append(value(random, field))
			}
		case field.IsList():
			if depth > 0 && random.IntN(4) == 0 {
				fill(random, m.Mutable(field).List().AppendMutable().Message(), depth-1)
			}
		case field.Message() != nil:
			if depth > 0 && random.IntN(4) == 0 {
				fill(random, m.Mutable(field).Message(), depth-1)
			}
		default:
			m.Set(field, value(random, field))
		}
	}
}

func value(random *rand.Rand, field protoreflect.FieldDescriptor) protoreflect.Value {
	bounds := []int{0, 1, 2, 8, 64, 255, 256, 257, 512, 513, 1024, 16384, 16385, 1_000_000, 1_000_001, -1}
	n := bounds[random.IntN(len(bounds))]
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(strings.Repeat([]string{"a", "ж", "\xff"}[random.IntN(3)], max(min(n, 20_000), 0)))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(make([]byte, max(min(n, 20_000), 0)))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(random.IntN(20)))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(int64(n))
	default:
		return field.Default()
	}
}

func TestUsualCallsAreObviouslyRight(t *testing.T) {
	right := grpcx.Obviously()
	call := &runtimev1.InvokeRequest{
		Connection: "environments/default/connections/crm", OperationId: "GetThing", Input: &httpbody.HttpBody{Data: []byte(`{"id":1}`)},
	}
	if !right(call) {
		t.Error("a usual call takes a closer look")
	}
	for name, change := range map[string]func(*runtimev1.InvokeRequest){
		"no connection":           func(r *runtimev1.InvokeRequest) { r.Connection = "" },
		"a long connection":       func(r *runtimev1.InvokeRequest) { r.Connection = strings.Repeat("c", 257) },
		"no operation":            func(r *runtimev1.InvokeRequest) { r.OperationId = "" },
		"a time":                  func(r *runtimev1.InvokeRequest) { r.Timeout = durationpb.New(time.Hour) },
		"a long key":              func(r *runtimev1.InvokeRequest) { r.IdempotencyKey = strings.Repeat("k", 256) },
		"an unknown validation":   func(r *runtimev1.InvokeRequest) { r.ResponseValidation = 9 },
		"limits that have bounds": func(r *runtimev1.InvokeRequest) { r.AllPages = &runtimev1.PageLimits{MaxItems: -1} },
	} {
		t.Run(name, func(t *testing.T) {
			wrong := proto.CloneOf(call)
			change(wrong)
			if protovalidate.Validate(wrong) == nil {
				t.Fatal("it breaks no rule")
			}
			if right(wrong) {
				t.Error("it is taken for right")
			}
		})
	}
}

func TestALookAtACallTakesNoMemory(t *testing.T) {
	right := grpcx.Obviously()
	call := &runtimev1.InvokeRequest{Connection: "c", OperationId: "o", Input: &httpbody.HttpBody{Data: []byte(`{}`)}}
	if allocs := testing.AllocsPerRun(100, func() { right(call) }); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkValidate(b *testing.B) {
	right := grpcx.Obviously()
	call := &runtimev1.InvokeRequest{Connection: "environments/default/connections/crm", OperationId: "GetThing", Input: &httpbody.HttpBody{Data: []byte(`{}`)}}
	b.Run("glance", func(b *testing.B) {
		for b.Loop() {
			right(call)
		}
	})
	b.Run("protovalidate", func(b *testing.B) {
		for b.Loop() {
			_ = protovalidate.Validate(call)
		}
	})
}
