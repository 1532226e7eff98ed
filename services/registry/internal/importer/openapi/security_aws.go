package openapi

import (
	"regexp"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/authkind"
)

const (
	// signingName is an extension of "info" with the name of the service in
	// signatures, where it is not that in the host.
	signingName = "x-aws-signingName"
	// gatewayService is the service of the APIs that people publish at AWS.
	gatewayService = "execute-api"
	// globalRegion is what signatures for hosts without a region name.
	globalRegion = "us-east-1"
	// awsScheme is how signatures call themselves in the Authorization header.
	awsScheme = "aws4-hmac-sha256"
)

// signsForAWS is how descriptions of keys say that they are signatures.
var signsForAWS = regexp.MustCompile(`(?i)\b(aws|amazon)\s+(signature|sigv4)|\bsigv4\b|AWS4-HMAC-SHA256`)

// awsSignature makes a scheme a signature of AWS, if it is one.
func (t *translation) awsSignature(s *connectorv1.SecurityScheme, n *document.Node) bool {
	written := strings.ToLower(n.Str(gatewayExtension))
	own := n.Get(awsExtension)
	isHeader := strings.EqualFold(s.GetApiKey().GetName(), "Authorization")
	switch {
	case own.Is(document.Object) && (s.GetApiKey() != nil || s.GetHttp() != nil):
		s.Kind = &connectorv1.SecurityScheme_AwsSignature{AwsSignature: &connectorv1.AwsSignatureScheme{
			Service: own.Str("service"), Region: own.Str("region"),
		}}
		return true
	case written == "awssigv2":
		old := authkind.Kind{Name: "AWS Signature Version 2", Remedy: "use an API that takes version 4"}
		t.unsupported[s.GetId()] = old
		t.warn(authkind.Code, n, old.Remedy, "signatures of AWS of version 2, of the security scheme %q, are not supported; no connection can be made for it", s.GetId())
		return false
	case written == "awssigv4", written == "awss3", s.GetHttp().GetScheme() == awsScheme:
	case isHeader && written == "" && len(s.GetDescription()) <= maxHintBytes && signsForAWS.MatchString(s.GetDescription()):
	default:
		return false
	}
	at := t.awsHosts()
	made := &connectorv1.AwsSignatureScheme{Service: at.service, Region: at.region}
	switch named := t.root.Get("info").Str(signingName); {
	case named != "":
		made.Service = named
	case written == "awss3":
		made.Service = "s3"
	case made.GetService() == "" && !at.areAWS && written == "awssigv4":
		made.Service = gatewayService // of an API with a host of its own
	}
	s.Kind = &connectorv1.SecurityScheme_AwsSignature{AwsSignature: made}
	return true
}

// awsHosts is what the hosts of the servers say.
type awsHosts struct {
	// areAWS reports whether any is of AWS.
	areAWS bool
	// service is that of the first host; empty where it names none.
	service string
	// region is that of all hosts; empty where they have none in common, or where
	// a connection says it. usual is the region of the first host.
	region, usual string
}

// regionName is the form of the names of regions.
var regionName = regexp.MustCompile(`^[a-z]{2,3}(-[a-z]+)+-[0-9]{1,2}$`)

// awsHosts reads names like "{api}.execute-api.{region}.amazonaws.com". A region
// in braces is for the owner of a connection to say.
func (t *translation) awsHosts() awsHosts {
	var all awsHosts
	for _, server := range t.def.GetServers() {
		service, region, ok := awsHost(server.GetUrlTemplate())
		if !ok {
			continue
		}
		usual := region
		if strings.HasPrefix(region, "{") {
			usual = ""
			for _, v := range server.GetVariables() {
				if strings.EqualFold(region, "{"+v.GetName()+"}") && regionName.MatchString(v.GetDefaultValue()) {
					usual = v.GetDefaultValue()
				}
			}
			region = ""
		}
		if !all.areAWS {
			all = awsHosts{areAWS: true, service: service, region: region, usual: usual}
			continue
		}
		if all.region != region {
			all.region = ""
		}
	}
	return all
}

// awsHost takes the host of a URL apart; false if it is none of AWS.
func awsHost(template string) (service, region string, ok bool) {
	_, rest, _ := strings.Cut(template, "://")
	host, _, _ := strings.Cut(rest, "/")
	host, _, _ = strings.Cut(strings.ToLower(host), ":")
	for _, suffix := range []string{".amazonaws.com", ".amazonaws.com.cn", ".api.aws"} {
		head, found := strings.CutSuffix(host, suffix)
		if !found {
			continue
		}
		labels := strings.Split(head, ".")
		last := len(labels) - 1
		region = globalRegion
		if regionName.MatchString(labels[last]) || strings.HasPrefix(labels[last], "{") && last > 0 {
			region = labels[last]
			last--
		}
		if last > 0 && labels[last] == "dualstack" {
			last--
		}
		if last >= 0 && !strings.ContainsAny(labels[last], "{}") {
			service = labels[last]
		}
		return service, region, true
	}
	return "", "", false
}
