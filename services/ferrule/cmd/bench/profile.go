package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/child"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// startInside starts the suite inside of this program, which shows the process at the
// URL that is returned.
func (r *run) startInside(ctx context.Context, args []string) (*suite, string, error) {
	ready := regexp.MustCompile(`(?s)inspected at (\S+)\n.*` + strings.TrimPrefix(readyLines.String(), "(?s)"))
	line, err := json.Marshal(task{Args: args, Inspected: true})
	if err != nil {
		return nil, "", fmt.Errorf("write the task of the suite: %w", err)
	}
	p, err := child.Start(ctx, child.Spec{Program: r.self, Args: []string{roleArgument, roleSuite}, Input: line, Ready: ready, Stderr: r.progress})
	if err != nil {
		return nil, "", err
	}
	s, err := r.suiteOf(p)
	return s, "http://" + p.Said[1], err
}

// profiled writes profiles of the process that shows itself at a URL, of the
// processors and of what it allocates, each while work goes on for the time of a
// measurement.
func (r *run) profiled(ctx context.Context, name, inside string, work func() error) error {
	if err := os.MkdirAll(r.profile, 0o750); err != nil {
		return fmt.Errorf("make the folder of profiles: %w", err)
	}
	r.say("profiling %s", name)
	for _, kind := range []string{"profile", "allocations"} {
		var wait sync.WaitGroup
		var failed error
		wait.Go(func() { failed = r.writeProfile(ctx, name, inside, kind) })
		err := work()
		wait.Wait()
		if err := errors.Join(err, failed); err != nil {
			return fmt.Errorf("profile %s: %w", name, err)
		}
	}
	return nil
}

// writeProfile writes one profile.
func (r *run) writeProfile(ctx context.Context, name, inside, kind string) error {
	seconds := int((r.warmup + r.duration) / time.Second)
	answer, err := get(ctx, inside, "/"+kind, url.Values{"seconds": {strconv.Itoa(max(seconds, 1))}})
	if err != nil {
		return err
	}
	text, err := io.ReadAll(answer)
	if err := errors.Join(err, answer.Close()); err != nil {
		return fmt.Errorf("read the profile: %w", err)
	}
	name = strings.NewReplacer(" ", "-", "'", "", ",", "", ".", "-", "/", "-").Replace(strings.ToLower(name))
	if err := os.WriteFile(filepath.Join(r.profile, name+"."+kind+".pprof"), text, 0o600); err != nil {
		return fmt.Errorf("write the profile: %w", err)
	}
	return nil
}

// get asks a program on this machine for what is at a path; the caller closes the
// answer.
func get(ctx context.Context, base, path string, query url.Values) (io.ReadCloser, error) {
	client, err := rest.New(base, "")
	if err != nil {
		return nil, err
	}
	res, err := client.Do(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("%s%s answers %s", base, path, res.Status), res.Body.Close())
	}
	return res.Body, nil
}
