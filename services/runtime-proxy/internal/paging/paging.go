// Package paging follows lists to their end.
//
// An API answers a list in pages and says, in one of several ways, how to ask for
// the next one. [Walker.Run] calls, takes the items out of each answer, works out
// what comes next and calls again, until the list or the limits end. How depends
// on the operation's Pagination:
//
//   - a link: a member of the body, or the header Link (RFC 8288);
//   - an offset, a page number or a cursor: inputs of the operation;
//   - nothing is declared: a link in one of the usual places.
//
// Items are parts of the answers, never decoded: numbers keep their text.
// [Walker.Collect] puts all items into one array. [NextLink] answers for a single
// page, for calls that follow nothing.
//
//	w := paging.Walker{Call: call, Operation: op, Limits: paging.Limits{Items: 500}}
//	err := w.Run(ctx, paging.Ask{Input: input}, func(p *paging.Page) error { … })
//
// A list that goes in circles is an error, see [Walker.Run].
package paging

import (
	"cmp"
	"context"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

const (
	// DefaultItems and MaxItems are the limits of items, see [Limits].
	DefaultItems, MaxItems = 10_000, 1_000_000
	// DefaultPages and MaxPages are the limits of pages.
	DefaultPages, MaxPages = 100, 10_000
	// MaxCollected is the largest array that [Walker.Collect] makes, in bytes: it
	// goes out in one message.
	MaxCollected = 64 << 20
	// maxLink is the longest link or cursor that is followed, in bytes.
	maxLink = 16 << 10
)

// Ask is what to ask the API for.
type Ask struct {
	// Input is the input of the operation, a JSON object; empty for none.
	Input []byte
	// Link is the absolute URL at the API to call instead of the one that the input
	// makes; empty for none. The input still makes header and body.
	Link string
	// Change is what makes Input of the input of the page before, a JSON merge patch
	// (RFC 7396); empty for a first page, and for a link.
	Change []byte
}

// Answer is what the API answered.
type Answer struct {
	// URL is where the request went, absolute, without anything of the credential.
	// Links that are not absolute are read relative to it.
	URL string
	// Status is the HTTP status.
	Status int
	// Header holds the fields by canonical name.
	Header http.Header
	// Body is the content.
	Body []byte
	// Problem explains a status of 400 or more; nil for others.
	Problem *upstream.Problem
	// Next is where the list goes on by the word of a policy, which counts before guesses
	// and the header; empty for none.
	Next string
	// Alone says that the list ends here, whatever the answer says: it was made up.
	Alone bool
}

// Caller makes one call of the operation. Its errors end the list and reach the
// caller of the list as they are.
type Caller func(ctx context.Context, ask Ask) (*Answer, error)

// Limits end a list. What is reached first counts.
type Limits struct {
	// Items is the number of items: 0 means [DefaultItems], more than [MaxItems]
	// that.
	Items int
	// Pages is the number of pages: 0 means [DefaultPages], more than [MaxPages]
	// that.
	Pages int
}

func (l Limits) withDefaults() Limits {
	return Limits{Items: min(cmp.Or(l.Items, DefaultItems), MaxItems), Pages: min(cmp.Or(l.Pages, DefaultPages), MaxPages)}
}

// End is what a list ends with.
type End int

// What a list ends with.
const (
	// Open is the end of nothing: the next page follows.
	Open End = iota
	// Complete is the end of the API's list.
	Complete
	// CutByItems is the limit of items: more may follow at the API.
	CutByItems
	// CutByPages is the limit of pages: more may follow at the API.
	CutByPages
	// Failed is an answer of 400 or more.
	Failed
)

// Page is one page of a list.
type Page struct {
	// Answer is what the API answered.
	Answer *Answer
	// Items are the items of the page, parts of the answer's body. Empty if the
	// API reported a failure, which is always the last page.
	Items []jsontext.Value
	// End says whether the list ends with this page, and why.
	End End
	// More says that the list may go on, whether or not it is followed: APIs with
	// offsets or page numbers, but without totals, only show it with the next page.
	More bool
	// Next is the absolute URL of the next page, for styles that have one; empty
	// if the list does not go on, and also if the limit of items cut this page: who
	// went on there would miss the rest of it.
	Next string
	// Change is what of the input another call has to change to go on after this
	// page, a JSON merge patch, for styles whose pages are asked for with inputs; empty
	// if the list does not go on. If the limit of items cut this page, it leads to
	// the first item that was left out, or is empty where no input could.
	Change []byte
}

// Walker follows one list. It is used by one goroutine, once.
type Walker struct {
	// Call makes the calls.
	Call Caller
	// Operation is what is called; its Pagination says how.
	Operation *connectorv1.Operation
	// Limits end the list.
	Limits Limits
	// Items takes the items out of a body, at most limit of them, instead of
	// [Items] with the path of the Pagination; nil for that. Its errors end the list
	// as they are.
	Items func(body []byte, limit int) (items []jsontext.Value, more bool, err error)
}

// Run follows the list from the first page on. It calls yield for each page, the
// last one included, and never asks for a page before yield has returned; an
// error of yield ends the list and is returned.
//
// A link or cursor that came before, or a page of an offset or page number that
// repeats the one before word for word, is UPSTREAM_INVALID_RESPONSE: the list
// goes in circles. An answer of 400 or more is a page without items, and the last.
func (w *Walker) Run(ctx context.Context, first Ask, yield func(*Page) error) error {
	limits := w.Limits.withDefaults()
	style := styleOf(w.Operation)
	left := limits.Items
	ask := style.first(first)
	for number := 1; ; number++ {
		answer, err := w.Call(ctx, ask)
		if err != nil {
			return err
		}
		page, next, err := w.page(style, ask, answer, left)
		if err != nil {
			return err
		}
		left -= len(page.Items)
		if page.End == Open && left <= 0 {
			page.End = CutByItems
		} else if page.End == Open && number >= limits.Pages {
			page.End = CutByPages
		}
		if err := yield(page); err != nil {
			return err
		}
		if page.End != Open {
			return nil
		}
		ask = *next
	}
}

// page reads an answer. next is nil unless the page is [Open].
func (w *Walker) page(style style, asked Ask, answer *Answer, left int) (page *Page, next *Ask, err error) {
	page = &Page{Answer: answer, End: Complete}
	if answer.Problem != nil || answer.Status >= http.StatusBadRequest {
		page.End = Failed
		return page, nil, nil
	}
	items, cut, err := w.items(answer, left)
	if err != nil {
		return nil, nil, err
	}
	page.Items = items
	if cut {
		page.More, page.End, page.Change = true, CutByItems, style.within(asked, items)
		return page, nil, nil
	}
	if answer.Alone {
		return page, nil, nil
	}
	if next, err = style.next(asked, answer, items); err != nil || next == nil {
		return page, nil, err
	}
	page.More, page.End, page.Next, page.Change = true, Open, next.Link, next.Change
	return page, next, nil
}

func (w *Walker) items(answer *Answer, left int) (items []jsontext.Value, cut bool, err error) {
	if w.Items != nil {
		return w.Items(answer.Body, left)
	}
	items, cut, err = Items(answer.Body, w.Operation.GetPagination().GetItemsPath(), left)
	if err != nil {
		return nil, false, notAList(w.Operation.GetOperationId(), err)
	}
	return items, cut, nil
}
