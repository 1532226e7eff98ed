package edge

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// invokeVerb ends the path of an invocation.
const invokeVerb = ":invoke"

// keyOption is the option of the query that makes a call harmless to repeat, and keyHeader
// the header that other servers take for it (draft-ietf-httpapi-idempotency-key-header).
const (
	keyOption = "idempotencyKey"
	keyHeader = "Idempotency-Key"
)

// readOptions refuses options of an invocation that there are none of: one that is
// misspelt, and passed over in silence, is a key that does not protect. An idempotency key
// that came as a header becomes an option.
func readOptions(r *http.Request) error {
	lines := r.Header.Values(keyHeader)
	if r.Method != http.MethodPost || (r.URL.RawQuery == "" && len(lines) == 0) || !strings.HasSuffix(r.URL.Path, invokeVerb) {
		return nil
	}
	known := optionsOf((*runtimev1.InvokeRequest)(nil).ProtoReflect().Descriptor(), "connection", "operation_id", "input")
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return invalidRequest("its query cannot be read; escape it by RFC 3986")
	}
	key := ""
	for name, values := range query {
		i := slices.IndexFunc(known, func(o option) bool { return o.name == name || o.original == name })
		if i < 0 {
			return fault.Invalid(fault.ReasonInvalidArgument, "invocations have no option %q; there are %s, and inputs of the operation go into the body",
				name, strings.Join(namesOf(known), ", ")).Field(name, "is not known")
		}
		if known[i].name == keyOption && len(values) > 0 {
			key = values[0]
		}
	}
	if len(lines) == 0 {
		return nil
	}
	wanted := unquoted(lines[0])
	if len(lines) > 1 || wanted == "" || (key != "" && key != wanted) {
		return fault.Invalid(fault.ReasonInvalidArgument, "the call has no or several idempotency keys; send one, as the header %s or as the option %s", keyHeader, keyOption).
			Field(keyHeader, "must be one key, and that of the option if there is one")
	}
	if key == "" {
		query.Set(keyOption, wanted)
		r.URL.RawQuery = query.Encode()
	}
	return nil
}

// unquoted returns the text of a string of RFC 9651, or a text that is none as it is: both
// are in use.
func unquoted(text string) string {
	text = strings.TrimSpace(text)
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return text
	}
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(text[1 : len(text)-1])
}

// option is one that the query may have, in both of its spellings.
type option struct{ name, original string }

// optionsOf lists the fields of a request that are options, those of its parts by their path.
func optionsOf(message protoreflect.MessageDescriptor, except ...protoreflect.Name) (out []option) {
	fields := message.Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if slices.Contains(except, f.Name()) {
			continue
		}
		own := option{f.JSONName(), string(f.Name())}
		if part := f.Message(); part != nil && !strings.HasPrefix(string(part.FullName()), "google.") {
			for _, inner := range optionsOf(part) {
				out = append(out, option{own.name + "." + inner.name, own.original + "." + inner.original})
			}
			continue
		}
		out = append(out, own)
	}
	return out
}

func namesOf(options []option) (names []string) {
	for _, o := range options {
		names = append(names, o.name)
	}
	return names
}
