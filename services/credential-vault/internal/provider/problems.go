package provider

import (
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// problems collects everything that is wrong with the settings of a sign-in.
type problems struct{ list []fault.Violation }

// add notes what is wrong with a setting, once.
func (p *problems) add(field, what string) {
	for _, v := range p.list {
		if v.Field == field {
			return
		}
	}
	p.list = append(p.list, fault.Violation{Field: field, Description: what})
}

// drop forgets what was wrong with a setting.
func (p *problems) drop(field string) {
	p.list = slices.DeleteFunc(p.list, func(v fault.Violation) bool { return v.Field == field })
}

// err returns all of it, nil if nothing is wrong. It names no values.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	sentences := make([]string, 0, len(p.list))
	for _, v := range p.list {
		sentences = append(sentences, v.Field+" "+v.Description)
	}
	err := fault.Precondition(fault.ReasonOAuthSettingsInvalid, "the sign-in is not complete: %s", strings.Join(sentences, "; ")).
		With("setting", p.list[0].Field)
	for _, v := range p.list {
		err = err.Field(v.Field, v.Description)
	}
	return err
}
