package grpcx_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// orderDesc is a message with rules: a name of 1 to 8 characters, and lines of
// at least one piece each.
func orderDesc(t *testing.T) protoreflect.MessageDescriptor {
	t.Helper()
	rules := func(r *validate.FieldRules) *descriptorpb.FieldOptions {
		o := &descriptorpb.FieldOptions{}
		proto.SetExtension(o, validate.E_Field, r)
		return o
	}
	field := func(name string, number int32, kind descriptorpb.FieldDescriptorProto_Type, label descriptorpb.FieldDescriptorProto_Label, typeName string, o *descriptorpb.FieldOptions) *descriptorpb.FieldDescriptorProto {
		f := &descriptorpb.FieldDescriptorProto{Name: new(name), Number: new(number), Type: kind.Enum(), Label: label.Enum(), Options: o}
		if typeName != "" {
			f.TypeName = new(typeName)
		}
		return f
	}
	one, many := descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL, descriptorpb.FieldDescriptorProto_LABEL_REPEATED
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: new("order.proto"), Package: new("ferrule.test.v1"), Syntax: new("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{
			{Name: new("Line"), Field: []*descriptorpb.FieldDescriptorProto{
				field("pieces", 1, descriptorpb.FieldDescriptorProto_TYPE_INT32, one, "", rules(validate.FieldRules_builder{
					Int32: validate.Int32Rules_builder{Gte: proto.Int32(1)}.Build(),
				}.Build())),
			}},
			{Name: new("Order"), Field: []*descriptorpb.FieldDescriptorProto{
				field("name", 1, descriptorpb.FieldDescriptorProto_TYPE_STRING, one, "", rules(validate.FieldRules_builder{
					String: validate.StringRules_builder{MinLen: proto.Uint64(1), MaxLen: proto.Uint64(8)}.Build(),
				}.Build())),
				field("lines", 2, descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, many, ".ferrule.test.v1.Line", nil),
			}},
		},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return file.Messages().ByName("Order")
}

// order makes an order with one line for each number of pieces.
func order(desc protoreflect.MessageDescriptor, name string, pieces ...int32) *dynamicpb.Message {
	m := dynamicpb.NewMessage(desc)
	m.Set(desc.Fields().ByName("name"), protoreflect.ValueOfString(name))
	lines := m.Mutable(desc.Fields().ByName("lines")).List()
	for _, n := range pieces {
		line := lines.NewElement()
		line.Message().Set(line.Message().Descriptor().Fields().ByName("pieces"), protoreflect.ValueOfInt32(n))
		lines.Append(line)
	}
	return m
}

// orderService accepts orders, alone and as a stream.
func orderService(desc protoreflect.MessageDescriptor) *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: "ferrule.test.v1.OrderService",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "Place",
			Handler: func(srv any, ctx context.Context, dec func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
				in := dynamicpb.NewMessage(desc)
				if err := dec(in); err != nil {
					return nil, err
				}
				return intercept(ctx, in, &grpc.UnaryServerInfo{FullMethod: "/ferrule.test.v1.OrderService/Place"},
					func(context.Context, any) (any, error) { return wrapperspb.String("placed"), nil })
			},
		}},
		Streams: []grpc.StreamDesc{{
			StreamName: "PlaceAll", ClientStreams: true,
			Handler: func(_ any, ss grpc.ServerStream) error {
				for {
					if err := ss.RecvMsg(dynamicpb.NewMessage(desc)); errors.Is(err, io.EOF) {
						return ss.SendMsg(wrapperspb.String("placed"))
					} else if err != nil {
						return err
					}
				}
			},
		}},
	}
}

func TestRequestsMustKeepTheRulesOfTheirFields(t *testing.T) {
	desc := orderDesc(t)
	memory := newOrderRig(t, desc, nil)
	tests := []struct {
		name   string
		orders []*dynamicpb.Message // the last one is sent alone, too
		want   []fault.Violation
	}{
		{"a valid order", []*dynamicpb.Message{order(desc, "bolts", 1, 2)}, nil},
		{"a name at the limit", []*dynamicpb.Message{order(desc, "12345678")}, nil},
		{"a name past the limit", []*dynamicpb.Message{order(desc, "123456789")}, []fault.Violation{
			{Field: "name", Description: "must be at most 8 characters"},
		}},
		{"two things wrong, one nested in a list", []*dynamicpb.Message{order(desc, "", 1, 0)}, []fault.Violation{
			{Field: "name", Description: "must be at least 1 characters"},
			{Field: "lines[1].pieces", Description: "must be greater than or equal to 1"},
		}},
		{"a bad order after good ones", []*dynamicpb.Message{order(desc, "a"), order(desc, "b"), order(desc, "c", -1)}, []fault.Violation{
			{Field: "lines[0].pieces", Description: "must be greater than or equal to 1"},
		}},
	}
	for _, tt := range tests {
		check := func(t *testing.T, err error) {
			t.Helper()
			if tt.want == nil {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			f := fault.From(err)
			if f.Code() != fault.CodeInvalidArgument || f.Reason() != fault.ReasonInvalidArgument {
				t.Errorf("err = %v", err)
			}
			if diff := cmp.Diff(tt.want, f.Violations()); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		}
		t.Run(tt.name, func(t *testing.T) {
			last := tt.orders[len(tt.orders)-1]
			check(t, memory.as("gateway").Invoke(t.Context(), "/ferrule.test.v1.OrderService/Place", last, new(wrapperspb.StringValue)))
		})
		t.Run(tt.name+", in a stream", func(t *testing.T) {
			s, err := memory.as("gateway").NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true}, "/ferrule.test.v1.OrderService/PlaceAll")
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range tt.orders {
				if err := s.SendMsg(o); err != nil && !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
			}
			_ = s.CloseSend()
			check(t, s.RecvMsg(new(wrapperspb.StringValue)))
		})
	}
}

func TestStrangersLearnNothingAboutTheRules(t *testing.T) {
	desc := orderDesc(t)
	r := newOrderRig(t, desc, nil)
	err := r.as("").Invoke(t.Context(), "/ferrule.test.v1.OrderService/Place", order(desc, ""), new(wrapperspb.StringValue))
	if f := fault.From(err); f.Reason() != fault.ReasonUnauthenticated || len(f.Violations()) > 0 {
		t.Errorf("err = %v %v", err, f.Violations())
	}
}

// brokenRules is a validator whose rules cannot be compiled.
type brokenRules struct{}

func (brokenRules) Validate(proto.Message, ...protovalidate.ValidationOption) error {
	return &protovalidate.CompilationError{}
}

func TestRulesThatCannotBeCheckedLetNothingThrough(t *testing.T) {
	desc := orderDesc(t)
	r := newOrderRig(t, desc, brokenRules{})
	err := r.as("gateway").Invoke(t.Context(), "/ferrule.test.v1.OrderService/Place", order(desc, "a"), new(wrapperspb.StringValue))
	if fault.CodeOf(err) != fault.CodeInternal {
		t.Errorf("err = %v", err)
	}
}

func newOrderRig(t *testing.T, desc protoreflect.MessageDescriptor, v protovalidate.Validator) *rig {
	t.Helper()
	return newRig(t, echo{}, func(cfg *setup) {
		cfg.Validator, cfg.services = v, []*grpc.ServiceDesc{orderService(desc)}
	})
}

func TestTimesInRulesAreToldAsPeopleDo(t *testing.T) {
	for given, want := range map[string]string{
		"must be greater than or equal to 1s and less than or equal to 43200000s": "must be greater than or equal to 1s and less than or equal to 500 days",
		"must be less than 7200s":     "must be less than 2 h",
		"must be less than 300s":      "must be less than 5 min",
		"must be less than 90s":       "must be less than 90s",
		"must be greater than 0s":     "must be greater than 0s",
		"has 12345678901234567890s":   "has 12345678901234567890s",
		"must be one of [60s, 3601s]": "must be one of [60s, 3601s]",
	} {
		if got := grpcx.InWords(given); got != want {
			t.Errorf("%s: %s", given, got)
		}
	}
}
