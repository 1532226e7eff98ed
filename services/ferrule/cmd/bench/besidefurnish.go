package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/baseline"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/load"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

const (
	// bulkID is the connector and connection of large bodies, and manyID the prefix
	// of the connections that are taken in turn.
	bulkID = "bulk"
	manyID = "many-"
	// creators is how many connections are made at the same time.
	creators = 64
)

// furnish makes the connectors and connections, and measures large bodies between
// both.
func (c *comparison) furnish(ctx context.Context) error {
	client, err := rest.New(c.suite.rest, c.suite.token)
	if err != nil {
		return err
	}
	bulk, err := c.start(ctx, roleFastAPI, task{Key: c.key})
	if err != nil {
		return err
	}
	for name, host := range map[string]string{id: c.api, bulkID: bulk} {
		files := &registryv1.SourceFiles{Files: []*registryv1.SourceFile{{Path: "swagger.json", Content: baseline.Connector(host)}}}
		err := client.Call(ctx, http.MethodPost, rest.Path(environment, "connectors")+":import", nil, &registryv1.ImportConnectorRequest{
			Parent: environment, ConnectorId: name, Source: &registryv1.ImportConnectorRequest_Files{Files: files},
		}, nil)
		if err != nil {
			return fmt.Errorf("import the api's description: %w", err)
		}
		if err := c.link(ctx, client, name, name); err != nil {
			return err
		}
	}
	if err := c.verify(ctx); err != nil {
		return err
	}
	// While the process is small: later, memory that is free again would hide what
	// large bodies take.
	if err := c.hauls(ctx); err != nil {
		return err
	}
	c.say("making %d connections", c.many)
	if err := c.linkMany(ctx, client); err != nil {
		return err
	}
	return c.touch(ctx)
}

// verify sees that the key and the headers of the policies arrive: the API wants
// them there.
func (c *comparison) verify(ctx context.Context) error {
	checked := load.Target{Addr: c.suite.edge(), Token: c.suite.token, HTTP: &load.HTTP{
		Method: http.MethodGet, Path: passThrough(id) + baseline.CheckedPrefix + baseline.Path,
	}}
	if _, err := load.Haul(ctx, c.clock, checked, 0); err != nil {
		return fmt.Errorf("the headers of the policies do not arrive: %w", err)
	}
	return nil
}

// link makes a connection to a connector.
func (c *comparison) link(ctx context.Context, client *rest.Client, connector, connection string) error {
	err := client.Call(ctx, http.MethodPost, rest.Path(environment, "connections"), nil, &vaultv1.CreateConnectionRequest{
		Parent: environment, ConnectionId: connection, Connection: &vaultv1.Connection{Connector: environment + "/connectors/" + connector},
		Secrets: map[string]string{baseline.KeyName: c.key},
	}, nil)
	if err != nil {
		return fmt.Errorf("connect to the api: %w", err)
	}
	return nil
}

// linkMany makes the connections that are taken in turn, many at the same time.
func (c *comparison) linkMany(ctx context.Context, client *rest.Client) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	numbers := make(chan int)
	var group sync.WaitGroup
	for range creators {
		group.Go(func() {
			for n := range numbers {
				if err := c.link(ctx, client, id, manyID+strconv.Itoa(n)); err != nil {
					cancel(err)
				}
			}
		})
	}
	for n := 0; n < c.many && ctx.Err() == nil; n++ {
		numbers <- n
	}
	close(numbers)
	group.Wait()
	return context.Cause(ctx)
}

// touch calls each of the many connections once, so that what is measured is
// traffic and not the first use of each, nor its first use in a minute, which takes
// a share of its rate limit.
func (c *comparison) touch(ctx context.Context) error {
	target := load.Target{Addr: c.suite.edge(), Token: c.suite.token, HTTP: &load.HTTP{
		Method: http.MethodGet, Path: passThrough(manyID+"%d") + baseline.Path, Numbers: c.many,
	}}
	calls, done, err := load.Open(ctx, target, creators)
	if err != nil {
		return err
	}
	defer done()
	errs := make([]error, len(calls))
	var group sync.WaitGroup
	for n, call := range calls {
		group.Go(func() {
			for range c.many/creators + 1 {
				if errs[n] = call(ctx); errs[n] != nil {
					return
				}
			}
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("call each connection: %w", err)
	}
	return nil
}
