package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/baseline"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/child"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/cost"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/load"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/measure"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/proxies"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/wrk"
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
