package core

import (
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// tellApart adds to titles that several fields of a set have where their values are
// sent, else their names: whoever fills in three API keys has to know which is which.
func tellApart(fields []FormField, set *connectorv1.ParameterSet) {
	have := map[string]int{}
	for _, field := range fields {
		have[strings.ToLower(field.Title)]++
	}
	for i, field := range fields {
		if field.Title == "" || have[strings.ToLower(field.Title)] < 2 {
			continue
		}
		where := placeOf(set, field.Name)
		if where == "" {
			where = field.Name
		}
		fields[i].Title += " (" + where + ")"
	}
}

// placeOf returns where requests carry a key, such as "header X-Api-Key"; empty if it is
// no key.
func placeOf(set *connectorv1.ParameterSet, name string) string {
	for _, p := range set.GetPlacements() {
		if key := p.GetApiKey(); key != nil && key.GetParameter() == name {
			kind := strings.ToLower(strings.TrimPrefix(key.GetLocation().String(), "CREDENTIAL_LOCATION_"))
			return kind + " " + key.GetName()
		}
	}
	return ""
}
