package uses

import (
	"cmp"
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// The limits of a report; the vault's are the same.
const (
	maxBatch     = 1000
	maxPrincipal = 256
	maxOperation = 512
	maxHost      = 256
)

const (
	// interval is how often uses are reported.
	interval = 10 * time.Second
	// maxPending is how many batches wait for the vault. Of what is older, only how
	// often each connection was used is kept. Two full tables have room.
	maxPending = 2 * maxKeys / maxBatch
	// sendTime is the time for one batch, and stopTime that for all at the end.
	sendTime = 10 * time.Second
	stopTime = 5 * time.Second
	// After a failure the next attempt is made after minWait, and after twice that
	// with each further one, but never after more than maxWait.
	minWait = time.Second
	maxWait = time.Minute
)

// Vault takes reports. The client of the vault's service is one.
type Vault interface {
	// ReportUses records a batch once, however often it is sent.
	ReportUses(ctx context.Context, in *vaultv1.ReportUsesRequest, opts ...grpc.CallOption) (*vaultv1.ReportUsesResponse, error)
}

// batch is what is reported at once.
type batch struct {
	id   string
	uses []counted
	sent bool // perhaps it has arrived: it must stay as it is
}

type counted struct {
	use
	sum
}

// Run reports uses until ctx ends, and then what is left, in five seconds at
// most. What is noted after that is not reported.
func (r *Recorder) Run(ctx context.Context) error {
	tick, wake, wait := r.clock.After(interval), r.wake, minWait
	for {
		select {
		case <-ctx.Done():
			r.finish(context.WithoutCancel(ctx))
			return nil
		case <-tick:
			tick = r.clock.After(interval)
		case <-wake:
		}
		r.cut()
		if err := r.send(ctx); err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "uses of connections were not reported; they are kept", "error", err, "retry_after", wait)
			tick, wake = r.clock.After(wait), nil // many uses do not make the vault come back
			wait = min(2*wait, maxWait)
			continue
		}
		wake, wait = r.wake, minWait
	}
}

// finish makes the last report.
func (r *Recorder) finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	for {
		r.cut()
		if err := r.send(ctx); err != nil {
			r.log.ErrorContext(ctx, "the last uses of connections were not reported and are lost to the audit trail", "error", err, "uses", r.unsent())
			return
		}
		if r.unsent() == 0 {
			return
		}
	}
}

// unsent counts the uses that were not reported.
func (r *Recorder) unsent() (n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.pending {
		for _, u := range b.uses {
			n += u.count
		}
	}
	for _, s := range r.merged {
		n += s.count
	}
	return n
}

// cut makes batches of what is in the table, and of merged uses if there is room.
func (r *Recorder) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.take()
	for chunk := range slices.Chunk(taken, maxBatch) {
		r.pending = append(r.pending, &batch{id: rand.Text(), uses: chunk})
	}
	for len(r.pending) > maxPending {
		r.mergeOldest()
	}
	for len(r.pending) < maxPending && len(r.merged) > 0 {
		r.unmerge()
	}
}

// take empties the table.
func (r *Recorder) take() []counted {
	var taken []counted
	for i := range r.table {
		for u, counts := range r.empty(&r.table[i]) {
			taken = append(taken, counted{u, *counts})
		}
	}
	slices.SortFunc(taken, func(a, b counted) int { return a.first.Compare(b.first) })
	return taken
}

// empty takes what is in a shard: nobody else has it any more.
func (r *Recorder) empty(s *shard) map[use]*sum {
	s.mu.Lock()
	defer s.mu.Unlock()
	sums := s.sums
	if len(sums) == 0 {
		return nil
	}
	s.sums = make(map[use]*sum, len(sums))
	r.keys.Add(-int64(len(sums)))
	return sums
}

// mergeOldest keeps of the oldest batch that cannot have arrived only how often
// each connection was used. It needs the lock.
func (r *Recorder) mergeOldest() {
	i := slices.IndexFunc(r.pending, func(b *batch) bool { return !b.sent })
	for _, u := range r.pending[i].uses {
		s := r.merged[u.connection]
		if s == nil {
			s = &sum{}
			r.merged[u.connection] = s
		}
		s.add(u.sum)
	}
	r.pending = slices.Delete(r.pending, i, i+1)
}

// unmerge makes a batch of merged uses. It needs the lock.
func (r *Recorder) unmerge() {
	b := &batch{id: rand.Text()}
	for connection, s := range r.merged {
		if len(b.uses) == maxBatch {
			break
		}
		b.uses = append(b.uses, counted{use{connection: connection}, *s})
		delete(r.merged, connection)
	}
	slices.SortFunc(b.uses, func(a, b counted) int { return cmp.Compare(a.connection.String(), b.connection.String()) })
	r.pending = append(r.pending, b)
}

// send reports batch after batch, until there are none or one fails.
func (r *Recorder) send(ctx context.Context) error {
	for {
		b := r.oldest()
		if b == nil {
			return nil
		}
		err := r.report(ctx, b)
		if fault.CodeOf(err) == fault.CodeInvalidArgument {
			// Sending it again would not help, and keep all others from being sent.
			r.log.ErrorContext(ctx, "the vault does not take a report of uses; it is lost to the audit trail", "error", err, "uses", len(b.uses))
		} else if err != nil {
			return err
		}
		r.drop(b)
	}
}

// oldest returns the batch to send next, nil if there is none.
func (r *Recorder) oldest() *batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pending) == 0 {
		return nil
	}
	r.pending[0].sent = true
	return r.pending[0]
}

// drop forgets a batch that was sent. Only one goroutine sends, so it is the
// first.
func (r *Recorder) drop(b *batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.Index(r.pending, b); i >= 0 {
		r.pending = slices.Delete(r.pending, i, i+1)
	}
}

func (r *Recorder) report(ctx context.Context, b *batch) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	req := &vaultv1.ReportUsesRequest{BatchId: b.id, Uses: make([]*vaultv1.CredentialUse, 0, len(b.uses))}
	for _, u := range b.uses {
		req.Uses = append(req.Uses, &vaultv1.CredentialUse{
			Connection: u.connection.String(), Principal: clip(u.principal, maxPrincipal), OperationId: clip(u.operation, maxOperation),
			Host: clip(u.host, maxHost), Count: u.count, FirstTime: timestamppb.New(u.first), LastTime: timestamppb.New(u.last),
		})
	}
	if _, err := r.vault.ReportUses(ctx, req); err != nil {
		return grpcx.FromStatus(err)
	}
	return nil
}

// clip returns as much of a text as fits into a report.
func clip(text string, limit int) string {
	if len(text) > limit {
		text = text[:limit]
	}
	return strings.ToValidUTF8(text, "")
}
