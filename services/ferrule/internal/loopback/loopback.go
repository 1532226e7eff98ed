// Package loopback waits on this machine for a browser that comes back from a
// sign-in (RFC 8252, section 7.3): only a browser on the machine of whoever began
// it reaches the address.
//
//	back, err := loopback.Listen()
//	defer back.Close()
//	… start the sign-in with back.URL() …
//	answer := <-back.Answers()
package loopback

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// headerTimeout bounds how long a request may take to arrive.
const headerTimeout = 10 * time.Second

// Answer is what the browser brought.
type Answer struct {
	// Confirmation ends the sign-in; empty if it failed.
	Confirmation string
	// Error is a word for why it failed; empty if it did not.
	Error string
}

// Listener waits for one browser.
type Listener struct {
	url     string
	path    string
	answers chan Answer
	server  *http.Server
	done    chan struct{}
}

// Listen begins to wait at a free port of the loopback address, on a path that
// nobody can guess, so that other pages and programs cannot answer.
func Listen() (*Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the browser: %w", err)
	}
	path := "/" + rand.Text()
	u := url.URL{Scheme: "http", Host: l.Addr().String(), Path: path}
	b := &Listener{url: u.String(), path: path, answers: make(chan Answer, 1), done: make(chan struct{})}
	b.server = &http.Server{Handler: b, ReadHeaderTimeout: headerTimeout, MaxHeaderBytes: 16 << 10}
	go func() {
		defer close(b.done)
		_ = b.server.Serve(l) // ends with Close
	}()
	return b, nil
}

// URL is where the browser has to be sent.
func (b *Listener) URL() string { return b.url }

// Answers yields what the first browser brought.
func (b *Listener) Answers() <-chan Answer { return b.answers }

// Close ends the wait. It lets the page that is being shown arrive.
func (b *Listener) Close() {
	b.server.SetKeepAlivesEnabled(false)
	_ = b.server.Close()
	<-b.done
}

// ServeHTTP takes what the browser brings.
func (b *Listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	answer := Answer{Confirmation: query.Get("confirmation"), Error: query.Get("error")}
	if r.URL.Path != b.path || r.Method != http.MethodGet || answer == (Answer{}) {
		http.NotFound(w, r)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Content-Security-Policy", "default-src 'none'")
	text := "You are signed in. You may close this page and go back to the terminal."
	if answer.Error != "" {
		text = "You are not signed in. The terminal says why; you may close this page."
	}
	_, _ = io.WriteString(w, "<!doctype html><html lang=en><meta charset=utf-8><title>Ferrule</title><p>"+text+"</p></html>\n")
	_ = http.NewResponseController(w).Flush() // before whoever waits ends the process
	select {
	case b.answers <- answer:
	default: // somebody reloads the page
	}
}
