package grpcx

import "google.golang.org/protobuf/proto"

// Obviously returns what says of messages whether they surely keep their rules.
func Obviously() func(proto.Message) bool {
	o := new(obvious)
	return func(m proto.Message) bool { return o.right(m.ProtoReflect()) }
}

// InWords is how times in rules are told.
var InWords = inWords
