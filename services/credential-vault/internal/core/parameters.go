package core

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/nearest"
	"github.com/ferrule-dev/ferrule/pkg/secret"
)

// maxParameter is the greatest length of a plain value in bytes. How many there
// are is bounded by the request.
const maxParameter = 8 << 10

// form is what a connection is asked for: the parameters of its set, what its
// sign-in needs, and the variables of the connector's servers.
type form struct {
	set       *connectorv1.ParameterSet
	signIn    signInForm
	variables map[string]*connectorv1.ServerVariable
	inHost    map[string]bool // variables that a host depends on
}

func newForm(def *connectorv1.Definition, set *connectorv1.ParameterSet) form {
	f := form{set: set, variables: map[string]*connectorv1.ServerVariable{}, inHost: hostVariables(def)}
	for server := range serversOf(def) {
		for _, v := range server.GetVariables() {
			if f.parameter(v.GetName()) == nil {
				f.variables[v.GetName()] = v
			}
		}
	}
	return f
}

func (f form) parameter(name string) *connectorv1.ConnectionParameter {
	i := slices.IndexFunc(f.set.GetParameters(), func(p *connectorv1.ConnectionParameter) bool { return p.GetName() == name })
	if i < 0 {
		return nil
	}
	return f.set.GetParameters()[i]
}

// answers is what was filled in, now and before.
type answers struct {
	plain   map[string]string      // as they are to be
	secrets map[string]secret.Text // sent now; an empty one removes
	kept    []string               // names of the secrets that were there before
	sealed  []Sealed               // the same, with what they were given for
	// tolerate are plain parameters that were stored before. One that the
	// connector has dropped since is no mistake of whoever changes another.
	tolerate map[string]string
	wrong    violations // that were found before
}

// has reports whether a secret will have a value.
func (a answers) has(name string) bool {
	if value, sent := a.secrets[name]; sent {
		return !value.Empty()
	}
	return slices.Contains(a.kept, name)
}

// complete returns the plain parameters with defaults filled in, or one fault
// that names everything that is wrong. It never repeats a value: it may be a
// secret that was put in the wrong place. Settings of the sign-in get no default:
// it would be taken for the owner's own word, which comes before the OAuth
// client's.
func (f form) complete(a answers) (map[string]string, error) {
	wrong, hints := a.wrong, nearest.Hints{}
	for _, name := range slices.Sorted(maps.Keys(a.plain)) {
		if old, stored := a.tolerate[name]; !stored || old != a.plain[name] {
			wrong.add(plainPath(name), f.hinted(f.judgePlain(name, a.plain[name]), name, &hints))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.secrets)) {
		if !slices.Contains(a.kept, name) || !a.secrets[name].Empty() {
			wrong.add(secretPath(name), f.hinted(f.judgeSecret(name), name, &hints))
		}
	}
	plain := f.withDefaults(a.plain)
	for _, p := range f.set.GetParameters() {
		if !p.GetRequired() || isOAuth(p) || !askedFor(p, plain) {
			continue
		}
		if isSecret(p) && !a.has(p.GetName()) {
			wrong.add(secretPath(p.GetName()), "is required, as a secret")
		}
		if !isSecret(p) && plain[p.GetName()] == "" {
			wrong.add(plainPath(p.GetName()), "is required")
		}
	}
	f.missingFields(plain, a, &wrong)
	maps.DeleteFunc(plain, func(name, _ string) bool { return f.isSetting(name) && a.plain[name] == "" })
	return plain, wrong.fault(f)
}

// askedFor reports whether the conditions of a parameter hold.
func askedFor(p *connectorv1.ConnectionParameter, plain map[string]string) bool {
	for _, c := range p.GetConditions() {
		if !slices.Contains(c.GetValues(), plain[c.GetParameter()]) {
			return false
		}
	}
	return true
}

// withDefaults returns the non-empty values, and the defaults of the others.
func (f form) withDefaults(given map[string]string) map[string]string {
	return withDefaults(f.set, given)
}

func withDefaults(set *connectorv1.ParameterSet, given map[string]string) map[string]string {
	plain := map[string]string{}
	for _, p := range set.GetParameters() {
		// The default of a secret would be a secret that everybody knows.
		if !isSecret(p) && p.GetDefaultValue() != "" {
			plain[p.GetName()] = p.GetDefaultValue()
		}
	}
	for name, value := range given {
		if value != "" {
			plain[name] = value
		}
	}
	return plain
}

// lentParameters returns the plain values of a connection as the runtime needs
// them: with the defaults of the settings of the sign-in, which policies may name.
func lentParameters(def *connectorv1.Definition, conn Connection) map[string]string {
	set, err := chooseSet(def, conn.ParameterSet)
	if err != nil {
		return conn.Parameters
	}
	lent := maps.Clone(conn.Parameters)
	for name, value := range withDefaults(set, conn.Parameters) {
		if _, there := lent[name]; !there && isSubParameter(set, name) {
			if lent == nil {
				lent = map[string]string{}
			}
			lent[name] = value
		}
	}
	return lent
}

// judgePlain returns what is wrong with a value that is not secret, "" if
// nothing is.
func (f form) judgePlain(name, value string) string {
	if p := f.parameter(name); p != nil {
		switch {
		case isSecret(p):
			return "is a secret: send it in secrets, not in connection.parameters"
		case isOAuth(p) && value != "":
			return signInInstead
		}
		return judgeValue(p, value)
	}
	if field := f.signIn.field(name); field != nil {
		return judgeField(*field, value)
	}
	v, ok := f.variables[name]
	switch {
	case !ok:
		return isUnknown
	case value == "":
		return ""
	case len(v.GetAllowedValues()) > 0 && !slices.Contains(v.GetAllowedValues(), value):
		return "must be one of " + strings.Join(v.GetAllowedValues(), ", ")
	case f.inHost[name] && !hostSafe(value):
		return "becomes part of a host name: only letters, digits, hyphens and dots are allowed"
	case len(value) > maxParameter:
		return tooLong(maxParameter)
	}
	return ""
}

// isUnknown is what is wrong with a name that there is not.
const isUnknown = "is unknown"

// hinted returns what is wrong with a name, and if there is no such name, which ones
// may have been meant.
func (f form) hinted(wrong, name string, hints *nearest.Hints) string {
	if wrong != isUnknown || !hints.Next() {
		return wrong
	}
	var names []string
	for _, p := range f.set.GetParameters() {
		if !isOAuth(p) {
			names = append(names, p.GetName())
		}
	}
	for _, field := range f.signIn.Fields {
		names = append(names, field.Name)
	}
	names = slices.AppendSeq(names, maps.Keys(f.variables))
	slices.Sort(names)
	return wrong + nearest.Hint(name, names)
}

// judgeValue checks type, choice and length.
func judgeValue(p *connectorv1.ConnectionParameter, value string) string {
	switch {
	case value == "":
		return "" // the same as not given
	case len(value) > maxParameter:
		return tooLong(maxParameter)
	}
	if wrong := judgeType(p.GetType(), value); wrong != "" {
		return wrong
	}
	allowed := p.GetAllowedValues()
	if len(allowed) > 0 && !slices.ContainsFunc(allowed, func(v *connectorv1.AllowedValue) bool { return v.GetValue() == value }) {
		return "must be one of " + choices(allowed)
	}
	return ""
}

func judgeType(kind connectorv1.ConnectionParameterType, value string) string {
	switch kind { //nolint:exhaustive // every other type takes any text
	case connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_BOOL:
		if value != "true" && value != "false" {
			return "must be true or false"
		}
	case connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_INTEGER:
		if _, err := strconv.ParseInt(value, 10, 64); err != nil {
			return "must be a whole number"
		}
	case connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_AGENT:
		return "needs an agent in a private network, which this server cannot do: leave it out"
	}
	return ""
}

// judgeSecret returns what is wrong with a secret that was sent.
func (f form) judgeSecret(name string) string {
	p := f.parameter(name)
	if field := f.signIn.field(name); p == nil && field != nil && field.Secret {
		return ""
	} else if p == nil && field != nil {
		return "is not a secret: send it in connection.parameters, not in secrets"
	}
	switch {
	case p != nil && isOAuth(p):
		return signInInstead
	case p == nil && f.variables[name] == nil:
		return isUnknown
	case p == nil || !isSecret(p):
		return "is not a secret: send it in connection.parameters, not in secrets"
	}
	return ""
}

// accepted lists the parameters for people, required ones first.
func (f form) accepted() string {
	var required, optional []string
	list := func(name string, needed, hidden bool) {
		text := described(name, needed, hidden)
		if needed {
			required = append(required, text)
		} else {
			optional = append(optional, text)
		}
	}
	for _, p := range f.set.GetParameters() {
		if !isOAuth(p) {
			list(p.GetName(), p.GetRequired(), isSecret(p))
		}
	}
	for _, field := range f.signIn.Fields {
		list(field.Name, field.Required && field.Grants == nil && !f.signIn.supplied(field.Name), field.Secret)
	}
	for _, name := range slices.Sorted(maps.Keys(f.variables)) {
		optional = append(optional, quoted(name))
	}
	if len(required)+len(optional) == 0 {
		return "no parameters"
	}
	return strings.Join(append(required, optional...), ", ")
}

// described returns a parameter as it is listed.
func described(name string, needed, hidden bool) string {
	var traits []string
	if needed {
		traits = append(traits, "required")
	}
	if hidden {
		traits = append(traits, "secret")
	}
	if len(traits) == 0 {
		return quoted(name)
	}
	return quoted(name) + " (" + strings.Join(traits, ", ") + ")"
}

// violations collects what is wrong, in the order in which it was found.
type violations struct{ found []fault.Violation }

func (v *violations) add(path, what string) {
	if what != "" {
		v.found = append(v.found, fault.Violation{Field: path, Description: what})
	}
}

// fault returns everything in one error, nil if there is nothing.
func (v *violations) fault(f form) error {
	return v.describe("the values do not fit parameter set %q, which accepts %s", f.set.GetName(), f.accepted())
}

// describe is like fault, with a sentence of the caller's.
func (v *violations) describe(format string, args ...any) error {
	if len(v.found) == 0 {
		return nil
	}
	e := fault.Invalid(fault.ReasonConnectionParametersInvalid, format, args...)
	for _, violation := range v.found {
		e = e.Field(violation.Field, violation.Description)
	}
	return e
}

// checkBasic refuses a user name that the API would read as the beginning of the
// password (RFC 7617, section 2).
func checkBasic(set *connectorv1.ParameterSet, plain map[string]string) error {
	wrong := violations{}
	for _, placement := range set.GetPlacements() {
		if name := placement.GetBasic().GetUsernameParameter(); name != "" && strings.Contains(plain[name], ":") {
			wrong.add(plainPath(name), `must not hold ":", which ends the user name in Basic authentication`)
		}
	}
	return wrong.describe("the user name holds a colon, which Basic authentication cannot send; give one without")
}

func isSecret(p *connectorv1.ConnectionParameter) bool {
	return p.GetType() == connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET ||
		p.GetType() == connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_CERTIFICATE
}

func isOAuth(p *connectorv1.ConnectionParameter) bool {
	return p.GetType() == connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH
}

// signInInstead is what is wrong with a value for an OAuth parameter.
const signInInstead = "is obtained by signing in, and cannot be sent"

func choices(allowed []*connectorv1.AllowedValue) string {
	values := make([]string, 0, len(allowed))
	for _, v := range allowed {
		values = append(values, v.GetValue())
	}
	return strings.Join(values, ", ")
}

func tooLong(limit int) string { return fmt.Sprintf("is longer than %d bytes", limit) }

func quoted(name string) string { return strconv.Quote(name) }

func plainPath(name string) string { return "connection.parameters[" + quoted(name) + "]" }

func secretPath(name string) string { return "secrets[" + quoted(name) + "]" }
