package core

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
)

const (
	typeString  = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_STRING
	typeSecret  = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET
	typeBool    = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_BOOL
	typeInteger = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_INTEGER
	typeOAuth   = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH
	typeAgent   = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_AGENT

	typeCertificate = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_CERTIFICATE
)

// crm asks for one parameter of every kind.
func crm() *connectorv1.Definition {
	return &connectorv1.Definition{
		Servers: []*connectorv1.Server{{
			UrlTemplate: "https://{region}.example.com/{base}",
			Variables: []*connectorv1.ServerVariable{
				{Name: "region", DefaultValue: "eu", AllowedValues: []string{"eu", "us"}},
				{Name: "base", DefaultValue: "v1"},
				{Name: "user", DefaultValue: "shadowed by the parameter of the same name"},
			},
		}},
		ParameterSets: []*connectorv1.ParameterSet{{
			Name: "basic",
			Parameters: []*connectorv1.ConnectionParameter{
				{Name: "user", Type: typeString, Required: true},
				{Name: "password", Type: typeSecret, Required: true},
				{Name: "token", Type: typeSecret, DefaultValue: "changeme"},
				{Name: "sandbox", Type: typeBool, DefaultValue: "false"},
				{Name: "limit", Type: typeInteger, DefaultValue: "10", Required: true},
				{Name: "plan", Type: typeString, AllowedValues: []*connectorv1.AllowedValue{{Value: "free"}, {Value: "paid"}}},
				{Name: "gateway", Type: typeAgent},
			},
		}},
	}
}

func crmForm() form { return newForm(crm(), crm().GetParameterSets()[0]) }

// texts makes secrets of strings.
func texts(values map[string]string) map[string]secret.Text {
	secrets := map[string]secret.Text{}
	for name, value := range values {
		secrets[name] = secret.FromString(value)
	}
	return secrets
}

// with returns a copy of values with one more.
func with(values map[string]string, name, value string) map[string]string {
	more := map[string]string{name: value}
	for n, v := range values {
		if n != name {
			more[n] = v
		}
	}
	return more
}

func TestValuesThatFitAreCompletedWithDefaults(t *testing.T) {
	for name, c := range map[string]struct {
		plain, secrets, want map[string]string
	}{
		"the least": {
			map[string]string{"user": "ann"},
			map[string]string{"password": "pw"},
			map[string]string{"user": "ann", "sandbox": "false", "limit": "10"},
		},
		"everything": {
			map[string]string{"user": "ann", "sandbox": "true", "limit": "-5", "plan": "paid", "region": "us", "base": "v2/beta"},
			map[string]string{"password": "pw", "token": "t"},
			map[string]string{"user": "ann", "sandbox": "true", "limit": "-5", "plan": "paid", "region": "us", "base": "v2/beta"},
		},
		"empty values are the same as none": {
			map[string]string{"user": "ann", "sandbox": "", "plan": "", "region": "", "gateway": ""},
			map[string]string{"password": "pw", "token": ""},
			map[string]string{"user": "ann", "sandbox": "false", "limit": "10"},
		},
		"the longest value": {
			map[string]string{"user": strings.Repeat("u", maxParameter)},
			map[string]string{"password": "pw"},
			map[string]string{"user": strings.Repeat("u", maxParameter), "sandbox": "false", "limit": "10"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := crmForm().complete(answers{plain: c.plain, secrets: texts(c.secrets)})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEveryValueThatDoesNotFitIsNamed(t *testing.T) {
	good := map[string]string{"user": "ann"}
	password := map[string]string{"password": "pw"}
	for name, c := range map[string]struct {
		plain, secrets map[string]string
		field, want    string
	}{
		"a missing parameter":              {nil, password, `connection.parameters["user"]`, "required"},
		"an empty required parameter":      {map[string]string{"user": ""}, password, `connection.parameters["user"]`, "required"},
		"a missing secret":                 {good, nil, `secrets["password"]`, "required, as a secret"},
		"an empty required secret":         {good, map[string]string{"password": ""}, `secrets["password"]`, "required"},
		"an unknown parameter":             {with(good, "usr", "x"), password, `connection.parameters["usr"]`, "unknown"},
		"a name in another case":           {with(good, "User", "x"), password, `connection.parameters["User"]`, "unknown"},
		"an unknown secret":                {good, with(password, "pass", "x"), `secrets["pass"]`, "unknown"},
		"an unknown secret without value":  {good, with(password, "pass", ""), `secrets["pass"]`, "unknown"},
		"a secret in the open":             {with(good, "token", "hunter2"), password, `connection.parameters["token"]`, "send it in secrets"},
		"a plain value as a secret":        {good, with(password, "plan", "free"), `secrets["plan"]`, "send it in connection.parameters"},
		"a server variable as a secret":    {good, with(password, "region", "eu"), `secrets["region"]`, "send it in connection.parameters"},
		"a truth value that is not one":    {with(good, "sandbox", "hunter2"), password, `connection.parameters["sandbox"]`, "true or false"},
		"a truth value in capitals":        {with(good, "sandbox", "TRUE"), password, `connection.parameters["sandbox"]`, "true or false"},
		"a number that is a word":          {with(good, "limit", "hunter2"), password, `connection.parameters["limit"]`, "whole number"},
		"a number with a fraction":         {with(good, "limit", "1.5"), password, `connection.parameters["limit"]`, "whole number"},
		"a number of more than 64 bits":    {with(good, "limit", "9223372036854775808"), password, `connection.parameters["limit"]`, "whole number"},
		"a choice that is not offered":     {with(good, "plan", "hunter2"), password, `connection.parameters["plan"]`, "one of free, paid"},
		"a region that is not offered":     {with(good, "region", "hunter2"), password, `connection.parameters["region"]`, "one of eu, us"},
		"an agent":                         {with(good, "gateway", "dc-1"), password, `connection.parameters["gateway"]`, "agent"},
		"a value that is too long":         {with(good, "user", strings.Repeat("u", maxParameter+1)), password, `connection.parameters["user"]`, "longer than 8192 bytes"},
		"a variable that is too long":      {with(good, "base", strings.Repeat("u", maxParameter+1)), password, `connection.parameters["base"]`, "longer than 8192 bytes"},
		"a name that needs to be escaped":  {with(good, `a"b`, "x"), password, `connection.parameters["a\"b"]`, "unknown"},
		"a parameter of an alien alphabet": {with(good, "ключ", "x"), password, `connection.parameters["ключ"]`, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := crmForm().complete(answers{plain: c.plain, secrets: texts(c.secrets)})
			if fault.ReasonOf(err) != fault.ReasonConnectionParametersInvalid || fault.CodeOf(err) != fault.CodeInvalidArgument {
				t.Fatalf("got %v", err)
			}
			v := fault.From(err).Violations()
			if len(v) != 1 || v[0].Field != c.field || !strings.Contains(v[0].Description, c.want) {
				t.Errorf("violations are %v, want %s: … %s …", v, c.field, c.want)
			}
			if text := err.Error() + v[0].Description; strings.Contains(text, "hunter2") {
				t.Errorf("the refusal repeats a value, which may be a secret: %s", text)
			}
			if !strings.Contains(err.Error(), `"user" (required), "password" (required, secret)`) {
				t.Errorf("the refusal does not list what is accepted: %v", err)
			}
		})
	}
}

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	_, err := crmForm().complete(answers{
		plain:   map[string]string{"nope": "x", "limit": "many", "password": "pw"},
		secrets: texts(map[string]string{"plan": "free"}),
	})
	var fields []string
	for _, v := range fault.From(err).Violations() {
		fields = append(fields, v.Field)
	}
	want := []string{
		`connection.parameters["limit"]`, `connection.parameters["nope"]`, `connection.parameters["password"]`,
		`secrets["plan"]`, `connection.parameters["user"]`, `secrets["password"]`,
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Error(diff)
	}
}

func TestASecretNeverHasADefault(t *testing.T) {
	plain, err := crmForm().complete(answers{plain: map[string]string{"user": "ann"}, secrets: texts(map[string]string{"password": "pw"})})
	if err != nil {
		t.Fatal(err)
	}
	if value, ok := plain["token"]; ok {
		t.Errorf("the secret was given the value %q that everybody can read in the connector", value)
	}
}

func TestWhatWasStoredBeforeIsNotJudgedAgain(t *testing.T) {
	stored := map[string]string{"user": "ann", "dropped": "by a later revision", "limit": "10"}
	_, err := crmForm().complete(answers{
		plain: stored, tolerate: stored,
		secrets: texts(map[string]string{"gone": ""}), kept: []string{"gone", "password"},
	})
	if err != nil {
		t.Errorf("a change of something else is refused: %v", err)
	}
	changed := with(stored, "dropped", "to another value")
	if _, err := crmForm().complete(answers{plain: changed, tolerate: stored, kept: []string{"password"}}); err == nil {
		t.Error("a new value for an unknown parameter is accepted")
	}
}

func TestRequiredSecretsCanBeKeptAndNotRemoved(t *testing.T) {
	a := answers{plain: map[string]string{"user": "ann"}, kept: []string{"password"}}
	if _, err := crmForm().complete(a); err != nil {
		t.Errorf("a secret that is stored was asked for again: %v", err)
	}
	a.secrets = texts(map[string]string{"password": ""})
	if _, err := crmForm().complete(a); err == nil {
		t.Error("a required secret could be removed")
	}
}

func TestAConnectorThatAsksForNothingSaysSo(t *testing.T) {
	f := newForm(servers("https://api.example.com"), &connectorv1.ParameterSet{Name: "none"})
	if _, err := f.complete(answers{}); err != nil {
		t.Error(err)
	}
	_, err := f.complete(answers{plain: map[string]string{"a": "b"}})
	if err == nil || !strings.Contains(err.Error(), "accepts no parameters") {
		t.Errorf("got %v", err)
	}
}
