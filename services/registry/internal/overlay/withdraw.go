package overlay

import (
	"errors"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// value is what a field held before a statement was applied to it.
type value struct {
	statement

	there bool
	value protoreflect.Value
}

func (v value) restore() {
	v.owner.Clear(v.field)
	if v.there {
		v.owner.Set(v.field, v.value)
	}
}

// maxRounds is how often contradictions are looked for again after extensions
// were withdrawn: one may hide others.
const maxRounds = 4

// withdraw takes back the extensions that make the definition contradict itself,
// and reports each. It returns the contradiction that is left, nil if there is
// none.
func (a *application) withdraw(def *connectorv1.Definition, applied []value) error {
	places := map[protoreflect.Message]string{def.ProtoReflect(): ""}
	for i, op := range def.GetOperations() {
		places[op.ProtoReflect()] = "/operations/" + strconv.Itoa(i)
	}
	done := map[int]bool{}
	for range maxRounds {
		err := definition.Validate(def)
		if err == nil {
			return nil
		}
		before := len(done)
		for i, v := range applied {
			at, known := places[v.owner]
			if !known || done[i] {
				continue
			}
			if text := complaint(err, at+"/"+v.field.JSONName()); text != "" {
				v.restore()
				a.report(v.node, errors.New(text))
				done[i] = true
			}
		}
		if len(done) == before {
			return err
		}
	}
	return definition.Validate(def)
}

// complaint returns what is wrong with the value at a pointer, or inside of it; ""
// if nothing is.
func complaint(err error, pointer string) string {
	for _, v := range fault.From(err).Violations() {
		rest, found := strings.CutPrefix(v.Field, pointer)
		switch {
		case found && rest == "":
			return "it " + v.Description
		case found && rest[0] == '/':
			return "its member " + strconv.Quote(rest) + " " + v.Description
		}
	}
	return ""
}
