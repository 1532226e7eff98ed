package clocktest_test

import (
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
)

func TestFakeFiresExactlyWhatHasBecomeDue(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, row := range []struct {
		name    string
		wait    time.Duration
		advance time.Duration
		fires   bool
	}{
		{"a wait of zero fires at once", 0, 0, true},
		{"a negative wait fires at once", -time.Second, 0, true},
		{"too early does not fire", time.Minute, time.Minute - 1, false},
		{"exactly on time fires", time.Minute, time.Minute, true},
		{"late fires", time.Minute, time.Hour, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := clocktest.New(start)
			ch := c.After(row.wait)
			c.Advance(row.advance)
			select {
			case got := <-ch:
				if !row.fires {
					t.Fatalf("fired at %v, want silence", got)
				}
			default:
				if row.fires {
					t.Fatal("did not fire")
				}
			}
			if want := start.Add(row.advance); !c.Now().Equal(want) {
				t.Errorf("Now() = %v, want %v", c.Now(), want)
			}
		})
	}
}

func TestFakeForgetsWaitersThatFired(t *testing.T) {
	c := clocktest.New(time.Unix(0, 0))
	_ = c.After(time.Second)
	_ = c.After(time.Hour)
	c.Advance(time.Minute)
	if got := c.Waiting(); got != 1 {
		t.Errorf("Waiting() = %d, want 1", got)
	}
}
