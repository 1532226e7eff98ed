package core

import (
	"context"
	"errors"
	"fmt"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
)

// walk is the reading of a list, page by page.
type walk struct {
	call     Call
	protocol polling.Protocol
	seen     *sight
	// known is what was seen before, and believed is true of an API that has shown its
	// list at the same place before.
	known    polling.Seen
	believed bool

	items [][]polling.Item
	size  int
	count int
	// again counts the pages that were read twice, and cut is true if there was more to
	// read than a poll reads.
	again int
	cut   bool
}

// walk reads the pages of a list, beginning with the answer to the call.
func (t *Triggers) walk(ctx context.Context, w *walk, answer Answer) error {
	for {
		if err := w.take(polling.Page{Body: answer.Body}); err != nil {
			return err
		}
		if w.reached() || answer.NextLink == "" {
			break
		}
		if w.cut = w.full(); w.cut {
			break
		}
		next := w.call
		next.Link = answer.NextLink
		var err error
		if answer, err = t.Runtime.Invoke(ctx, next); err != nil {
			return err
		}
		if err := usable(answer); err != nil {
			return err
		}
	}
	if w.seen.rules.Paged && !w.reached() && w.count > 0 {
		if err := t.walkInputs(ctx, w); err != nil {
			return err
		}
	}
	w.seen.items = polling.Merge(w.seen.rules, w.items)
	return w.judge()
}

// walkInputs reads the pages of a list that are asked for with inputs, from its
// beginning: the first page may have changed meanwhile. Values of the answer itself
// are those of the first page, because the others are lists.
func (t *Triggers) walkInputs(ctx context.Context, w *walk) error {
	var failure error
	w.again = 1
	err := t.Lists.Pages(ctx, w.call, w.maxPages()+1, func(page ListPage) bool {
		switch {
		case page.Refusal != nil:
			failure = refused(page.Status, page.Refusal)
		case w.full():
			w.cut = true
		default:
			failure = w.take(polling.Page{List: page.Items})
		}
		return failure == nil && !w.cut && !w.reached()
	})
	if failure != nil {
		return failure
	}
	return err
}

// take reads a page. Many APIs leave a list out that is empty. It is believed of one
// that has shown its list before, which is what a first page that had it says too; as
// a baseline it would make everything new that is there.
func (w *walk) take(page polling.Page) error {
	items, err := w.protocol.Read(w.seen.rules, page)
	_, missing := errors.AsType[*polling.MissingError](err)
	if err != nil && (!missing || !w.believed && len(w.items) == 0) {
		return &setback{trouble{reason: err.Error(), retryable: missing}}
	}
	w.seen.pages, w.items = append(w.seen.pages, page), append(w.items, items)
	w.count += len(items)
	w.size += len(page.Body)
	for _, item := range page.List {
		w.size += len(item)
	}
	return nil
}

// reached reports whether the pages reach back to what is known: the newest item
// comes first, and the last one of the page was seen before. An older one that is
// shown above the others, as some APIs pin them, does not count.
func (w *walk) reached() bool {
	if !w.seen.rules.NewestFirst || w.seen.anew || len(w.items) == 0 {
		return false
	}
	page := w.items[len(w.items)-1]
	return len(page) > 0 && w.known.Knows(page[0])
}

// maxPages is how many pages a poll reads. What is new in a list whose newest items come
// first is read to its end, whatever the rules say, since the next poll would not find
// it any more.
func (w *walk) maxPages() int {
	if w.seen.rules.NewestFirst && !w.seen.anew {
		return polling.MaxPages
	}
	return w.seen.rules.MaxPages()
}

// full reports whether a poll reads no further.
func (w *walk) full() bool {
	return len(w.items)-w.again >= w.maxPages() || w.size >= polling.MaxAnswer || w.count >= polling.MaxItems
}

// judge says what a list means of which not everything was read.
func (w *walk) judge() error {
	if !w.cut {
		return nil
	}
	pages := len(w.items) - w.again
	rules := w.seen.rules
	switch {
	case rules.OldestFirst && len(rules.Cursors) == 0:
		return &setback{trouble{reason: fmt.Sprintf(
			"the list has more than the %d pages that a poll reads, and its newest items come last: raise max_pages, or give a cursor", pages)}}
	case rules.OldestFirst:
		// The next poll goes on from the newest one that was read.
	case rules.NewestFirst && w.seen.anew:
		// Older ones are not asked for.
	case rules.NewestFirst:
		w.seen.doubt = fmt.Sprintf("the last poll found nothing known on %d pages, and a poll reads no more, so that older new items may be missing: "+
			"poll more often, or ask for larger pages", pages)
	default:
		w.seen.doubt = fmt.Sprintf("the list has more than the %d pages that a poll reads, and its order is not known, so that new items may be missing: "+
			"say its order, raise max_pages, or give a cursor", pages)
	}
	return nil
}
