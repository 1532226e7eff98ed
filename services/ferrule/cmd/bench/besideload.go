package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/baseline"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/child"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/cost"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/load"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/measure"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/proxies"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/wrk"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// wrkCalls makes the calls of an HTTP target with wrk.
func (c *comparison) wrkCalls(ctx context.Context, t load.Target, d time.Duration) (measure.Result, error) {
	request := wrk.Request{Method: t.HTTP.Method, Path: t.HTTP.Path, Numbers: t.HTTP.Numbers, Body: t.HTTP.Body, Headers: map[string]string{}}
	if t.Token != "" {
		request.Headers["Authorization"] = "Bearer " + t.Token
	}
	if t.Key != "" {
		request.Headers[baseline.KeyHeader] = t.Key
	}
	if t.HTTP.Body != "" {
		request.Headers["Content-Type"] = "application/json"
	}
	// The script has the token in it.
	script := filepath.Join(c.dir, "load.lua")
	if err := os.WriteFile(script, []byte(wrk.Script(request)), 0o600); err != nil {
		return measure.Result{}, fmt.Errorf("write the script of wrk: %w", err)
	}
	out, err := child.Result(ctx, child.Spec{Program: c.wrkPath, Args: wrk.Args(script, t.Addr, c.connections, d), Stderr: c.progress})
	if err != nil {
		return measure.Result{}, err
	}
	return wrk.Parse(out)
}

// get asks a program on this machine for what is at a path; the caller closes the
// answer.
func (c *comparison) get(ctx context.Context, base, path string, query url.Values) (io.ReadCloser, error) {
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

// hauls sends large bodies through the suite, one down and one up.
func (c *comparison) hauls(ctx context.Context) error {
	size := int64(c.bulk) << 20
	if size == 0 {
		return nil
	}
	path := passThrough(bulkID) + baseline.BulkPath
	for _, way := range []struct {
		name   string
		http   load.HTTP
		upload int64
	}{
		{"Ferrule pass-through, download", load.HTTP{Method: http.MethodGet, Path: path + "/" + strconv.FormatInt(size, 10)}, 0},
		{"Ferrule pass-through, upload", load.HTTP{Method: http.MethodPut, Path: path}, size},
	} {
		c.say("%s of %d MiB", way.name, c.bulk)
		// The first call of a connection is not what is measured.
		if _, err := load.Haul(ctx, c.clock, load.Target{Addr: c.suite.edge(), Token: c.suite.token, HTTP: &load.HTTP{
			Method: http.MethodGet, Path: path + "/1",
		}}, 0); err != nil {
			return fmt.Errorf("call the api with large bodies: %w", err)
		}
		b, err := c.haul(ctx, load.Target{Addr: c.suite.edge(), Token: c.suite.token, HTTP: &way.http}, way.upload)
		if err != nil {
			return fmt.Errorf("measure %s: %w", way.name, err)
		}
		b.Name, b.Bytes = way.name, size
		c.outcome.Bulk = append(c.outcome.Bulk, b)
	}
	return nil
}

// haul sends one large body.
func (c *comparison) haul(ctx context.Context, t load.Target, upload int64) (proxies.Bulk, error) {
	before, _, err := cost.Resident(cost.Root, c.suite.pid)
	if err != nil {
		return proxies.Bulk{}, err
	}
	if err := cost.ForgetPeak(cost.Root, c.suite.pid); err != nil {
		return proxies.Bulk{}, err
	}
	var got load.Hauled
	if err := c.ask(ctx, roleHaul, task{Target: t, Upload: upload}, &got); err != nil {
		return proxies.Bulk{}, err
	}
	_, peak, err := cost.Resident(cost.Root, c.suite.pid)
	return proxies.Bulk{Elapsed: got.Elapsed, Memory: peak - before}, err
}

// profiles measures once more what can be profiled, if profiles are wanted, and
// writes them.
func (c *comparison) profiles(ctx context.Context) error {
	if c.profile == "" {
		return nil
	}
	if err := os.MkdirAll(c.profile, 0o750); err != nil {
		return fmt.Errorf("make the folder of profiles: %w", err)
	}
	for _, s := range c.subjects {
		if s.profile == "" {
			continue
		}
		c.say("profiling %s", s.name)
		for _, kind := range []string{"profile", "allocations"} {
			var wait sync.WaitGroup
			var failed error
			wait.Go(func() { failed = c.writeProfile(ctx, s, kind) })
			_, err := c.measure(ctx, s)
			wait.Wait()
			if err := errors.Join(err, failed); err != nil {
				return fmt.Errorf("profile %s: %w", s.name, err)
			}
		}
	}
	return nil
}

// writeProfile writes a profile of the time in which a subject is measured: of the
// processors, or of what it allocates.
func (c *comparison) writeProfile(ctx context.Context, s subject, kind string) error {
	seconds := int((c.warmup + c.duration) / time.Second)
	answer, err := c.get(ctx, s.profile, "/"+kind, url.Values{"seconds": {strconv.Itoa(max(seconds, 1))}})
	if err != nil {
		return err
	}
	text, err := io.ReadAll(answer)
	if err := errors.Join(err, answer.Close()); err != nil {
		return fmt.Errorf("read the profile: %w", err)
	}
	name := strings.NewReplacer(" ", "-", "'", "", ",", "", ".", "-", "/", "-").Replace(strings.ToLower(s.name))
	if err := os.WriteFile(filepath.Join(c.profile, name+"."+kind+".pprof"), text, 0o600); err != nil {
		return fmt.Errorf("write the profile: %w", err)
	}
	return nil
}
