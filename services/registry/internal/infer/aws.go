package infer

import (
	"regexp"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/authkind"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// awsScheme is how signatures of AWS call themselves in the Authorization header.
const awsScheme = "aws4-hmac-sha256"

var (
	// awsName is the form of regions and services.
	awsName = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)
	// awsScope finds region and service in a signature.
	awsScope = regexp.MustCompile(`/[0-9]{8}/([a-z0-9-]{1,40})/([a-z0-9-]{1,40})/aws4_request`)
)

// scopeOf reads the value of curl's option --aws-sigv4:
// "provider:provider:region:service", of which the end may be missing.
func scopeOf(option string) *connectorv1.AwsSignatureScheme {
	s := &connectorv1.AwsSignatureScheme{}
	parts := strings.Split(option, ":")
	if len(parts) > 2 && awsName.MatchString(parts[2]) {
		s.Region = parts[2]
	}
	if len(parts) > 3 && awsName.MatchString(parts[3]) {
		s.Service = parts[3]
	}
	return s
}

// aws makes a scheme of signatures.
func (in *inference) aws(s *connectorv1.AwsSignatureScheme) {
	in.addScheme("aws", &connectorv1.SecurityScheme{Kind: &connectorv1.SecurityScheme_AwsSignature{AwsSignature: s}})
	in.secret("the keys of AWS were left out")
}

// signedHeader reads a signature of AWS in an Authorization header; false if it
// is none.
func (in *inference) signedHeader(scheme, rest string) bool {
	if !strings.EqualFold(scheme, awsScheme) {
		return false
	}
	s := &connectorv1.AwsSignatureScheme{}
	if m := awsScope.FindStringSubmatch(rest); m != nil {
		s.Region, s.Service = m[1], m[2]
	}
	in.aws(s)
	return true
}

// withoutSignature returns the headers without those that a signature of AWS
// brings along, if there is one.
func withoutSignature(headers []header, isSigned bool) []header {
	for _, h := range headers {
		isSigned = isSigned || strings.EqualFold(h.name, "Authorization") && len(h.value) >= len(awsScheme) && strings.EqualFold(h.value[:len(awsScheme)], awsScheme)
	}
	if !isSigned {
		return headers
	}
	return slices.DeleteFunc(slices.Clone(headers), func(h header) bool {
		switch strings.ToLower(h.name) {
		case "x-amz-date", "x-amz-content-sha256", "x-amz-security-token":
			return true
		}
		return false
	})
}

// unsupported reports a way to authenticate that connections cannot.
func (in *inference) unsupported(scheme string) {
	kind, known := authkind.HTTP(scheme)
	if !known {
		kind = authkind.Unknown(scheme)
	}
	in.report(format.Warning, CodeAuthNotSupported, kind.Remedy, "%s authentication is not supported; the operation is inferred without it", kind.Name)
}
