package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/ferrule-dev/ferrule/deploy/demo/inventory/internal/hooks"
	"github.com/ferrule-dev/ferrule/deploy/demo/inventory/internal/stock"
)

// problem is an error as callers see it, see RFC 9457.
type problem struct {
	Type   string        `json:"type"`
	Title  string        `json:"title"`
	Status int           `json:"status"`
	Detail string        `json:"detail,omitempty"`
	Errors []stock.Fault `json:"errors,omitempty"`
}

// Error implements error.
func (p problem) Error() string { return p.Detail }

func badFields(detail string, faults []stock.Fault) problem {
	return problem{Status: http.StatusBadRequest, Detail: detail, Errors: faults}
}

// problemOf finds the words for an error. What nobody foresaw is not told.
func problemOf(err error) problem {
	if p, ok := errors.AsType[problem](err); ok {
		return p
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problem{Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("the body is longer than %d bytes", MaxBody)}
	}
	switch {
	case errors.Is(err, stock.ErrNotFound), errors.Is(err, hooks.ErrNotFound):
		return problem{Status: http.StatusNotFound, Detail: err.Error()}
	case errors.Is(err, stock.ErrFull), errors.Is(err, hooks.ErrFull):
		return problem{Status: http.StatusInsufficientStorage, Detail: err.Error() + "; delete something first"}
	}
	return problem{Status: http.StatusInternalServerError, Detail: "the inventory failed; its log says why"}
}

func (s *server) answerError(w http.ResponseWriter, r *http.Request, err error) {
	answer := problemOf(err)
	answer.Type, answer.Title = "about:blank", http.StatusText(answer.Status)
	if answer.Status == http.StatusInternalServerError {
		s.config.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	body, err := json.Marshal(answer)
	if err != nil {
		s.config.Log.Error("encode problem", "error", err)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(answer.Status)
	_, _ = w.Write(body) // a caller that went away cannot be told
}

// writeJSON encodes before it writes, so that an error can still be answered.
func writeJSON(w http.ResponseWriter, status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller that went away cannot be told
	return nil
}

// readJSON reads a body that is one JSON object with known fields.
func readJSON(r *http.Request, value any) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return problem{Status: http.StatusUnsupportedMediaType, Detail: "send the body as application/json"}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return badBody("it does not begin with {")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		return badBody(err.Error())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return badBody("something follows the object")
	}
	return nil
}

func badBody(why string) problem {
	return problem{Status: http.StatusBadRequest, Detail: "the body is not an acceptable JSON object: " + why}
}
