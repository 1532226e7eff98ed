package store_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// rare are the positions of the few records of a connection among those of others:
// at the ends of a trail, on both sides of where a block of the index begins, and
// with a block between them in which there is none.
var rare = []uint64{10_000, 6145, 6144, 6143, 2049, 2048, 2047, 1}

func TestTheTrailOfAConnectionGoesOnThroughTheBlocksOfTheIndex(t *testing.T) {
	s := open(memkv.New())
	many(t, s, 10_000, func(i int, r *core.AuditRecord) {
		if slices.Contains(rare, uint64(i+1)) {
			r.Connection = name("erp")
		}
	})
	second := func(sequence uint64) time.Time { return noon.Add(time.Duration(sequence-1) * time.Second) }
	for title, c := range map[string]struct {
		filter core.AuditFilter
		want   []uint64
	}{
		"all of it":             {core.AuditFilter{}, rare},
		"since a time":          {core.AuditFilter{From: second(2048)}, rare[:6]},
		"before a time":         {core.AuditFilter{To: second(6144)}, rare[3:]},
		"between two times":     {core.AuditFilter{From: second(2048), To: second(6144)}, rare[3:6]},
		"of somebody else":      {core.AuditFilter{Principal: "bob"}, nil},
		"of a kind that is not": {core.AuditFilter{Action: core.ActionDeleted}, nil},
	} {
		for _, limit := range []int{1, 2, 3, 7, 8, 100} {
			t.Run(fmt.Sprintf("%s by %d", title, limit), func(t *testing.T) {
				c.filter.Connection = "erp"
				var got []uint64
				for _, r := range trailPages(t, s, core.AuditQuery{AuditFilter: c.filter}, limit) {
					got = append(got, r.Sequence)
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
	if v := mustVerify(t, s); v.Broken != 0 || v.Checked != 10_000 {
		t.Errorf("verdict = %+v", v)
	}
}

func TestLookingForTheLastRecordOfAnOldConnectionGoesOnInTheNextPage(t *testing.T) {
	const newest = 30_000_000
	engine := memkv.New()
	s := open(engine)
	note(t, s, "erp", "long ago", noon)
	update(t, engine, func(tx kv.Tx) error {
		state, err := tx.Get([]byte("h/default"))
		if err != nil {
			return err
		}
		binary.BigEndian.PutUint64(state[1:], newest) // a listing proves nothing
		return tx.Put([]byte("h/default"), state)
	})
	q := of("erp")
	q.Environment, q.Limit = "default", 10
	records, next, err := s.AuditRecords(t.Context(), q)
	if err != nil || len(records) != 0 || next == 0 || next >= newest {
		t.Fatalf("got %v, before %d, %v", records, next, err)
	}
	got := trailPages(t, s, of("erp"), 10)
	if len(got) != 1 || got[0].OperationID != "long ago" {
		t.Errorf("got %v", got)
	}
}
