package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/deploy/demo/inventory/internal/api"
	"github.com/ferrule-dev/ferrule/deploy/demo/inventory/internal/hooks"
	"github.com/ferrule-dev/ferrule/deploy/demo/inventory/internal/stock"
)

const (
	// maxWebhooks is many more than a demonstration registers.
	maxWebhooks = 100

	// sendTimeout bounds one delivery of an event.
	sendTimeout = 10 * time.Second

	// headerTimeout, requestTimeout and maxHeader bound what a caller may take
	// to send, and how much: its requests are small.
	headerTimeout  = 5 * time.Second
	requestTimeout = 30 * time.Second
	maxHeader      = 32 << 10

	// drainTimeout is how long requests in flight may take to finish at the end.
	drainTimeout = 5 * time.Second
)

// run serves until ctx ends, then finishes what is in flight.
func run(ctx context.Context, o options, out io.Writer, log *slog.Logger) error {
	generated := o.apiKey == ""
	if generated {
		o.apiKey = rand.Text()
	}
	hub := newHub(log)
	handler, err := api.New(api.Config{
		Key:   o.apiKey,
		Items: stock.New(stock.Config{MaxItems: o.maxItems, Now: time.Now, NewID: newID}),
		Hooks: hub,
		Log:   log,
	})
	if err != nil {
		return fmt.Errorf("build API: %w", err)
	}
	listener, err := net.Listen("tcp", o.addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if err := announce(out, listener.Addr().String(), o, generated); err != nil {
		return errors.Join(err, listener.Close())
	}
	return serve(ctx, listener, handler, hub)
}

// serve owns the listener and returns when the server and the hub have ended.
func serve(ctx context.Context, listener net.Listener, handler http.Handler, hub *hooks.Hub) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout,
		MaxHeaderBytes:    maxHeader,
	}
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() { _ = hub.Run(ctx) }) // never fails

	failed := make(chan error, 1)
	group.Go(func() { failed <- server.Serve(listener) })
	select {
	case err := <-failed:
		cancel()
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	// ctx has ended: what is in flight gets a deadline of its own.
	drain, stop := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer stop()
	if err := server.Shutdown(drain); err != nil {
		return errors.Join(fmt.Errorf("shut down: %w", err), server.Close())
	}
	return nil
}

func newHub(log *slog.Logger) *hooks.Hub {
	return hooks.New(hooks.Config{
		MaxWebhooks: maxWebhooks,
		Now:         time.Now,
		NewID:       newID,
		Client: &http.Client{
			Timeout: sendTimeout,
			// A redirect is an answer other than 2xx, and so a failure: the
			// signature is for the registered address.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		Log: log,
	})
}

// newID returns an id that cannot be guessed, as in itm_4zq7….
func newID(kind string) string { return kind + "_" + strings.ToLower(rand.Text()) }

// announce tells where to reach the API, and the key if nobody else knows it.
// The server listens already, so whoever waits for the file, or for the text,
// which comes after it, can call at once.
func announce(out io.Writer, address string, o options, generated bool) error {
	if o.addrFile != "" {
		if err := writeWhole(o.addrFile, address+"\n"); err != nil {
			return err
		}
	}
	text := "inventory API: http://" + address + "\n" +
		"description:   http://" + address + "/swagger.json\n"
	if generated {
		text += "X-Api-Key:     " + o.apiKey + "\n"
	}
	if _, err := io.WriteString(out, text); err != nil {
		return fmt.Errorf("print address: %w", err)
	}
	return nil
}

// writeWhole never shows a half-written file under the name.
func writeWhole(name, content string) error {
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("write address file: %w", err)
	}
	_, err = file.WriteString(content)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write address file: %w", errors.Join(err, os.Remove(file.Name())))
	}
	return nil
}
