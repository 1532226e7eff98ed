package openapi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/definition"
)

func TestSignaturesOfAWS(t *testing.T) {
	const (
		written = "{type: apiKey, in: header, name: Authorization, x-amazon-apigateway-authtype: awsSigv4}"
		region  = "access_key_id:string, secret_access_key:secret, session_token:secret, region:string, aws access_key_id/secret_access_key/session_token for "
		known   = "access_key_id:string, secret_access_key:secret, session_token:secret, aws access_key_id/secret_access_key/session_token for "
		nothing = "access_key_id:string, secret_access_key:secret, session_token:secret, region:string, service:string, aws access_key_id/secret_access_key/session_token for service in region"
	)
	server := func(hosts ...string) string {
		var list []string
		for _, h := range hosts {
			list = append(list, "{url: 'https://"+h+"', variables: {region: {default: eu-west-1}}}")
		}
		return "servers: [" + strings.Join(list, ", ") + "]\n"
	}
	for _, row := range []struct {
		name, info, servers, scheme string
		want, usual                 string
	}{
		{"an API that somebody published", "", server("abc123.execute-api.eu-central-1.amazonaws.com/prod"), written, known + "execute-api in eu-central-1", ""},
		{"in a region of their choice", "", server("{id}.execute-api.{region}.amazonaws.com"), written, region + "execute-api in region", "eu-west-1"},
		{"a host of its own", "", server("api.example.com"), written, region + "execute-api in region", ""},
		{"a service of AWS", "", server("sts.amazonaws.com", "sts.{region}.amazonaws.com", "sts.{region}.amazonaws.com.cn"), written, region + "sts in region", "us-east-1"},
		{"a service without regions", "", server("iam.amazonaws.com"), written, known + "iam in us-east-1", ""},
		{"a service behind two names", "", server("s3.dualstack.us-west-2.amazonaws.com"), written, known + "s3 in us-west-2", ""},
		{"a service that signs under another name", ", x-aws-signingName: sagemaker", server("featurestore.sagemaker.us-east-1.amazonaws.com:443/x"), written, known + "sagemaker in us-east-1", ""},
		{"storage", "", server("{region}.example.com"), "{type: apiKey, in: header, name: Authorization, x-amazon-apigateway-authtype: awsS3}", region + "s3 in region", ""},
		{"what the description says", "", server("api.example.com"), "{type: apiKey, in: header, name: authorization, description: Amazon Signature authorization v4}", nothing, ""},
		{"a scheme with the name of the signature", "", server("api.example.com"), "{type: http, scheme: AWS4-HMAC-SHA256}", nothing, ""},
		{"what our own extension says", "", server("iam.amazonaws.com"), "{type: apiKey, in: header, name: X, x-ferrule-aws-signature: {service: a, region: b}}", known + "a in b", ""},
		{"what our own extension leaves open", "", server("iam.amazonaws.com"), "{type: apiKey, in: header, name: X, x-ferrule-aws-signature: {}}", nothing, "us-east-1"},
		{"a key like any other", "", server("iam.amazonaws.com"), "{type: apiKey, in: header, name: x-api-key, x-amazon-apigateway-authtype: custom}", "api_key:secret, key api_key->x-api-key", ""},
		{"a key of a signature in another header", "", server("iam.amazonaws.com"), "{type: apiKey, in: header, name: x-key, description: Made for AWS signature users}", "api_key:secret, key api_key->x-key", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := import3(t, "openapi: 3.0.3\ninfo: {title: Test, version: '1'"+row.info+"}\n"+row.servers+"components: {securitySchemes: {s: "+row.scheme+"}}\nsecurity: [{s: []}]"+onePath)
			if sets := got.sets(); !slices.Equal(sets, []string{"default: " + row.want}) {
				t.Errorf("sets %q, want %q", sets, row.want)
			}
			for _, p := range got.GetParameterSets()[0].GetParameters() {
				if p.GetRequired() != (p.GetName() != "session_token") {
					t.Errorf("the parameter %q is required: %v", p.GetName(), p.GetRequired())
				}
				if p.GetName() == "region" && p.GetDefaultValue() != row.usual {
					t.Errorf("the region is usually %q, want %q", p.GetDefaultValue(), row.usual)
				}
			}
			if err := definition.Validate(got.Definition); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOldSignaturesOfAWSAreNotSupported(t *testing.T) {
	got := withSchemes(t, "s: {type: apiKey, in: header, name: Authorization, x-amazon-apigateway-authtype: awsSigv2}")
	if !slices.Equal(got.codes(), []string{"AuthKindNotSupported /components/securitySchemes/s"}) || !slices.Equal(got.sets(), []string{"default: unsupported AWS Signature Version 2"}) {
		t.Errorf("findings %q, sets %q", got.codes(), got.sets())
	}
}
