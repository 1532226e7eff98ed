package policy

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

const (
	// StateParameter is the query parameter of a Location that says where a poll
	// goes on. Its value is opaque to everybody else.
	StateParameter = "ferrule-trigger-state"
	// maxState is the longest state in bytes: it has to fit into a URL.
	maxState = 6 << 10
	// nextLinkKey of triggerConfig names the property with the next page.
	nextLinkKey = "x-ms-triggerConfig-nextLink"
)

// Trigger makes polls of the calls of an operation: a call without state takes
// the state of things and answers 202; one with state answers 202 as long as
// there is nothing new, and 200 with what is new and the next state once there
// is. Answers that are no success pass as they are, and the state stays.
//
//	err := program.Trigger.Before(e, state) // the request is built, no credential is placed
//	err = policy.Run(ctx, program.Request, e)
//	…
//	err = policy.Run(ctx, program.Response, e)
//	err = program.Trigger.After(ctx, e)
//
// The API sorts newest first: where the next poll goes on is read from the first
// element. A baseline that is empty has nothing to go on from; its state is
// empty, the next poll asks for everything, and all that it finds has come
// since: nothing is lost. A trigger that reads nothing from answers tells
// nothing apart, and every poll fires: whoever polls remembers what it showed. If items arrive from which the next state
// cannot be read the poll fails and the state stays.
type Trigger struct {
	settings settings
	cursors  []cursor
	data     path
	next     []pathStep
	response []Step // what is applied to each page
}

// cursor is a query parameter of the next poll.
type cursor struct {
	name  string
	value *expression
}

// Poll is one poll. It belongs to its exchange.
type Poll struct {
	values  map[string]string // of the state; nil in the first call
	state   string
	self    string          // URL of the call, without state
	request request.Request // as it was sent, with handles
	page    string          // URL of the next page
}

// State returns the state, opaque text of at most 6 KiB; after [Trigger.After] it
// is the one to go on with. It may be kept and given to Before instead of
// following the Location.
func (p *Poll) State() string { return p.state }

func pollingTrigger(s settings) (*Trigger, error) {
	t := &Trigger{settings: s, next: []pathStep{{Name: "@odata.nextLink"}}}
	var err error
	if t.data, err = t.settings.path("triggerDataPath"); err != nil {
		return nil, err
	}
	root := parseDocument([]byte(s.get("triggerConfig")))
	if root == nil || root.kind() != '{' {
		return nil, problem("triggerConfig must be a JSON object")
	}
	d := document{root: root}
	if err := d.visit(root); err != nil {
		return nil, err
	}
	for _, m := range root.members {
		switch {
		case strings.EqualFold(m.name, nextLinkKey):
			t.next = []pathStep{{Name: strings.TrimSpace(m.value.words())}}
		case m.name != "":
			t.cursors = append(t.cursors, cursor{m.name, parse(m.value.words(), dialectText)})
		}
	}
	return t, nil
}

// Before makes a poll of the call: it takes the state out of the request's
// query, or uses the one that is given, and sets the query parameters that ask
// for what is new. It is called before credentials are placed, because the URL
// of the call becomes a part of the Location. A state that was not made here is
// LINK_INVALID.
func (t *Trigger) Before(e *Exchange, state string) error {
	if state == "" {
		state, _ = e.Request.QueryValue(StateParameter)
	}
	e.Request.DeleteQuery(StateParameter)
	e.Poll = &Poll{state: state, self: e.Request.Base.String() + e.Request.Path}
	if e.Request.Query != "" {
		e.Poll.self += "?" + e.Request.Query
	}
	if state == "" {
		return nil
	}
	values, ok := decodeState(state)
	if !ok {
		return fault.Invalid(fault.ReasonLinkInvalid, "the state of the trigger was not made here; begin again without it")
	}
	e.Poll.values = values
	scope := t.settings.scope(e)
	for _, c := range t.cursors {
		value, ok := values[c.name]
		if !c.value.readsBody() {
			var err error
			if value, err = c.value.text(&scope); err != nil {
				return t.settings.explain(err)
			}
			ok = true
		}
		if ok {
			e.Request.SetQuery(c.name, request.Escape(value))
		}
	}
	return nil
}

// After turns the answer into that of a poll. It is called after the response
// steps. An answer that cannot be read is POLICY_FAILED.
func (t *Trigger) After(ctx context.Context, e *Exchange) error {
	if e.Poll == nil || e.Response.Status < http.StatusOK || e.Response.Status >= http.StatusMultipleChoices {
		return nil
	}
	if e.Response.Header == nil {
		e.Response.Header = map[string][]string{}
	}
	if err := t.settle(ctx, e); err != nil {
		return t.settings.explain(err)
	}
	return nil
}

func (t *Trigger) settle(ctx context.Context, e *Exchange) error {
	d := e.document(sectionResponse)
	if d.root == nil && len(e.Response.Body) > 0 {
		return problem("the API's answer is no JSON; it has to be asked why")
	}
	scope := scope{e: e, by: &t.settings, section: sectionResponse}
	items, err := scope.find(t.data)
	if err != nil {
		return err
	}
	news, err := holdsItems(d, items)
	if err != nil {
		return err
	}
	first := e.Poll.values == nil
	if first || news {
		if e.Poll.state, err = t.newest(&scope, news); err != nil {
			return err
		}
	}
	e.Response.Status = http.StatusAccepted
	if news && !first {
		if err := t.followPages(ctx, e, items); err != nil {
			return err
		}
		e.Response.Status = http.StatusOK
		if err := e.writeBack(); err != nil {
			return err
		}
	}
	return t.answer(e)
}

// answer writes the header of a poll's answer, and takes the body out of one
// that does not fire. When to ask again is the API's to say, or else the matter of
// whoever polls.
func (t *Trigger) answer(e *Exchange) error {
	header := e.Response.Header
	delete(header, "Location")
	if e.Link != nil {
		separator := "?"
		if strings.Contains(e.Poll.self, "?") {
			separator = "&"
		}
		link, ok := e.Link(e.Poll.self + separator + StateParameter + "=" + e.Poll.state)
		if !ok {
			return problem("no link for the next poll can be made for this connection")
		}
		header["Location"] = []string{link}
	}
	if e.Response.Status == http.StatusAccepted {
		e.Response.Body, e.received = nil, document{}
		delete(header, "Content-Type")
		delete(header, "Etag")
	}
	return nil
}

// holdsItems reports whether there is anything in what should hold items.
func holdsItems(d *document, items *node) (bool, error) {
	if items == nil {
		return false, nil
	}
	if err := d.visit(items); err != nil {
		return false, err
	}
	if items.open {
		return len(items.items)+len(items.members) > 0, nil
	}
	return items.kind() != 'n', nil
}

// newest reads the state from which the next poll goes on.
func (t *Trigger) newest(s *scope, news bool) (string, error) {
	values := map[string]string{}
	for _, c := range t.cursors {
		if !c.value.readsBody() {
			continue // constants do not travel
		}
		complete, err := c.value.complete(s)
		switch {
		case err != nil:
			return "", err
		case !complete && news:
			return "", problem("the items of the API's answer do not hold what triggerConfig reads for \"" + c.name + "\"; the connector has to be mended")
		case !complete:
			continue
		}
		if values[c.name], err = c.value.text(s); err != nil {
			return "", err
		}
	}
	return encodeState(values)
}

// complete reports whether all paths of an expression lead to a value.
func (x *expression) complete(s *scope) (bool, error) {
	for i := range x.parts {
		if x.parts[i].Function != bodyPath {
			continue
		}
		found, err := s.find(x.parts[i].Path)
		if err != nil || found == nil || found.kind() == 'n' {
			return false, err
		}
	}
	return true, nil
}

// encodeState writes a state: base64url of a JSON object, names sorted.
func encodeState(values map[string]string) (string, error) {
	text, err := json.Marshal(values)
	if err != nil {
		return "", problem("the state of the trigger cannot be written")
	}
	state := base64.RawURLEncoding.EncodeToString(text)
	if len(state) > maxState {
		return "", problem("what the trigger has to remember is too long for a link")
	}
	return state, nil
}

func decodeState(state string) (map[string]string, bool) {
	text, err := base64.RawURLEncoding.DecodeString(state)
	if err != nil || len(state) > maxState || jsontext.Value(text).Kind() != '{' {
		return nil, false
	}
	values := map[string]string{}
	return values, json.Unmarshal(text, &values) == nil
}
