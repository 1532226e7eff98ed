package orphans

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
)

// Owner is a connection, a connector, or a connection with its connector. Its zero
// value is all of them.
type Owner struct{ Environment, Connection, Connector string }

// String names it for the operator.
func (o Owner) String() string {
	if o.Connection != "" {
		return "environments/" + o.Environment + "/connections/" + o.Connection
	}
	return "environments/" + o.Environment + "/connectors/" + o.Connector
}

// each returns connection and connector, each alone.
func (o Owner) each() (out []Owner) {
	if o.Connection != "" {
		out = append(out, Owner{Environment: o.Environment, Connection: o.Connection})
	}
	if o.Connector != "" {
		out = append(out, Owner{Environment: o.Environment, Connector: o.Connector})
	}
	return out
}

// covers reports whether what belongs to other belongs to o.
func (o Owner) covers(other Owner) bool {
	return o == Owner{} || o.Environment == other.Environment &&
		(o.Connection == "" || o.Connection == other.Connection) && (o.Connector == "" || o.Connector == other.Connector)
}

// Place is a part of a bucket where traces are.
type Place struct {
	// Bucket is the bucket.
	Bucket jetstream.KeyValue
	// Filter returns which keys may belong to somebody; the zero owner is everybody.
	Filter func(of Owner) string
	// Owner says to whom an entry belongs, by the decoded tokens of its key or its
	// value; false for nobody.
	Owner func(key []string, value []byte) (Owner, bool)
	// Values says that Owner needs the value.
	Values bool
	// Markers says that the bucket forgets by itself that something was removed.
	Markers bool
}

// trace is an entry that belongs to somebody.
type trace struct {
	key      string
	revision uint64
	owner    Owner
}

// list returns what there is of an owner.
func (p Place) list(ctx context.Context, of Owner) (out []trace, err error) {
	options := []jetstream.WatchOpt{jetstream.IgnoreDeletes()}
	if !p.Values {
		options = append(options, jetstream.MetaOnly())
	}
	watcher, err := p.Bucket.Watch(ctx, p.Filter(of), options...)
	if err != nil {
		return nil, fmt.Errorf("list traces: %w", err)
	}
	defer func() { _ = watcher.Stop() }()
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("list traces: %w", ctx.Err())
		case entry, ok := <-watcher.Updates():
			if !ok {
				return nil, errEnded
			}
			if entry == nil { // that is all
				return out, nil
			}
			key, err := bus.ParseKey(entry.Key())
			if err != nil {
				continue // nobody's that we know
			}
			if owner, ok := p.Owner(key, entry.Value()); ok && of.covers(owner) {
				out = append(out, trace{entry.Key(), entry.Revision(), owner})
			}
		}
	}
}

// token is the part of a filter for a value, or for all.
func token(value string) string {
	if value == "" {
		return "*"
	}
	return bus.Key(value)
}

// States returns the place of what custom code keeps, see package script.
func States(bucket jetstream.KeyValue) Place {
	return Place{
		Bucket: bucket, Markers: true,
		Filter: func(of Owner) string {
			return bus.Key("state") + "." + token(of.Environment) + "." + token(of.Connector) + "." + token(of.Connection) + ".*"
		},
		Owner: func(key []string, _ []byte) (Owner, bool) {
			if len(key) != 5 {
				return Owner{}, false
			}
			return Owner{Environment: key[1], Connector: key[2], Connection: key[3]}, true
		},
	}
}

// Callbacks returns the place of what callback URLs lead to. owner reads whose they
// are, see package callback.
func Callbacks(bucket jetstream.KeyValue, owner func(value []byte) (Owner, bool)) Place {
	return Place{
		Bucket: bucket, Values: true, Markers: true,
		Filter: func(Owner) string { return bus.Key("callback") + ".*" },
		Owner:  func(_ []string, value []byte) (Owner, bool) { return owner(value) },
	}
}

// Keys returns the place of idempotency keys, see package idempotency.
func Keys(bucket jetstream.KeyValue) Place {
	return Place{
		Bucket: bucket,
		Filter: func(of Owner) string { return token(of.Environment) + "." + token(of.Connection) + ".*" },
		Owner: func(key []string, _ []byte) (Owner, bool) {
			if len(key) != 3 {
				return Owner{}, false
			}
			return Owner{Environment: key[0], Connection: key[1]}, true
		},
	}
}

// Budgets returns the place of rate budgets. owner reads whose they are, see package
// rate.
func Budgets(bucket jetstream.KeyValue, owner func(key []string) (Owner, bool)) Place {
	return Place{
		Bucket: bucket,
		Filter: func(of Owner) string { return "*." + token(of.Environment) + ".*" },
		Owner:  func(key []string, _ []byte) (Owner, bool) { return owner(key) },
	}
}

// Switches returns the place of switches of request logs, see package requestlog. It
// is [Config.Forget] that removes the entries.
func Switches(bucket jetstream.KeyValue) Place {
	return Place{
		Bucket: bucket, Markers: true,
		Filter: func(of Owner) string { return token(of.Environment) + "." + token(of.Connection) },
		Owner: func(key []string, _ []byte) (Owner, bool) {
			if len(key) != 2 {
				return Owner{}, false
			}
			return Owner{Environment: key[0], Connection: key[1]}, true
		},
	}
}
