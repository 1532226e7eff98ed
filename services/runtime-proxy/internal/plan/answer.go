package plan

import (
	"bytes"
	"fmt"
	"mime"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// Finding is one difference between an answer and what the definition says about
// it.
type Finding struct {
	// Pointer is where, as a JSON pointer into the body (RFC 6901).
	Pointer string
	// Message is what is different: a sentence without a subject.
	Message string
}

// answers are the possible answers of an operation. Their validators are made
// when an answer is first looked at. Safe for concurrent use.
type answers struct {
	schemas *schemas
	list    []*connectorv1.Response
	made    *sync.Map // *connectorv1.MediaType → *validator
}

func newAnswers(op *connectorv1.Operation, schemas *schemas) answers {
	return answers{schemas: schemas, list: op.GetResponses(), made: &sync.Map{}}
}

// CheckAnswer compares an answer with its description and returns at most 50
// differences. Descriptions are often wrong: what is found is worth telling, and
// no reason to withhold the answer.
func (o *Operation) CheckAnswer(status int, contentType string, body []byte) []Finding {
	if len(o.answers.list) == 0 {
		return nil
	}
	response := ResponseFor(o.answers.list, status)
	switch {
	case response == nil:
		return []Finding{{"", fmt.Sprintf("the status %d is not described", status)}}
	case len(body) == 0 || len(response.GetContents()) == 0:
		return nil
	}
	content := contentFor(response.GetContents(), contentType)
	if content == nil {
		return []Finding{{"", fmt.Sprintf("the media type %q is not described", contentType)}}
	}
	if content.GetKind() != connectorv1.BodyKind_BODY_KIND_JSON || len(content.GetSchema()) == 0 {
		return nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return []Finding{{"", "the body is not JSON, and its media type says that it is"}}
	}
	return o.answers.check(content, doc)
}

func (a *answers) check(content *connectorv1.MediaType, doc any) []Finding {
	known, ok := a.made.Load(content)
	if !ok {
		known, _ = a.made.LoadOrStore(content, a.schemas.compile(content.GetSchema()))
	}
	v, _ := known.(*validator)
	if v == nil {
		return nil
	}
	var found violations
	v.checkAt(&explainer{place: pointerTo, found: &found}, doc)
	var out []Finding
	for _, one := range found.list {
		out = append(out, Finding{one.Field, one.Description})
	}
	return out
}

// ResponseFor returns what is described for a status: by itself, by its class
// ("4XX"), or by "default"; nil if nothing is.
func ResponseFor(list []*connectorv1.Response, status int) *connectorv1.Response {
	exact, class := strconv.Itoa(status), fmt.Sprintf("%dXX", status/100)
	var byClass, byDefault *connectorv1.Response
	for _, r := range list {
		switch said := strings.ToUpper(r.GetStatus()); said {
		case exact:
			return r
		case class:
			byClass = r
		case "DEFAULT":
			byDefault = r
		}
	}
	if byClass != nil {
		return byClass
	}
	return byDefault
}

// contentFor returns the representation of a media type, without regard to
// parameters and with ranges ("application/*") after exact types; the first one
// for an answer that names none.
func contentFor(list []*connectorv1.MediaType, contentType string) *connectorv1.MediaType {
	if contentType == "" {
		return list[0]
	}
	have, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil
	}
	var ranged *connectorv1.MediaType
	for _, c := range list {
		said := baseType(c.GetMediaType())
		if said == have {
			return c
		}
		if ranged == nil && inRange(have, said) {
			ranged = c
		}
	}
	return ranged
}

// pointerTo writes a location as a JSON pointer.
func pointerTo(location []string) string {
	var out strings.Builder
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	for _, token := range location {
		out.WriteString("/" + escape.Replace(token))
	}
	return out.String()
}
