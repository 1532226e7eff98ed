package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/baseline"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/child"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/gateways"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/load"
)

// inspected is what a role prints that shows its process and serves.
var inspected = regexp.MustCompile(`(?s)inspected at (\S+)\n.*serving at (\S+)\n`)

// note adds a sentence to the report.
func (c *comparison) note(format string, args ...any) {
	c.outcome.Notes = append(c.outcome.Notes, fmt.Sprintf(format, args...))
}

// startAll starts everything that is compared.
func (c *comparison) startAll(ctx context.Context) error {
	c.note("the generator of the load, the API and what is measured share %d processors: all of them compete, and ratios come out closer to 1 than on a larger machine", runtime.NumCPU())
	if path, err := exec.LookPath(c.wrk); err == nil {
		c.wrkPath = path
		c.note("wrk makes the load of HTTP with one thread, and a program in Go that of gRPC, which needs more of the processors: between the two, ratios are in favour of HTTP")
	} else {
		c.note("there is no wrk: a program in Go makes the load and needs more of the processors")
	}
	if err := c.startAPI(ctx); err != nil {
		return err
	}
	get := &load.HTTP{Method: http.MethodGet, Path: baseline.Path}
	c.subjects = append(c.subjects, subject{name: nameAPI, pid: c.apiPid, target: load.Target{Addr: c.api, Key: c.key, HTTP: get}})
	if err := c.startGateways(ctx, get); err != nil {
		return err
	}
	reverse, err := c.startInspected(ctx, roleProxy)
	if err != nil {
		return err
	}
	reverse.name, reverse.target.HTTP = nameReverse, get
	c.subjects = append(c.subjects, reverse)
	return c.startFerrule(ctx)
}

// startAPI starts the fast API.
func (c *comparison) startAPI(ctx context.Context) error {
	nginx, err := exec.LookPath(c.nginx)
	if err != nil {
		c.note("there is no nginx: the API is a program in Go, which needs more of the processors than nginx does")
		p, err := c.startRole(ctx, roleFastAPI, task{Key: c.key}, serving)
		if err != nil {
			return err
		}
		c.api, c.apiPid = p.Said[1], p.Pid()
		return nil
	}
	c.note("the API is nginx, which answers from its configuration")
	if c.api, err = freeAddr(ctx); err != nil {
		return err
	}
	p, err := c.startNginx(ctx, nginx, "api", func(dir string) string {
		return gateways.NginxAPI(dir, gateways.API{
			Addr: c.api, KeyHeader: baseline.KeyHeader, Key: c.key, Checked: baseline.CheckedPrefix,
			Marks: baseline.Marks(), Answer: string(baseline.Thing()),
		})
	})
	if err != nil {
		return err
	}
	c.apiPid = p.Pid()
	return nil
}

// startGateways starts nginx and Caddy, those that are there.
func (c *comparison) startGateways(ctx context.Context, get *load.HTTP) error {
	if nginx, err := exec.LookPath(c.nginx); err == nil {
		addr, err := freeAddr(ctx)
		if err != nil {
			return err
		}
		p, err := c.startNginx(ctx, nginx, "proxy", func(dir string) string {
			return gateways.NginxProxy(dir, addr, c.api, baseline.KeyHeader, c.key)
		})
		if err != nil {
			return err
		}
		c.subjects = append(c.subjects, subject{name: nameNginx, pid: p.Pid(), target: load.Target{Addr: addr, HTTP: get}})
	} else {
		c.note("nginx is left out")
	}
	if caddy, err := exec.LookPath(c.caddy); err == nil {
		return c.startCaddy(ctx, caddy, get)
	}
	c.note("there is no %s: Caddy is left out", c.caddy)
	return nil
}

// startCaddy starts Caddy.
func (c *comparison) startCaddy(ctx context.Context, program string, get *load.HTTP) error {
	addr, err := freeAddr(ctx)
	if err != nil {
		return err
	}
	text, err := gateways.CaddyProxy(addr, c.api, baseline.KeyHeader, c.key)
	if err != nil {
		return err
	}
	p, err := c.startConfigured(ctx, filepath.Join(c.dir, "caddy.json"), text, child.Spec{
		Program: program, Args: []string{"run", "--config", filepath.Join(c.dir, "caddy.json")}, Ready: gateways.CaddyReady,
		// Caddy keeps its files where the user's are, unless it is told where.
		Env: []string{"XDG_DATA_HOME=" + c.dir, "XDG_CONFIG_HOME=" + c.dir},
	})
	if err != nil {
		return err
	}
	c.subjects = append(c.subjects, subject{name: nameCaddy, pid: p.Pid(), target: load.Target{Addr: addr, HTTP: get}})
	return nil
}

// startNginx starts an nginx in a folder of its own.
func (c *comparison) startNginx(ctx context.Context, program, name string, config func(dir string) string) (*child.Child, error) {
	dir := filepath.Join(c.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of nginx: %w", err)
	}
	file := filepath.Join(dir, "nginx.conf")
	return c.startConfigured(ctx, file, config(dir), child.Spec{
		Program: program, Args: []string{"-p", dir, "-e", "/dev/stdout", "-c", file}, Ready: gateways.NginxReady,
	})
}

// startConfigured writes a configuration and starts the program that reads it.
func (c *comparison) startConfigured(ctx context.Context, file, text string, spec child.Spec) (*child.Child, error) {
	// The configuration has the API's key in it.
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	p, err := child.Start(ctx, spec)
	if err != nil {
		return nil, err
	}
	c.children = append(c.children, p)
	return p, nil
}

// startRole starts this program in a role that serves.
func (c *comparison) startRole(ctx context.Context, role string, t task, ready *regexp.Regexp) (*child.Child, error) {
	line, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("write the task of role %s: %w", role, err)
	}
	p, err := child.Start(ctx, child.Spec{Program: c.self, Args: []string{roleArgument, role}, Input: line, Ready: ready, Stderr: c.progress})
	if err != nil {
		return nil, err
	}
	c.children = append(c.children, p)
	return p, nil
}

// startInspected starts this program in a role in front of the API.
func (c *comparison) startInspected(ctx context.Context, role string) (subject, error) {
	p, err := c.startRole(ctx, role, task{Key: c.key, Upstream: "http://" + c.api, Inspected: true}, inspected)
	if err != nil {
		return subject{}, err
	}
	return subject{pid: p.Pid(), inside: "http://" + p.Said[1], profile: "http://" + p.Said[1], target: load.Target{Addr: p.Said[2]}}, nil
}

// freeAddr asks the system for a port on loopback that nobody has, for programs
// that have to be told one.
func freeAddr(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// edge is the address of the suite's REST edge.
func (s *suite) edge() string { return strings.TrimPrefix(s.rest, "http://") }

// passThrough is the path of the API behind a connection.
func passThrough(connection string) string {
	return "/v1/" + environment + "/connections/" + connection + "/proxy"
}

// startFerrule starts the suite, the bare handlers, and everything that is asked
// of them.
func (c *comparison) startFerrule(ctx context.Context) error {
	bare, err := c.startInspected(ctx, roleHandler)
	if err != nil {
		return err
	}
	standard, err := c.startInspected(ctx, roleStandard)
	if err != nil {
		return err
	}
	if err := c.startMeasured(ctx); err != nil {
		return err
	}
	if err := c.furnish(ctx); err != nil {
		return err
	}
	invoke := &load.Invoke{Connection: environment + "/connections/" + id, Operation: baseline.Operation, Input: baseline.Input}
	bare.name, standard.name = nameBare, nameNetHTTP
	for _, handler := range []*subject{&bare, &standard} {
		handler.target.Invoke, handler.target.Token = invoke, c.suite.token
	}
	ferrule := func(name string, h *load.HTTP) subject {
		return subject{
			name: name, pid: c.suite.pid, inside: c.suite.rest, profile: c.inside,
			target: load.Target{Addr: c.suite.edge(), Token: c.suite.token, HTTP: h},
		}
	}
	called := ferrule(nameInvoke, nil)
	called.target.Addr, called.target.Invoke = c.suite.grpc, invoke
	rotate := func(n int) *load.HTTP {
		return &load.HTTP{Method: http.MethodGet, Path: passThrough(manyID+"%d") + baseline.Path, Numbers: n}
	}
	one, many := ferrule(nameOne, rotate(1)), ferrule(nameMany, rotate(c.many))
	one.least, many.least = c.turn, c.turn
	many.warm = c.touch
	c.subjects = append(c.subjects,
		ferrule(nameThrough, &load.HTTP{Method: http.MethodGet, Path: passThrough(id) + baseline.Path}),
		standard, bare, called,
		ferrule(nameREST, &load.HTTP{
			Method: http.MethodPost, Path: "/v1/" + environment + "/connections/" + id + "/operations/" + baseline.Operation + ":invoke", Body: baseline.Input,
		}),
		one, many)
	return nil
}

// startMeasured starts the suite: as its users do, or, for profiles, inside of
// this program.
func (c *comparison) startMeasured(ctx context.Context) (err error) {
	if c.profile == "" {
		c.suite, err = c.startSuite(ctx)
		return err
	}
	c.note("the suite runs inside of the measuring program, for profiles")
	dir, err := c.folder()
	if err != nil {
		return err
	}
	c.suite, c.inside, err = c.startInside(ctx, upArgs(dir))
	return err
}
