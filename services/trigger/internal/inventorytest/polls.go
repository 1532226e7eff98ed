package inventorytest

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

var _ core.Lists = (*API)(nil)

// PageSize is how many items a page has.
const PageSize = 2

// The beginnings of links.
const (
	movedLink    = "https://inventory.example.com/v1/triggers/moves?after="
	numberedLink = "https://inventory.example.com/v1/triggers/numbers?from="
)

type item struct {
	ID string `json:"id"`
}

func itemsOf(ids []string) []item {
	list := []item{}
	for _, id := range ids {
		list = append(list, item{id})
	}
	return list
}

// moved answers a poll of the native protocol: the link holds how many items are
// known.
func (a *API) moved(c core.Call) core.Answer {
	known, err := strconv.Atoi(strings.TrimPrefix(c.Link, movedLink))
	answer := core.Answer{Status: http.StatusAccepted, Header: http.Header{}}
	if c.Link != "" && (err != nil || known > len(a.items)) {
		return Refusal(http.StatusBadRequest, false)
	}
	if c.Link != "" && known < len(a.items) {
		answer = reply(http.StatusOK, map[string]any{"items": itemsOf(a.items[known:])})
	}
	answer.Header.Set("Location", movedLink+strconv.Itoa(len(a.items)))
	return answer
}

// numberedPage answers with the items from the one on that the input "since" names,
// oldest first, page by page.
func (a *API) numberedPage(c core.Call) core.Answer {
	from := 0
	if c.Link != "" {
		from, _ = strconv.Atoi(strings.TrimPrefix(c.Link, numberedLink))
	} else {
		var in struct{ Since string }
		if json.Unmarshal([]byte(c.Input), &in) == nil && in.Since != "" {
			from = max(slices.Index(a.items, strings.TrimPrefix(in.Since, "from ")), 0)
		}
	}
	to := min(from+PageSize, len(a.items))
	answer := reply(http.StatusOK, map[string]any{"items": itemsOf(a.items[from:to])})
	if to < len(a.items) {
		answer.NextLink = numberedLink + strconv.Itoa(to)
	}
	return answer
}

// search answers with the newest page; the others are asked for with an input.
func (a *API) search(core.Call) core.Answer {
	newest := slices.Clone(a.items[max(len(a.items)-PageSize, 0):])
	slices.Reverse(newest)
	return reply(http.StatusOK, map[string]any{"items": itemsOf(newest)})
}

// Pages implements core.Lists: all pages of the list, newest first.
func (a *API) Pages(ctx context.Context, c core.Call, limit int, take func(core.ListPage) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a.mu.Lock()
	a.calls = append(a.calls, c)
	items := slices.Clone(a.items)
	a.mu.Unlock()
	slices.Reverse(items)
	for page := range slices.Chunk(items, PageSize) {
		if limit--; limit < 0 {
			return nil
		}
		out := core.ListPage{Status: http.StatusOK}
		for _, id := range page {
			data, err := json.Marshal(item{id})
			if err != nil {
				return err
			}
			out.Items = append(out.Items, data)
		}
		if !take(out) {
			return nil
		}
	}
	return nil
}
