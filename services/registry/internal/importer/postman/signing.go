package postman

import (
	"regexp"
	"strings"
	"unicode"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/secretlike"
)

// kindAWS is Postman's name of signatures of AWS; awsScheme is how they call
// themselves in the Authorization header.
const (
	kindAWS   = "awsv4"
	awsScheme = "AWS4-HMAC-SHA256"
)

// What Postman signs for where a collection does not say it.
const (
	usualRegion  = "us-east-1"
	usualService = "execute-api"
)

// credentialScope finds region and service in a signature.
var credentialScope = regexp.MustCompile(`Credential=[^/,\s]*/[0-9]{8}/([a-z0-9-]{1,40})/([a-z0-9-]{1,40})/aws4_request`)

// signature reads an Authorization header that holds a signature of AWS.
func signature(a *auth, value string) {
	a.kind = kindAWS
	if m := credentialScope.FindStringSubmatch(value); m != nil {
		a.values = append(a.values, pair{key: "region", value: m[1]}, pair{key: "service", value: m[2]})
	}
}

// awsSigning makes a scheme of a signature of AWS. Where region or service are
// unknown the connection says them.
func (t *translation) awsSigning(a *auth, r *request) string {
	known := func(name string) string {
		value, complete := t.expand(strings.TrimSpace(a.get(name)), r, t.defaults())
		if !complete || strings.Contains(value, "{{") {
			return ""
		}
		return value
	}
	s := &connectorv1.AwsSignatureScheme{Region: known("region"), Service: known("service")}
	return t.keep(kindAWS+" "+s.GetRegion()+" "+s.GetService(), "aws", &connectorv1.SecurityScheme{
		Kind: &connectorv1.SecurityScheme_AwsSignature{AwsSignature: s},
	})
}

// awsPlacement asks for the keys of AWS.
func awsPlacement(set *connectorv1.ParameterSet, s *connectorv1.AwsSignatureScheme) *connectorv1.CredentialPlacement_AwsSignature {
	last := func() *connectorv1.ConnectionParameter { return set.GetParameters()[len(set.GetParameters())-1] }
	p := &connectorv1.AwsSignaturePlacement{Region: s.GetRegion(), Service: s.GetService()}
	p.AccessKeyParameter = ask(set, "access_key_id", "Access key id", typeText)
	p.SecretKeyParameter = ask(set, "secret_access_key", "Secret access key", typeSecret)
	p.SessionTokenParameter = ask(set, "session_token", "Session token", typeSecret)
	last().Required = false
	if p.GetRegion() == "" {
		p.RegionParameter = ask(set, "region", "Region", typeText)
		last().DefaultValue = usualRegion
	}
	if p.GetService() == "" {
		p.ServiceParameter = ask(set, "service", "Service", typeText)
		last().DefaultValue = usualService
	}
	return &connectorv1.CredentialPlacement_AwsSignature{AwsSignature: p}
}

// maxAround is how long the text around a key is that is kept.
const maxAround = 64

// around returns the template of a key whose value is text around one variable,
// and the name of that variable; "" if the value is the variable alone, or
// anything else.
func around(value string) (keyTemplate, name string) {
	value = strings.TrimSpace(value)
	at := template.FindAllStringIndex(value, 2)
	if len(at) != 1 || len(value)-(at[0][1]-at[0][0]) > maxAround {
		return "", ""
	}
	before, after := value[:at[0][0]], value[at[0][1]:]
	keyTemplate = before + "{value}" + after
	if before+after == "" || definition.CheckKeyTemplate(keyTemplate) != "" || !isWords(before) || !isWords(after) {
		return "", ""
	}
	return keyTemplate, nameOf(value[at[0][0]:at[0][1]])
}

// isWords reports whether text consists of words and small numbers, so that no
// part of a key hides in it.
func isWords(text string) bool {
	isSeparator := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	for _, word := range strings.FieldsFunc(text, isSeparator) {
		if len(word) > 16 || len(word) > 4 && strings.ContainsAny(word, "0123456789") {
			return false
		}
	}
	return !secretlike.Inside(text)
}
