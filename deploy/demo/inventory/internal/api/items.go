package api

import (
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/ferrule-dev/ferrule/deploy/demo/inventory/internal/hooks"
	"github.com/ferrule-dev/ferrule/deploy/demo/inventory/internal/stock"
)

const (
	// maxQuery bounds a search text, in characters.
	maxQuery = 200

	// maxOffset is far beyond any store and within every int.
	maxOffset = 1_000_000_000
)

type itemPage struct {
	Items []stock.Item `json:"items"`
	Total int          `json:"total"`
}

type itemBatch struct {
	Items []stock.Item `json:"items"`
}

func (s *server) listItems(w http.ResponseWriter, r *http.Request) error {
	var faults []stock.Fault
	query := stock.Query{
		Limit:        number(r, &faults, "limit", DefaultLimit, 1, MaxLimit),
		Offset:       number(r, &faults, "offset", 0, 0, maxOffset),
		CreatedAfter: moment(r, &faults, "createdAfter"),
	}
	return s.answerPage(w, query, faults)
}

func (s *server) searchItems(w http.ResponseWriter, r *http.Request) error {
	var faults []stock.Fault
	query := stock.Query{
		Limit: number(r, &faults, "limit", DefaultLimit, 1, MaxLimit),
		Text:  r.URL.Query().Get("q"),
		Tags:  tags(r, &faults),
	}
	if utf8.RuneCountInString(query.Text) > maxQuery {
		faults = append(faults, stock.Fault{Field: "q", Detail: "must have at most " + strconv.Itoa(maxQuery) + " characters"})
	}
	return s.answerPage(w, query, faults)
}

func (s *server) answerPage(w http.ResponseWriter, query stock.Query, faults []stock.Fault) error {
	if faults != nil {
		return badFields("a query parameter is not acceptable", faults)
	}
	items, total := s.config.Items.List(query)
	return writeJSON(w, http.StatusOK, itemPage{items, total})
}

func (s *server) pollItems(w http.ResponseWriter, r *http.Request) error {
	var faults []stock.Fault
	query := stock.Query{Limit: number(r, &faults, "limit", DefaultLimit, 1, MaxLimit), Tags: tags(r, &faults)}
	if faults != nil {
		return badFields("a query parameter is not acceptable", faults)
	}
	items, _ := s.config.Items.List(query)
	return writeJSON(w, http.StatusOK, itemBatch{items})
}

func (s *server) getItem(w http.ResponseWriter, r *http.Request) error {
	item, err := s.config.Items.Get(r.PathValue("id"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, item)
}

func (s *server) createItem(w http.ResponseWriter, r *http.Request) error {
	draft, err := readDraft(r)
	if err != nil {
		return err
	}
	item, err := s.config.Items.Create(draft)
	if err != nil {
		return err
	}
	// The item exists from here on: a caller that is told otherwise would
	// create it again.
	if err := s.config.Hooks.Publish(hooks.ItemCreated, item); err != nil {
		s.config.Log.Error("publish event", "item", item.ID, "error", err)
	}
	w.Header().Set("Location", "/items/"+item.ID)
	return writeJSON(w, http.StatusCreated, item)
}

func (s *server) replaceItem(w http.ResponseWriter, r *http.Request) error {
	draft, err := readDraft(r)
	if err != nil {
		return err
	}
	return s.answerUpdate(w, r, func(stock.Draft) (stock.Draft, error) { return draft, nil })
}

func (s *server) updateItem(w http.ResponseWriter, r *http.Request) error {
	var change stock.Change
	if err := readJSON(r, &change); err != nil {
		return err
	}
	return s.answerUpdate(w, r, func(draft stock.Draft) (stock.Draft, error) {
		draft = change.Apply(draft)
		if faults := draft.Check(); faults != nil {
			return draft, badFields("the item is not acceptable", faults)
		}
		return draft, nil
	})
}

func (s *server) answerUpdate(w http.ResponseWriter, r *http.Request, edit func(stock.Draft) (stock.Draft, error)) error {
	item, err := s.config.Items.Update(r.PathValue("id"), edit)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, item)
}

func (s *server) deleteItem(w http.ResponseWriter, r *http.Request) error {
	if err := s.config.Items.Delete(r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func readDraft(r *http.Request) (stock.Draft, error) {
	var draft stock.Draft
	if err := readJSON(r, &draft); err != nil {
		return draft, err
	}
	if faults := draft.Check(); faults != nil {
		return draft, badFields("the item is not acceptable", faults)
	}
	return draft, nil
}

// number reads a query parameter, or returns fallback where it is absent.
func number(r *http.Request, faults *[]stock.Fault, name string, fallback, lowest, highest int) int {
	text := r.URL.Query().Get(name)
	if text == "" {
		return fallback
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < lowest || value > highest {
		*faults = append(*faults, stock.Fault{
			Field: name, Detail: "must be a whole number between " + strconv.Itoa(lowest) + " and " + strconv.Itoa(highest),
		})
	}
	return value
}

func moment(r *http.Request, faults *[]stock.Fault, name string) time.Time {
	text := r.URL.Query().Get(name)
	if text == "" {
		return time.Time{}
	}
	value, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		*faults = append(*faults, stock.Fault{Field: name, Detail: "must be an RFC 3339 time such as 2026-01-31T08:30:00Z"})
	}
	return value
}

func tags(r *http.Request, faults *[]stock.Fault) []string {
	list := r.URL.Query()["tag"]
	if len(list) > stock.MaxTags {
		*faults = append(*faults, stock.Fault{Field: "tag", Detail: "must be given at most " + strconv.Itoa(stock.MaxTags) + " times"})
	}
	return list
}
