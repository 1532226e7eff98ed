package paging

import (
	"crypto/sha256"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dotpath"
)

// style is a way to ask for the next page. It remembers what it asked for, and
// belongs to one list.
type style interface {
	// first completes the first question.
	first(ask Ask) Ask
	// next makes the next one; nil at the end of the list.
	next(asked Ask, answer *Answer, items []jsontext.Value) (*Ask, error)
	// within returns the change of the input that goes on inside of a page of which
	// items were taken, see [Page]; nil where no input leads there.
	within(asked Ask, items []jsontext.Value) []byte
}

func styleOf(op *connectorv1.Operation) style {
	switch kind := op.GetPagination().GetStyle().(type) {
	case *connectorv1.Pagination_Offset:
		return &offsets{p: kind.Offset, op: op}
	case *connectorv1.Pagination_PageNumber:
		return &numbers{p: kind.PageNumber, op: op}
	case *connectorv1.Pagination_Cursor:
		return &cursors{p: kind.Cursor, op: op, seen: seen{}}
	}
	return &linked{p: op.GetPagination(), seen: seen{}}
}

// seen remembers what was followed, by its hash: links can be long and many.
type seen map[[sha256.Size]byte]struct{}

// add fails if it was there.
func (s seen) add(what, one string) error {
	key := sha256.Sum256([]byte(one))
	if _, again := s[key]; again {
		return circles("gave the same " + what + " twice")
	}
	s[key] = struct{}{}
	return nil
}

func circles(how string) error {
	return fault.Unavailable(fault.ReasonUpstreamInvalidResponse,
		"the API's list goes in circles: it %s; ask for its pages one by one, or with other inputs", how)
}

// linked follows links.
type linked struct {
	p    *connectorv1.Pagination
	seen seen
}

func (l *linked) first(ask Ask) Ask {
	if ask.Link != "" {
		_ = l.seen.add("link", ask.Link) // nothing is there yet
	}
	return ask
}

func (l *linked) next(asked Ask, answer *Answer, _ []jsontext.Value) (*Ask, error) {
	link, err := nextLink(l.p, answer)
	if err != nil || link == "" {
		return nil, err
	}
	if err := l.seen.add("link", link); err != nil {
		return nil, err
	}
	return &Ask{Link: link, Input: asked.Input}, nil
}

func (*linked) within(Ask, []jsontext.Value) []byte { return nil }

// ask makes the question that differs from another one in one input.
func ask(asked Ask, op *connectorv1.Operation, name string, value jsontext.Value) *Ask {
	return &Ask{Input: with(asked.Input, op, name, value), Change: with(nil, op, name, value)}
}

// pageSize is how many items a page was asked to have; 0 if nobody said.
func pageSize(input []byte, name string) int64 {
	if name == "" {
		return 0
	}
	size, _ := whole(input, name)
	return size
}

// withSize sets the number of items of a page where the caller does not say.
func withSize(ask Ask, name string, size int32, op *connectorv1.Operation) Ask {
	if name == "" || size <= 0 {
		return ask
	}
	if _, given := input(ask.Input, name); !given {
		ask.Input = with(ask.Input, op, name, number(int64(size)))
	}
	return ask
}

// repeats notices pages that say the same as the one before: an API that takes no
// notice of what it is asked for would never end. Lists of scalars may repeat.
type repeats struct{ last [sha256.Size]byte }

func (r *repeats) check(items []jsontext.Value) error {
	if len(items) == 0 || (items[0].Kind() != '{' && items[0].Kind() != '[') {
		return nil
	}
	h := sha256.New()
	for _, item := range items {
		_, _ = h.Write(item)
		_, _ = h.Write([]byte{0})
	}
	now := [sha256.Size]byte(h.Sum(nil))
	if now == r.last {
		return circles("answered with the same page twice")
	}
	r.last = now
	return nil
}

// ends reports whether a list of which so much is known is over: the API's own count
// decides, and a page that is shorter than asked for where it gives none. APIs that give
// fewer items than they were asked for are many.
func ends(known, total int64, counted, short bool) bool {
	if counted {
		return known >= total
	}
	return short
}

// offsets skips what is known.
type offsets struct {
	p  *connectorv1.OffsetPagination
	op *connectorv1.Operation
	repeats
}

func (o *offsets) first(ask Ask) Ask {
	return withSize(ask, o.p.GetLimitInput(), o.p.GetDefaultLimit(), o.op)
}

func (o *offsets) next(asked Ask, answer *Answer, items []jsontext.Value) (*Ask, error) {
	count := int64(len(items))
	before, _ := whole(asked.Input, o.p.GetOffsetInput())
	total, counted := wholeAt(answer.Body, o.p.GetTotalPath())
	if count == 0 || ends(before+count, total, counted, count < pageSize(asked.Input, o.p.GetLimitInput())) {
		return nil, nil //nolint:nilnil // nil is the end of the list
	}
	if err := o.check(items); err != nil {
		return nil, err
	}
	return ask(asked, o.op, o.p.GetOffsetInput(), number(before+count)), nil
}

func (o *offsets) within(asked Ask, items []jsontext.Value) []byte {
	before, _ := whole(asked.Input, o.p.GetOffsetInput())
	return with(nil, o.op, o.p.GetOffsetInput(), number(before+int64(len(items))))
}

// numbers counts pages.
type numbers struct {
	p  *connectorv1.PageNumberPagination
	op *connectorv1.Operation
	repeats
}

func (n *numbers) first(ask Ask) Ask {
	return withSize(ask, n.p.GetLimitInput(), n.p.GetDefaultLimit(), n.op)
}

func (n *numbers) next(asked Ask, answer *Answer, items []jsontext.Value) (*Ask, error) {
	count := int64(len(items))
	first := int64(n.p.GetFirstPage())
	page, ok := whole(asked.Input, n.p.GetPageInput())
	if !ok {
		page = first
	}
	total, counted := wholeAt(answer.Body, n.p.GetTotalPagesPath())
	if count == 0 || ends(page-first+1, total, counted, count < pageSize(asked.Input, n.p.GetLimitInput())) {
		return nil, nil //nolint:nilnil // nil is the end of the list
	}
	if err := n.check(items); err != nil {
		return nil, err
	}
	return ask(asked, n.op, n.p.GetPageInput(), number(page+1)), nil
}

func (*numbers) within(Ask, []jsontext.Value) []byte { return nil }

// cursors hands tokens back.
type cursors struct {
	p    *connectorv1.CursorPagination
	op   *connectorv1.Operation
	seen seen
}

func (c *cursors) first(ask Ask) Ask {
	if given, ok := input(ask.Input, c.p.GetCursorInput()); ok {
		_ = c.seen.add("cursor", dotpath.Text(given)) // nothing is there yet
	}
	return ask
}

func (c *cursors) next(asked Ask, answer *Answer, items []jsontext.Value) (*Ask, error) {
	token, ok := c.token(answer, items)
	if !ok || dotpath.Text(token) == "" {
		return nil, nil //nolint:nilnil // nil is the end of the list
	}
	if len(token) > maxLink {
		return nil, badLink("holds a cursor that is longer than %d bytes", maxLink)
	}
	if err := c.seen.add("cursor", dotpath.Text(token)); err != nil {
		return nil, err
	}
	return ask(asked, c.op, c.p.GetCursorInput(), token), nil
}

// within goes on after any item where items are the tokens.
func (c *cursors) within(_ Ask, items []jsontext.Value) []byte {
	if c.p.GetCursorPath() != "" || c.p.GetItemCursorPath() == "" || len(items) == 0 {
		return nil
	}
	token, ok := dotpath.Find(items[len(items)-1], c.p.GetItemCursorPath())
	if !ok || !isToken(token) || len(token) > maxLink {
		return nil
	}
	return with(nil, c.op, c.p.GetCursorInput(), token)
}

// token returns the token of the next page, a scalar.
func (c *cursors) token(answer *Answer, items []jsontext.Value) (jsontext.Value, bool) {
	if path := c.p.GetMorePath(); path != "" {
		v, _ := dotpath.Find(answer.Body, path)
		if more, isFlag := dotpath.Flag(v); isFlag && !more {
			return nil, false
		}
	}
	var v jsontext.Value
	ok := false
	switch p := c.p; {
	case p.GetCursorPath() != "":
		v, ok = dotpath.Find(answer.Body, p.GetCursorPath())
	case p.GetItemCursorPath() != "" && len(items) > 0:
		v, ok = dotpath.Find(items[len(items)-1], p.GetItemCursorPath())
	}
	if name := c.p.GetCursorHeader(); !ok && name != "" && answer.Header.Get(name) != "" {
		v, ok = text(answer.Header.Get(name)), true
	}
	return v, ok && isToken(v)
}

func isToken(v jsontext.Value) bool { return slices.Contains([]jsontext.Kind{'"', '0'}, v.Kind()) }

func wholeAt(body []byte, path string) (int64, bool) {
	if path == "" {
		return 0, false
	}
	v, ok := dotpath.Find(body, path)
	if !ok {
		return 0, false
	}
	return dotpath.Whole(v)
}

func number(n int64) jsontext.Value { return jsontext.Value(strconv.FormatInt(n, 10)) }
