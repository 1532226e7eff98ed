package sign

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

const (
	// unsigned stands for the hash of a body that is sent while it arrives.
	unsigned = "UNSIGNED-PAYLOAD"
	// contentHash is the header with the hash of the body.
	contentHash = "X-Amz-Content-Sha256"
)

// AWS is what is signed for.
type AWS struct {
	// Service is the signing name, for instance "execute-api".
	Service string
	// Region is for instance "eu-central-1".
	Region string
}

// AWSKeys are the credentials, as the signing library takes them. They are kept
// for one signature.
type AWSKeys struct {
	// AccessKey is the id of the key; it is sent.
	AccessKey string
	// SecretKey is the secret; it is never sent.
	SecretKey string
	// SessionToken belongs to temporary credentials; empty for others. It is sent.
	SessionToken string
}

// storage reports whether the service is S3 or one that follows its rules: the
// path is signed as it is sent, and the hash of the body is a header.
func (a AWS) storage() bool { return a.Service == "s3" || strings.HasPrefix(a.Service, "s3-") }

// NeedsBody reports whether a request over this scheme ("http" or "https") cannot
// be signed without its body.
func (a AWS) NeedsBody(scheme string) bool { return !a.storage() || scheme != "https" }

// Sign signs a request with AWS Signature Version 4 in its Authorization header.
// Before that it writes path and query in the one spelling that AWS compares:
// everything but unreserved characters percent-encoded, query parameters sorted.
// streamed says that the body is not in the request; it is left out of the
// signature then, which only S3 over https allows: see [AWS.NeedsBody].
func (a AWS) Sign(ctx context.Context, req *request.Request, keys AWSKeys, now time.Time, streamed bool) error {
	req.Base.Path, req.Path = strictPath(req.Base.Path), strictPath(req.Path)
	req.Query = strictQuery(req.Query)
	hash := unsigned
	if !streamed {
		sum := sha256.Sum256(req.Body)
		hash = hex.EncodeToString(sum[:])
	}
	if a.storage() || a.Service == "aoss" {
		req.SetHeader(contentHash, hash)
	}
	signed := a.forLibrary(req)
	credentials := aws.Credentials{AccessKeyID: keys.AccessKey, SecretAccessKey: keys.SecretKey, SessionToken: keys.SessionToken}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = a.storage() }) // remembers keys, so it is made anew
	if err := signer.SignHTTP(ctx, credentials, signed, hash, a.Service, a.Region, now); err != nil {
		return fault.Internal(fault.ReasonInternal, "the request could not be signed for AWS").Because(err)
	}
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"} {
		if values := signed.Header[name]; len(values) > 0 {
			req.Header[name] = values
		}
	}
	if signed.Host != hostOf(req) { // without a port that is the scheme's own
		req.Host = signed.Host
	}
	return nil
}

// forLibrary is the request as the signing library reads it. What a proxy on the
// way may change is not in it.
func (a AWS) forLibrary(req *request.Request) *http.Request {
	header := make(http.Header, len(req.Header)+3)
	for name, values := range req.Header {
		if !request.OfTransport(name) && name != "Accept-Encoding" {
			header[name] = slices.Clone(values)
		}
	}
	header.Del("X-Amz-Security-Token")
	target, _, _ := strings.Cut(req.Target(), "?")
	if !a.storage() {
		target = normal(target)
	}
	return &http.Request{
		Method: req.Method,
		// With two slashes and the host, the library takes the rest as it is.
		URL:           &url.URL{Scheme: req.Base.Scheme, Host: req.Base.Host, Opaque: "//" + req.Base.Host + target, RawQuery: req.Query},
		Host:          hostOf(req),
		Header:        header,
		ContentLength: int64(len(req.Body)),
	}
}

// strictPath encodes each segment of a path anew.
func strictPath(path string) string {
	if path == "" {
		return ""
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if plain, err := url.PathUnescape(segment); err == nil {
			segment = plain
		}
		segments[i] = request.Escape(segment)
	}
	return strings.Join(segments, "/")
}

// strictQuery encodes each pair of a query anew and sorts them by name and value.
func strictQuery(query string) string {
	if query == "" {
		return ""
	}
	var pairs [][2]string
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		pairs = append(pairs, [2]string{strictPart(name), strictPart(value)})
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	var out strings.Builder
	for i, pair := range pairs {
		if i > 0 {
			out.WriteByte('&')
		}
		out.WriteString(pair[0] + "=" + pair[1])
	}
	return out.String()
}

func strictPart(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		text = plain
	}
	return request.Escape(text)
}

// normal removes empty and "." segments, as AWS does before it compares
// signatures of all services but S3. There are no ".." (see [request.Climbs]).
func normal(path string) string {
	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(len(kept)-1, 0)]
		default:
			kept = append(kept, segment)
		}
	}
	out := "/" + strings.Join(kept, "/")
	if out != "/" && (strings.HasSuffix(path, "/") || strings.HasSuffix(path, "/.") || strings.HasSuffix(path, "/..")) {
		out += "/"
	}
	return out
}
