package bus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

func TestAReaderReadsASubjectInPieces(t *testing.T) {
	b := testkit.NewNATS(t)
	mine, others := bus.DeliveryAddress{Environment: "e", Subscription: "s", Sink: "1"}, bus.DeliveryAddress{Environment: "e", Subscription: "s", Sink: "2"}
	for i := range 6 { // sequences 1, 3, 5… are mine
		id := fmt.Sprint(i)
		m := outbox.Message{ID: id, Subject: mine.Subject(), Data: []byte(strings.Repeat(id, 100)), Header: map[string]string{"Ferrule-Event": id}}
		if err := b.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		publish(t, b, "other"+id, others.Subject())
	}
	stream, err := b.JetStream().Stream(t.Context(), bus.StreamDeliveries)
	if err == nil {
		err = stream.DeleteMsg(t.Context(), 5)
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := bus.NewReader(b.Conn(), bus.StreamDeliveries, mine.Subject())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, row := range []struct {
		name        string
		from        uint64
		limit, size int
		want        []uint64
		more        bool
	}{
		{"all", 0, 10, 1 << 20, []uint64{1, 3, 7, 9, 11}, false},
		{"as many as there are", 0, 5, 1 << 20, []uint64{1, 3, 7, 9, 11}, false},
		{"the first", 1, 2, 1 << 20, []uint64{1, 3}, true},
		{"from one that was removed", 5, 1, 1 << 20, []uint64{7}, true},
		{"until there are so many bytes", 0, 10, 200, []uint64{1, 3}, true},
		{"none behind the last", 12, 10, 1 << 20, nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			found, more, err := r.Next(t.Context(), row.from, row.limit, row.size)
			var got []uint64
			for _, m := range found {
				got = append(got, m.Sequence)
				if id := m.Header.Get("Ferrule-Event"); m.Subject != mine.Subject() || string(m.Data) != strings.Repeat(id, 100) || time.Since(m.Time).Abs() > time.Hour {
					t.Errorf("message %d: %+v", m.Sequence, m)
				}
			}
			if diff := cmp.Diff(row.want, got); diff != "" || more != row.more || err != nil {
				t.Errorf("more %v, %v %s", more, err, diff)
			}
		})
	}
}

func TestAReaderGivesUpWithItsCallerAndGoesOn(t *testing.T) {
	b := testkit.NewNATS(t)
	at := bus.DeliveryAddress{Environment: "e", Subscription: "s", Sink: "1"}
	publish(t, b, "1", at.Subject())
	r, err := bus.NewReader(b.Conn(), bus.StreamDeliveries, at.Subject())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := r.Next(over, 0, 1, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Next() = %v", err)
	}
	// What is answered to the request that was given up is not taken for this one.
	if found, _, err := r.Next(t.Context(), 2, 1, 1); err != nil || len(found) != 0 {
		t.Errorf("Next() = %v, %v", found, err)
	}
}

func TestAReaderOfAStreamThatDoesNotExistFails(t *testing.T) {
	b := testkit.NewNATS(t)
	r, err := bus.NewReader(b.Conn(), "NOTHING", "ferrule.nothing")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if found, _, err := r.Next(t.Context(), 0, 1, 1); err == nil {
		t.Errorf("Next() = %v", found)
	}
}
