package provider

import (
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/secret"
)

// maxValue is the size of a setting in bytes.
const maxValue = 8192

// values finds the value of a setting: the connection's own comes first, then
// the OAuth client's, the default that the set declares, the connector's, what the connector's URLs hold, and the
// preset's default.
type values struct {
	src *source
	// plain and secrets are the connection's values: settings of the sign-in under
	// their own names, everything else under its full name; all in lower case.
	plain, other map[string]string
	secrets      map[string]secret.Text
	otherSecrets map[string]secret.Text
	client       map[string]string
	resolving    map[string]bool
	// shared means that the client is the connector's, and others what there is without
	// the connection's own values; nil if it has none.
	shared bool
	others *values
}

// newValues sorts what is given.
func newValues(src *source, given Given) *values {
	v := &values{
		src: src, plain: map[string]string{}, other: map[string]string{},
		secrets: map[string]secret.Text{}, otherSecrets: map[string]secret.Text{}, resolving: map[string]bool{},
	}
	if given.Client != nil {
		v.client = lowered(given.Client.Settings)
	}
	for name, value := range lowered(given.Plain) {
		if setting, ok := v.isOurs(name); ok {
			v.plain[setting] = value
		} else {
			v.other[name] = value
		}
	}
	for name, value := range given.Secrets {
		if setting, ok := v.isOurs(name); ok {
			v.secrets[setting] = value
		} else {
			v.otherSecrets[strings.ToLower(name)] = value
		}
	}
	if len(given.Plain)+len(given.Secrets) > 0 {
		v.others = newValues(src, Given{Client: given.Client})
	}
	v.shared = given.Client != nil && !v.ownClient()
	return v
}

// steers reports whether the owner of a connection gives a value that decides where
// the secrets of the connector's client go.
func (v *values) steers(name, value string) bool {
	return v.shared && v.others != nil && v.others.placeholder(name) != value
}

// isOurs splits "token:setting".
func (v *values) isOurs(name string) (setting string, ok bool) {
	owner, setting, ok := strings.Cut(strings.ToLower(strings.TrimSpace(name)), ":")
	return strings.TrimSpace(setting), ok && owner == strings.ToLower(v.src.parameter.GetName())
}

// field is the name under which a setting is given.
func (v *values) field(setting string) string { return v.src.parameter.GetName() + ":" + setting }

// names are all names of a setting in lower case.
func (v *values) names(name string) []string {
	if s := v.src.setting(name); s != nil {
		return s.names()
	}
	return []string{strings.ToLower(name)}
}

// own returns what the connection says.
func (v *values) own(name string) string { return v.layered(name, v.plain) }

// layered returns the first value in some layers.
func (v *values) layered(name string, layers ...map[string]string) string {
	names := v.names(name)
	for _, layer := range layers {
		for _, n := range names {
			if value := layer[n]; value != "" {
				return value
			}
		}
	}
	return ""
}

// stated returns a setting without the defaults of the preset, with placeholders
// completed; "" if nobody states it.
func (v *values) stated(name string) string {
	if value := v.layered(name, v.plain, v.client); value != "" {
		return value
	}
	for _, n := range v.names(name) {
		if p := v.src.declared[n]; p != nil && p.GetDefaultValue() != "" {
			return strings.TrimSpace(p.GetDefaultValue())
		}
	}
	if value := v.layered(name, v.src.custom, lowered(v.src.settings.GetProperties())); value != "" {
		return v.complete(name, value)
	}
	return v.layered(name, v.src.found)
}

// get returns a setting.
func (v *values) get(name string) string {
	if value := v.stated(name); value != "" {
		return value
	}
	if s := v.src.setting(name); s != nil {
		return s.Default
	}
	return ""
}

// complete replaces the placeholders in a value of the connector. A setting that
// refers to itself is what the owner was to supply.
func (v *values) complete(name, text string) string {
	if !strings.Contains(text, "{") {
		return vendorMark(text)
	}
	key := strings.ToLower(name)
	if v.resolving[key] || len(v.resolving) >= 4 {
		return ""
	}
	v.resolving[key] = true
	defer delete(v.resolving, key)
	return strings.TrimSpace(expand(text, v.placeholder))
}

// vendorMark drops marks like "@@id@@", which packages have where the vendor's
// own build puts a value.
func vendorMark(text string) string {
	if strings.HasPrefix(text, "@@") && strings.HasSuffix(text, "@@") {
		return ""
	}
	return text
}

// placeholder returns what a name in braces stands for in plain text.
func (v *values) placeholder(name string) string {
	if setting, ok := v.isOurs(name); ok {
		name = setting
	}
	if a := v.src.additional(name); a != nil {
		if !v.applies(a.GetConditions()) {
			return ""
		}
		key := strings.ToLower(name)
		return firstOf(v.plain[key], v.other[key], v.client[key], v.src.declared[key].GetDefaultValue())
	}
	return v.get(name)
}

// applies reports whether all conditions hold.
func (v *values) applies(conditions []*connectorv1.ParameterCondition) bool {
	for _, c := range conditions {
		name := c.GetParameter()
		if setting, ours := v.isOurs(name); ours {
			name = setting
		}
		value := firstOf(v.other[strings.ToLower(name)], v.get(name))
		holds := false
		for _, allowed := range c.GetValues() {
			holds = holds || strings.EqualFold(strings.TrimSpace(allowed), value)
		}
		if !holds {
			return false
		}
	}
	return true
}

// secret returns the connection's secret of that name; packages declare some
// secrets as plain text.
func (v *values) secret(name string) secret.Text {
	key := strings.ToLower(name)
	if s := v.secrets[key]; !s.Empty() {
		return s
	}
	if plain := v.plain[key]; plain != "" {
		return secret.FromString(plain)
	}
	return secret.Text{}
}

// isSecret reports whether a placeholder stands for a secret.
func (v *values) isSecret(name string) bool {
	key := strings.ToLower(name)
	if setting, ok := v.isOurs(key); ok {
		key = setting
	}
	if !v.secrets[key].Empty() || !v.otherSecrets[key].Empty() {
		return true
	}
	if a := v.src.additional(name); a != nil {
		return a.GetType() == secretType
	}
	t := v.src.declared[key].GetType()
	return key == "clientsecret" || key == "refreshtoken" || t == secretType || t == certType
}

// expand replaces the placeholders of a text; unknown ones become empty.
func expand(text string, value func(name string) string) string {
	return placeholder.ReplaceAllStringFunc(text, func(match string) string {
		return value(placeholder.FindStringSubmatch(match)[1])
	})
}
