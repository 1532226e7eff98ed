package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"unicode/utf8"

	"github.com/ferrule-dev/ferrule/deploy/demo/inventory/internal/hooks"
	"github.com/ferrule-dev/ferrule/deploy/demo/inventory/internal/stock"
)

// Limits of a webhook. A secret shorter than 16 characters could be guessed.
const (
	maxCallback = 2048
	minSecret   = 16
	maxSecret   = 256
)

type webhookDraft struct {
	CallbackURL string   `json:"callbackUrl"`
	Secret      string   `json:"secret"`
	Events      []string `json:"events"`
}

type webhookList struct {
	Webhooks []hooks.Webhook `json:"webhooks"`
}

func (s *server) listWebhooks(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, webhookList{s.config.Hooks.List()})
}

func (s *server) createWebhook(w http.ResponseWriter, r *http.Request) error {
	var draft webhookDraft
	if err := readJSON(r, &draft); err != nil {
		return err
	}
	if faults := draft.check(); faults != nil {
		return badFields("the webhook is not acceptable", faults)
	}
	webhook, err := s.config.Hooks.Register(draft.CallbackURL, draft.Secret)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/webhooks/"+webhook.ID)
	return writeJSON(w, http.StatusCreated, webhook)
}

func (s *server) deleteWebhook(w http.ResponseWriter, r *http.Request) error {
	if err := s.config.Hooks.Delete(r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (d *webhookDraft) check() []stock.Fault {
	var faults []stock.Fault
	target, err := url.Parse(d.CallbackURL)
	if err != nil || len(d.CallbackURL) > maxCallback || target.Hostname() == "" ||
		!slices.Contains([]string{"http", "https"}, target.Scheme) {
		faults = append(faults, stock.Fault{
			Field: "callbackUrl", Detail: fmt.Sprintf("must be an absolute http or https address of at most %d bytes", maxCallback),
		})
	}
	if length := utf8.RuneCountInString(d.Secret); length < minSecret || length > maxSecret {
		faults = append(faults, stock.Fault{
			Field: "secret", Detail: fmt.Sprintf("must have between %d and %d characters", minSecret, maxSecret),
		})
	}
	if d.Events != nil && !slices.Equal(d.Events, []string{hooks.ItemCreated}) {
		faults = append(faults, stock.Fault{Field: "events", Detail: `must be ["` + hooks.ItemCreated + `"] or be left out`})
	}
	return faults
}
