package openapi

import (
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// keyDescription is what people read where they type a key.
func (t *translation) keyDescription(s *connectorv1.SecurityScheme) string {
	prefix := t.prefixes[s.GetId()]
	if prefix == "" {
		return s.GetDescription()
	}
	return strings.TrimRight(s.GetDescription(), "\r\n ") + "\n\nThe value begins with " + strconv.Quote(prefix) + "."
}

// addAWS asks for the keys of AWS, and for the service and region where nobody
// knows them.
func (t *translation) addAWS(set *connectorv1.ParameterSet, s *connectorv1.AwsSignatureScheme, description string) *connectorv1.CredentialPlacement_AwsSignature {
	p := &connectorv1.AwsSignaturePlacement{Region: s.GetRegion(), Service: s.GetService()}
	p.AccessKeyParameter = addPlain(set, "access_key_id", "Access key id", description)
	p.SecretKeyParameter = addSecret(set, "secret_access_key", "Secret access key", "")
	p.SessionTokenParameter = addSecret(set, "session_token", "Session token", "Only temporary credentials have one.")
	set.Parameters[len(set.GetParameters())-1].Required = false
	if p.GetRegion() == "" {
		p.RegionParameter = addPlain(set, "region", "Region", "The AWS region that requests are signed for.")
		set.Parameters[len(set.GetParameters())-1].DefaultValue = t.awsHosts().usual
	}
	if p.GetService() == "" {
		p.ServiceParameter = addPlain(set, "service", "Service", "The AWS service that requests are signed for, for instance \"execute-api\".")
	}
	return &connectorv1.CredentialPlacement_AwsSignature{AwsSignature: p}
}

// addHmac asks for the shared secret and what else a signature is made of.
// Templates name those parameters, so that schemes of one set share them.
func addHmac(set *connectorv1.ParameterSet, s *connectorv1.HmacScheme, description string) *connectorv1.CredentialPlacement_Hmac {
	for _, name := range s.GetParameters() {
		taken := func(p *connectorv1.ConnectionParameter) bool { return p.GetName() == name }
		if !slices.ContainsFunc(set.GetParameters(), taken) {
			addPlain(set, name, name, "")
		}
	}
	secret := addSecret(set, "secret", "Shared secret", description)
	return &connectorv1.CredentialPlacement_Hmac{Hmac: &connectorv1.HmacPlacement{SecretParameter: secret, Scheme: proto.CloneOf(s)}}
}

func addPlain(set *connectorv1.ParameterSet, name, title, description string) string {
	return addParameter(set, name, &connectorv1.ConnectionParameter{
		Type:  connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_STRING,
		Title: title, Description: description,
	})
}
