// Package derive finds out what a description says about repeating calls, paging
// lists and webhooks without having words for it.
//
// [Operations] adds to the operations of a definition:
//
//   - the header that takes a key which makes repeating harmless, where one of the
//     parameters is such a header (draft-ietf-httpapi-idempotency-key-header),
//   - paging by a token, where a parameter takes what a member of the answer gives,
//   - the operations that list and read the registrations of a webhook, where they
//     answer at the paths at which it is registered and removed,
//   - the list in the notifications of a batch,
//   - how notifications are signed, where all servers are those of one provider that
//     is known.
//
// It never guesses. Paging that is wrong would skip items or ask for the same ones
// for ever, so that names have to belong together, and the place of the token and
// of the items must be the only one that there is.
package derive

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// Operations adds what can be derived to the operations of def that do not say
// it already.
func Operations(def *connectorv1.Definition) {
	s := newSchemas(def)
	for _, op := range def.GetOperations() {
		if op.GetIdempotencyKeyHeader() == "" && !op.GetSafety().GetSafe() {
			op.IdempotencyKeyHeader = keyHeader(op)
		}
		if op.GetPagination() == nil && op.GetMethod() == "GET" && op.GetKind() == connectorv1.OperationKind_OPERATION_KIND_ACTION {
			op.Pagination = s.pagination(op)
		}
	}
	s.webhooks(def)
}

// keyHeaders are the names of headers whose meaning is sure, in lower case.
var keyHeaders = []string{"idempotency-key", "x-idempotency-key"}

// keyHeader returns the first header parameter that takes a key, as it is written;
// "" if there is none.
func keyHeader(op *connectorv1.Operation) string {
	for _, p := range op.GetParameters() {
		isHeader := p.GetLocation() == connectorv1.ParameterLocation_PARAMETER_LOCATION_HEADER
		if isHeader && slices.Contains(keyHeaders, strings.ToLower(p.GetName())) {
			return p.GetName()
		}
	}
	return ""
}

// tokens says which members of an answer hold the token for an input, both in
// lower case and without "_", "-" and ".".
var tokens = map[string][]string{
	"cursor":     {"nextcursor", "nextpagecursor"},
	"nextcursor": {"nextcursor"},
	"pagecursor": {"nextpagecursor", "nextcursor"},
	"pagetoken":  {"nextpagetoken"},
	"nexttoken":  {"nexttoken"},
}

var separators = strings.NewReplacer("_", "", "-", "", ".", "")

func plain(name string) string { return strings.ToLower(separators.Replace(name)) }

// pagination returns how an operation is paged by a token, nil if that is not
// sure.
func (s *schemas) pagination(op *connectorv1.Operation) *connectorv1.Pagination {
	input := tokenInput(op)
	if input == nil {
		return nil
	}
	answer := s.read(answerSchema(op), 0)
	if !answer.sure {
		return nil
	}
	items := ""
	for name, member := range answer.members {
		if !member.is("array") {
			continue
		}
		if items != "" {
			return nil // nobody knows which list is the one
		}
		items = name
	}
	path := tokenPath(answer, tokens[plain(input.GetName())])
	if items == "" || path == "" || strings.Contains(items, ".") {
		return nil
	}
	return &connectorv1.Pagination{
		ItemsPath: items,
		Style: &connectorv1.Pagination_Cursor{Cursor: &connectorv1.CursorPagination{
			CursorInput: input.GetName(), CursorPath: path,
		}},
	}
}

// tokenInput returns the only optional query parameter that takes a token; nil if
// there is none, or several.
func tokenInput(op *connectorv1.Operation) *connectorv1.Parameter {
	var found *connectorv1.Parameter
	for _, p := range op.GetParameters() {
		if p.GetLocation() != connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY || tokens[plain(p.GetName())] == nil {
			continue
		}
		if found != nil || p.GetRequired() {
			return nil
		}
		found = p
	}
	return found
}

// answerSchema returns the schema of the JSON answer with the status 200, or nil.
func answerSchema(op *connectorv1.Operation) []byte {
	for _, r := range op.GetResponses() {
		if r.GetStatus() != "200" {
			continue
		}
		for _, m := range r.GetContents() {
			if m.GetKind() == connectorv1.BodyKind_BODY_KIND_JSON {
				return m.GetSchema()
			}
		}
	}
	return nil
}

// tokenPath returns the dot path of the only member with one of these names, at
// the top of an answer or in an object there; "" if there is none, or several.
func tokenPath(answer object, names []string) string {
	found, count := "", 0
	look := func(prefix string, members map[string]object) {
		for name, member := range members {
			isText := member.is("string") || member.is("integer")
			if slices.Contains(names, plain(name)) && isText && !strings.Contains(prefix+name, "..") {
				found = prefix + name
				count++
			}
		}
	}
	look("", answer.members)
	for name, member := range answer.members {
		if member.sure && !strings.Contains(name, ".") {
			look(name+".", member.members)
		}
	}
	if count != 1 {
		return ""
	}
	return found
}
