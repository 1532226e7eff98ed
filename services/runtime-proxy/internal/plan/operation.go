package plan

import (
	"cmp"
	"mime"
	"net/textproto"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// userAgent is what APIs see of us, unless the operation says otherwise.
const userAgent = "Ferrule"

// Operation is the plan of one operation. It is immutable and safe for
// concurrent use.
type Operation struct {
	source     *connectorv1.Operation
	method     string
	path       template
	query      template // the fixed query of the path
	parameters []*parameter
	inputs     map[string]int // input name → index of parameters
	body       *body
	accept     string
	idempotent bool
	answers    answers
}

// ID returns the operation's id.
func (o *Operation) ID() string { return o.source.GetOperationId() }

// Source returns the model of the operation, which must not be changed.
func (o *Operation) Source() *connectorv1.Operation { return o.source }

// Method returns the HTTP method.
func (o *Operation) Method() string { return o.method }

// Idempotent reports whether calling twice has the effect of calling once,
// because its method promises it (RFC 9110, section 9.2.2) or its author does.
func (o *Operation) Idempotent() bool { return o.idempotent }

// notifies reports whether an operation is nothing but a notification, which the
// API sends to a callback that a person registered there.
func notifies(source *connectorv1.Operation) bool {
	return source.GetTrigger().GetWebhook().GetRegistration() == connectorv1.WebhookRegistration_WEBHOOK_REGISTRATION_MANUAL
}

func (r *Revision) compile(source *connectorv1.Operation) (*Operation, error) {
	if code, needed := r.ScriptFor(source); needed && code == nil {
		return nil, fault.Unimplemented(fault.ReasonCustomCodeRequired,
			"operation %q is handled by custom code, which this server cannot run; it is not called without it",
			source.GetOperationId()).With("operation", source.GetOperationId())
	}
	if notifies(source) {
		return nil, fault.Unimplemented(fault.ReasonOperationNotSupported,
			"operation %q is what the API sends when something happens; it cannot be called, subscribe to it",
			source.GetOperationId()).With("operation", source.GetOperationId())
	}
	o := &Operation{
		source:  source,
		method:  cmp.Or(strings.ToUpper(source.GetMethod()), "GET"),
		accept:  acceptOf(source),
		answers: newAnswers(source, r.answered),
		inputs:  make(map[string]int, len(source.GetParameters())),
	}
	safety := source.GetSafety()
	o.idempotent = safety.GetSafe() || safety.GetIdempotent() ||
		slices.Contains([]string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}, o.method)
	o.addParameters(r.schemas)
	if err := o.addPath(); err != nil {
		return nil, err
	}
	if body := source.GetRequestBody(); body != nil {
		o.body = newBody(body, r.schemas)
	}
	return o, nil
}

// addParameters compiles the parameters and the names of their inputs: the plain
// name, or "location.name" where it would not be unique.
func (o *Operation) addParameters(schemas *schemas) {
	times := map[string]int{}
	if o.source.GetRequestBody() != nil {
		times[bodyInput]++
	}
	for _, p := range o.source.GetParameters() {
		times[p.GetName()]++
	}
	for _, source := range o.source.GetParameters() {
		if framing(source) {
			continue
		}
		p := newParameter(source, schemas)
		p.input = p.name
		if times[p.name] > 1 {
			p.input = p.location.String() + "." + p.name
		}
		o.inputs[p.input] = len(o.parameters)
		o.parameters = append(o.parameters, p)
	}
}

// framing reports whether a header parameter is one that only the transport may
// write: with any of them a caller could change where a request ends or whom it
// is for.
func framing(p *connectorv1.Parameter) bool {
	if p.GetLocation() != connectorv1.ParameterLocation_PARAMETER_LOCATION_HEADER {
		return false
	}
	switch name := textproto.CanonicalMIMEHeaderKey(p.GetName()); name {
	case "Host", "Proxy-Authorization", "Expect":
		return true
	default:
		return request.OfTransport(name) || !request.ValidFieldName(name)
	}
}

// acceptOf lists the media types of successful answers, in order.
func acceptOf(op *connectorv1.Operation) string {
	var types []string
	var anything bool
	for _, response := range op.GetResponses() {
		if !strings.HasPrefix(response.GetStatus(), "2") && response.GetStatus() != "default" {
			continue
		}
		for _, content := range response.GetContents() {
			base, _, err := mime.ParseMediaType(content.GetMediaType())
			if err == nil && !slices.Contains(types, base) {
				types = append(types, base)
			}
			anything = anything || base == "application/octet-stream"
		}
	}
	if anything && !slices.Contains(types, "*/*") {
		types = append(types, "*/*") // a file: its real type is rarely known before
	}
	return strings.Join(types, ", ")
}

// Follow writes the request for a link of the API, whose base, path and query are
// set by then.
func (o *Operation) Follow(req *request.Request) {
	req.Method, req.Header, req.Body = o.method, map[string][]string{"User-Agent": {userAgent}}, nil
	if o.accept != "" {
		req.Header["Accept"] = []string{o.accept}
	}
}

// Build writes the request for arguments that Read has accepted. It fills in all
// of req but Base. What only shows now, such as a path that would leave the API
// or a body of the wrong kind, is INPUT_INVALID too.
func (o *Operation) Build(args *Arguments, req *request.Request) error {
	args.found = violations{operation: o.ID()}
	o.write(args, req, &args.found)
	return args.found.err()
}

// write is Build. Of arguments that do not fit, it finds what cannot be written.
func (o *Operation) write(args *Arguments, req *request.Request, found *violations) {
	req.Method = o.method
	req.Header = make(map[string][]string, len(o.parameters)+4)
	req.Path = o.path.expand(o, args)
	req.Query = o.query.expand(o, args)
	o.checkPath(args, req.Path, found)
	o.writeParameters(args, req, found)
	own := [...]string{o.accept, userAgent} // one piece of memory for both
	if o.accept != "" && !req.HasHeader("Accept") {
		req.Header["Accept"] = own[0:1:1]
	}
	if !req.HasHeader("User-Agent") {
		req.Header["User-Agent"] = own[1:2:2]
	}
	if o.body != nil {
		o.body.write(args, req, found)
	}
}

func (o *Operation) writeParameters(args *Arguments, req *request.Request, found *violations) {
	for i, p := range o.parameters {
		value := args.values[i]
		if value == nil {
			continue
		}
		switch p.location {
		case inQuery:
			pairs, problem := p.pairs(value)
			if problem != "" {
				found.once(p.input, problem)
			}
			if len(pairs) > 0 {
				if req.Query != "" {
					req.Query += "&"
				}
				req.Query += string(pairs)
			}
		case inHeader:
			p.writeField(value, req, found)
		case inCookie:
			if pairs := p.expand(nil, value); len(pairs) > 0 {
				req.AddHeader("Cookie", string(pairs))
			}
		case inPath:
		}
	}
	if cookies := req.Header["Cookie"]; len(cookies) > 1 {
		req.Header["Cookie"] = []string{strings.Join(cookies, "; ")} // RFC 6265, section 5.4: one line
	}
}

func (p *parameter) writeField(value jsontext.Value, req *request.Request, found *violations) {
	line := string(p.expand(nil, value))
	if line == "" && value.Kind() == '"' && strings.EqualFold(p.name, "Accept-Encoding") {
		line = "identity" // what an empty one says (RFC 9110, section 12.5.3); transports take that for none at all
	}
	switch {
	case !request.ValidFieldValue(line):
		found.once(p.input, "must not hold control characters: it is sent as a header")
	case line != "" || value.Kind() == '"': // an empty list is no field
		req.AddHeader(p.name, line)
	}
}
