package edit

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// member replaces, adds or removes the member of a list that the first token
// names, or replaces what is inside it.
func member(p place, to, from protoreflect.Message, fd protoreflect.FieldDescriptor, tokens []string) error {
	name, rest := tokens[0], tokens[1:]
	key := fd.Message().Fields().ByName(names[fd.Message().FullName()])
	old, err := find(p, to.Get(fd).List(), key, name)
	if err != nil {
		return err
	}
	fresh, err := find(p, from.Get(fd).List(), key, name)
	if err != nil {
		return err
	}
	switch {
	case old < 0 && fresh < 0, old < 0 && len(rest) > 0:
		return unknown(p, name, memberNames(to.Get(fd).List(), key))
	case len(rest) > 0:
		inside := to.Mutable(fd).List().Get(old).Message()
		if fresh < 0 {
			return replace(p.in(name), inside, inside.Type().Zero(), rest)
		}
		return replace(p.in(name), inside, from.Get(fd).List().Get(fresh).Message(), rest)
	case fresh < 0:
		remove(to.Mutable(fd).List(), old)
	default:
		value := protoreflect.ValueOfMessage(proto.Clone(from.Get(fd).List().Get(fresh).Message().Interface()).ProtoReflect())
		if old < 0 {
			to.Mutable(fd).List().Append(value)
		} else {
			to.Mutable(fd).List().Set(old, value)
		}
	}
	return nil
}

// find returns the index of the member with the name, -1 if there is none.
func find(p place, list protoreflect.List, key protoreflect.FieldDescriptor, name string) (int, error) {
	found := -1
	for i := range list.Len() {
		if list.Get(i).Message().Get(key).String() != name {
			continue
		}
		if found >= 0 {
			return 0, fmt.Errorf("%s has several members that are called %q; replace all of it", p.at, name)
		}
		found = i
	}
	return found, nil
}

func memberNames(list protoreflect.List, key protoreflect.FieldDescriptor) []string {
	all := make([]string, list.Len())
	for i := range all {
		all[i] = list.Get(i).Message().Get(key).String()
	}
	return all
}

func remove(list protoreflect.List, at int) {
	for i := at + 1; i < list.Len(); i++ {
		list.Set(i-1, list.Get(i))
	}
	list.Truncate(list.Len() - 1)
}
