package api

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// UpdateSubscription implements triggerv1.TriggerServiceServer.
func (s *Server) UpdateSubscription(ctx context.Context, req *triggerv1.UpdateSubscriptionRequest) (*triggerv1.Subscription, error) {
	sub := req.GetSubscription()
	name, err := resource.ParseSubscription(sub.GetName())
	if err != nil {
		return nil, err
	}
	change := core.Change{Etag: sub.GetEtag(), Reset: req.GetReset_()}
	if change.Fields, err = fieldsOf(req.GetUpdateMask(), sub); err != nil {
		return nil, err
	}
	if change.Values, err = draftOf(sub); err != nil {
		return nil, err
	}
	if slices.Contains(change.Fields, core.FieldConnection) {
		if change.Values.Connection, err = core.ParseConnection(sub.GetConnection()); err != nil {
			return nil, err
		}
	}
	updated, err := s.triggers.Update(ctx, caller(ctx), name, change)
	if err != nil {
		return nil, err
	}
	return s.toProto(updated), nil
}

// fieldsOf returns the fields that a mask names (AIP-134): "*" is all that can be
// changed, and no mask means those that have a value. Fields that are only shown are
// ignored, so that what was read can be sent back (AIP-203).
func fieldsOf(mask *fieldmaskpb.FieldMask, sub *triggerv1.Subscription) (fields []core.Field, err error) {
	has := func(f core.Field) bool {
		m := sub.ProtoReflect()
		return m.Has(m.Descriptor().Fields().ByName(protoreflect.Name(f)))
	}
	switch paths := mask.GetPaths(); {
	case len(paths) == 0:
		return slices.DeleteFunc(core.Fields(), func(f core.Field) bool { return !has(f) }), nil
	case slices.Equal(paths, []string{"*"}):
		// What cannot be changed may be left out.
		fixed := []core.Field{core.FieldConnection, core.FieldOperation, core.FieldPolling, core.FieldSource}
		return slices.DeleteFunc(core.Fields(), func(f core.Field) bool { return slices.Contains(fixed, f) && !has(f) }), nil
	default:
		for _, path := range paths {
			switch {
			case slices.Contains(core.Fields(), core.Field(path)):
				fields = append(fields, core.Field(path))
			case !shown(sub, path):
				return nil, unknownPath(path)
			}
		}
		return fields, nil
	}
}

// shown reports whether a subscription has a field.
func shown(sub *triggerv1.Subscription, path string) bool {
	return sub.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(path)) != nil
}

// unknownPath is for a mask that names none of the fields.
func unknownPath(path string) error {
	names := make([]string, 0, len(core.Fields()))
	for _, f := range core.Fields() {
		names = append(names, string(f))
	}
	accepted := strings.Join(names, ", ")
	return fault.Invalid(fault.ReasonInvalidArgument,
		"the update mask names %q, which is no field of a subscription; it accepts %s, or * for all of them", path, accepted).
		Field("update_mask", fmt.Sprintf("accepts %s, or *", accepted))
}
