package paging

import (
	"context"
	"strconv"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// Collected is a whole list.
type Collected struct {
	// Last is the last answer: that of the failure, if there was one.
	Last *Answer
	// Items is a JSON array of all items, at most [MaxCollected] bytes; nil if the
	// API reported a failure: a list with a hole in it is none.
	Items []byte
	// Count is the number of items.
	Count int
	// Pages is the number of pages that were read.
	Pages int
	// End is what the list ended with, see [Page].
	End End
	// More says that the list may go on past the limits.
	More bool
	// Next is where it goes on, see [Page].
	Next string
	// Change is what of the input makes another call go on there, see [Page].
	Change []byte
}

// Collect follows the list and puts its items into one array. A list that does not
// fit is UPSTREAM_RESPONSE_TOO_LARGE. An error after the first page says in its
// metadata how much had come before: "pages_read" and "items_read".
func (w *Walker) Collect(ctx context.Context, first Ask) (*Collected, error) {
	out := &Collected{Items: []byte{'['}}
	err := w.Run(ctx, first, func(p *Page) error {
		out.Last, out.End, out.More, out.Next, out.Change = p.Answer, p.End, p.More, p.Next, p.Change
		out.Pages++
		for _, item := range p.Items {
			if len(out.Items)+len(item)+2 > MaxCollected {
				return fault.Exhausted(fault.ReasonUpstreamResponseTooLarge,
					"the list is larger than %d MiB; lower its limits, or read it page by page with InvokePages", MaxCollected>>20)
			}
			if out.Count > 0 {
				out.Items = append(out.Items, ',')
			}
			out.Items = append(out.Items, item...)
			out.Count++
		}
		return nil
	})
	if err != nil && out.Pages > 0 {
		return nil, fault.From(err).With("pages_read", strconv.Itoa(out.Pages)).With("items_read", strconv.Itoa(out.Count))
	}
	if err != nil {
		return nil, err
	}
	out.Items = append(out.Items, ']')
	if out.Last.Problem != nil || out.Last.Status >= 400 {
		out.Items = nil
	}
	return out, nil
}
