package hooks

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

const (
	// SignatureHeader holds "sha256=" and the hexadecimal HMAC-SHA256 of the
	// raw body, keyed with the webhook's secret.
	SignatureHeader = "X-Inventory-Signature"
	// DeliveryHeader holds the event's id, the same for every attempt.
	DeliveryHeader = "X-Inventory-Delivery"

	// firstPause and longestPause bound the wait between attempts, which
	// doubles: soon enough for a receiver that restarts, rare enough for one
	// that is gone.
	firstPause   = 200 * time.Millisecond
	longestPause = 5 * time.Second

	// maxAnswer is read of an answer, so that the connection can be used again.
	maxAnswer = 64 << 10
)

// worker sends the events of one webhook.
type worker struct {
	webhook Webhook
	secret  []byte
	pending chan Event
	stop    context.CancelFunc // nil unless it runs
	client  *http.Client
	log     *slog.Logger
}

// run returns when ctx ends.
func (w *worker) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-w.pending:
			w.deliver(ctx, event)
		}
	}
}

// deliver tries until the receiver has the event, or ctx ends.
func (w *worker) deliver(ctx context.Context, event Event) {
	body, err := json.Marshal(event)
	if err != nil {
		w.log.Error("event dropped: it cannot be encoded", "event", event.ID, "error", err)
		return
	}
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := w.send(ctx, event.ID, body)
		if err == nil || ctx.Err() != nil {
			return
		}
		w.log.Warn("delivery failed, will try again", "webhook", w.webhook.ID, "event", event.ID, "pause", pause, "error", err)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// send makes one attempt. Any status but 2xx is an error.
func (w *worker) send(ctx context.Context, id string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.webhook.CallbackURL, bytes.NewReader(body))
	if err != nil {
		return withoutURL(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "inventory-webhooks/1")
	request.Header.Set(DeliveryHeader, id)
	request.Header.Set(SignatureHeader, sign(w.secret, body))
	resp, err := w.client.Do(request)
	if err != nil {
		return withoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("the receiver answered %s", resp.Status)
	}
	return nil
}

func sign(secret, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// withoutURL drops the address that net/http and net/url put in their errors.
func withoutURL(err error) error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		return outer.Err
	}
	return err
}
