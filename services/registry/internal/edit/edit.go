// Package edit changes parts of a definition.
//
// A mask names the parts, as paths in the definition: "info.title", "servers".
// Members of lists that have a name are addressed by it: "operations.GetItem",
// "operations.GetItem.summary", "operations.GetItem.responses.200". Names with
// other characters than letters, digits, "_" and "-" stand between back quotes,
// where two back quotes are one: "operations.`groups/list`.summary". Members of
// lists without names are replaced with their list.
//
//	edited, err := edit.Apply(def, patch, []string{"info.title", "operations.GetItem"})
package edit

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/nearest"
)

// The limits of a mask.
const (
	// MaxPaths is the greatest number of paths.
	MaxPaths = 1000
	// MaxPathBytes is the greatest length of a path.
	MaxPathBytes = 2048
)

// Everything is the path of the whole definition.
const Everything = "*"

// names are the fields by which members of lists are addressed.
var names = map[protoreflect.FullName]protoreflect.Name{
	"ferrule.connector.v1.AllowedValue":        "value",
	"ferrule.connector.v1.ConnectionParameter": "name",
	"ferrule.connector.v1.Extension":           "name",
	"ferrule.connector.v1.LinkArgument":        "name",
	"ferrule.connector.v1.MediaType":           "media_type",
	"ferrule.connector.v1.OAuth2Flow":          "grant",
	"ferrule.connector.v1.OAuth2Scope":         "name",
	"ferrule.connector.v1.Operation":           "operation_id",
	"ferrule.connector.v1.Parameter":           "name",
	"ferrule.connector.v1.ParameterSet":        "name",
	"ferrule.connector.v1.PolicyParameter":     "name",
	"ferrule.connector.v1.PropertyEncoding":    "property",
	"ferrule.connector.v1.Response":            "status",
	"ferrule.connector.v1.ResponseHeader":      "name",
	"ferrule.connector.v1.ResponseLink":        "name",
	"ferrule.connector.v1.Schema":              "name",
	"ferrule.connector.v1.SecurityScheme":      "id",
	"ferrule.connector.v1.ServerVariable":      "name",
	"ferrule.connector.v1.Tag":                 "name",
}

// Apply returns the definition with the parts that the mask names taken from the
// patch; what the patch does not have there is removed. Members of lists keep
// their places, and new ones come last. Neither argument is changed. Paths take
// effect in their order.
//
// A path that leads nowhere, or to one of several members of the same name, is
// INVALID_ARGUMENT with the metadata "path"; a result that contradicts itself is
// DEFINITION_INVALID, see definition.Validate.
func Apply(def, patch *connectorv1.Definition, mask []string) (*connectorv1.Definition, error) {
	if len(mask) == 0 || len(mask) > MaxPaths {
		return nil, fault.Invalid(fault.ReasonInvalidArgument,
			"the update mask has %d paths; name 1 to %d parts of the definition", len(mask), MaxPaths).
			Field("update_mask", "must name what is replaced")
	}
	out := own(def)
	for _, path := range mask {
		if path == Everything {
			out = own(patch)
			continue
		}
		tokens, err := split(path)
		if err == nil {
			err = replace(place{at: "definition"}, out.ProtoReflect(), patch.ProtoReflect(), tokens)
		}
		if err != nil {
			return nil, fault.Invalid(fault.ReasonInvalidArgument, "the path %.200q of the update mask cannot be used: %s", path, err.Error()).
				With("path", path).Field("update_mask", err.Error())
		}
	}
	if err := definition.Validate(out); err != nil {
		return nil, fmt.Errorf("check the edited definition: %w", err)
	}
	return out, nil
}

// own is a copy that can be changed; nil is an empty definition.
func own(def *connectorv1.Definition) *connectorv1.Definition {
	if def == nil {
		return &connectorv1.Definition{}
	}
	return proto.CloneOf(def)
}

// split takes a path apart.
func split(path string) ([]string, error) {
	if path == "" || len(path) > MaxPathBytes {
		return nil, fmt.Errorf("a path has 1 to %d bytes", MaxPathBytes)
	}
	var tokens []string
	for rest := path; ; {
		var token string
		var err error
		if token, rest, err = next(rest); err != nil {
			return nil, err
		}
		tokens = append(tokens, token)
		if rest == "" {
			return tokens, nil
		}
		if rest[0] != '.' {
			return nil, fmt.Errorf("after %q comes a dot", token)
		}
		rest = rest[1:]
	}
}

// next takes the first token off a path.
func next(path string) (token, rest string, err error) {
	if !strings.HasPrefix(path, "`") {
		end := strings.IndexAny(path, ".`")
		if end < 0 {
			end = len(path)
		}
		if end == 0 {
			return "", "", fmt.Errorf("there is nothing between two dots")
		}
		return path[:end], path[end:], nil
	}
	var name strings.Builder
	for i := 1; i < len(path); i++ {
		if path[i] != '`' {
			name.WriteByte(path[i])
			continue
		}
		if i+1 < len(path) && path[i+1] == '`' {
			name.WriteByte('`')
			i++
			continue
		}
		return name.String(), path[i+1:], nil
	}
	return "", "", fmt.Errorf("a back quote is missing at the end")
}

// place says where in the definition a path has come to.
type place struct {
	at string
}

func (p place) in(token string) place { return place{p.at + "." + token} }

// replace takes what the tokens lead to, from both messages on, out of from and
// puts it into to. From is invalid, which means empty, where the patch ends.
func replace(p place, to, from protoreflect.Message, tokens []string) error {
	fd := field(to.Descriptor(), tokens[0])
	if fd == nil {
		return unknown(p, tokens[0], fieldNames(to.Descriptor()))
	}
	rest := tokens[1:]
	switch {
	case len(rest) == 0:
		assign(to, from, fd)
		return nil
	case fd.IsList() && fd.Kind() == protoreflect.MessageKind && names[fd.Message().FullName()] != "":
		return member(p.in(tokens[0]), to, from, fd, rest)
	case fd.Kind() == protoreflect.MessageKind && !fd.IsList() && !fd.IsMap():
		if to.Has(fd) {
			return replace(p.in(tokens[0]), to.Mutable(fd).Message(), from.Get(fd).Message(), rest)
		}
		// What is nowhere stays nowhere, and excludes no other kind of a choice.
		inside := to.NewField(fd)
		if err := replace(p.in(tokens[0]), inside.Message(), from.Get(fd).Message(), rest); err != nil {
			return err
		}
		if proto.Size(inside.Message().Interface()) > 0 {
			to.Set(fd, inside)
		}
		return nil
	default:
		return fmt.Errorf("the members of %s have no names; replace all of it with %q", p.in(tokens[0]).at, tokens[0])
	}
}

// assign makes one field of to what it is in from.
func assign(to, from protoreflect.Message, fd protoreflect.FieldDescriptor) {
	if !from.Has(fd) {
		to.Clear(fd)
		return
	}
	only := from.New()
	only.Set(fd, from.Get(fd))
	to.Set(fd, proto.Clone(only.Interface()).ProtoReflect().Get(fd))
}

// field finds a field by its name in the model or in JSON.
func field(md protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if fd := md.Fields().ByName(protoreflect.Name(name)); fd != nil {
		return fd
	}
	return md.Fields().ByJSONName(name)
}

func fieldNames(md protoreflect.MessageDescriptor) []string {
	all := make([]string, md.Fields().Len())
	for i := range all {
		all[i] = string(md.Fields().Get(i).Name())
	}
	return all
}

func unknown(p place, token string, known []string) error {
	if similar := nearest.To(token, known); len(similar) > 0 {
		return fmt.Errorf("%s has no %q; did you mean %q?", p.at, token, similar)
	}
	if len(known) == 0 {
		return fmt.Errorf("%s has no %q; it is empty", p.at, token)
	}
	return fmt.Errorf("%s has no %q; it has %q", p.at, token, known[:min(len(known), 20)])
}
