package usage

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestBucketsAreInOrderAndCoverAllTimes: a time is never outside of its bucket.
func TestBucketsAreInOrderAndCoverAllTimes(t *testing.T) {
	for i := range numBuckets - 1 {
		low, high := border(i), border(i+1)
		if low >= high && i != numBuckets-1 {
			t.Fatalf("bucket %d is from %v to %v", i, low, high)
		}
		if bucketOf(low) != i || bucketOf(high-time.Microsecond) != i || bucketOf(high) != i+1 {
			t.Errorf("bucket %d from %v to %v has %d, %d and %d", i, low, high, bucketOf(low), bucketOf(high-time.Microsecond), bucketOf(high))
		}
		if i > 0 && float64(high-low) > 0.25*float64(low) {
			t.Errorf("bucket %d from %v to %v is too wide", i, low, high)
		}
	}
	if got := bucketOf(24 * time.Hour); got != numBuckets-1 {
		t.Errorf("a day is in bucket %d", got)
	}
}

func TestPercentilesAreCloseToTheTruth(t *testing.T) {
	even := func(n int, step time.Duration) (times []time.Duration) {
		for i := range n {
			times = append(times, time.Duration(i+1)*step)
		}
		return times
	}
	tests := []struct {
		name     string
		times    []time.Duration
		p50, p99 time.Duration
	}{
		{"nothing", nil, 0, 0},
		{"one", []time.Duration{80 * time.Millisecond}, 80 * time.Millisecond, 80 * time.Millisecond},
		{"a thousand evenly spread", even(1000, time.Millisecond), 500 * time.Millisecond, 990 * time.Millisecond},
		{"a slow one in a hundred and one", append(slices.Repeat([]time.Duration{10 * time.Millisecond}, 100), 5*time.Second), 10 * time.Millisecond, 10 * time.Millisecond},
		{"two slow ones in fifty", append(slices.Repeat([]time.Duration{10 * time.Millisecond}, 48), 5*time.Second, 5*time.Second), 10 * time.Millisecond, 5 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c counts
			for _, elapsed := range tt.times {
				c.add(2, &Sample{Elapsed: elapsed})
			}
			for share, want := range map[float64]time.Duration{0.5: tt.p50, 0.99: tt.p99} {
				if got := c.percentile(share); float64(got) < 0.8*float64(want) || float64(got) > 1.25*float64(want) {
					t.Errorf("percentile %v = %v, want about %v", share, got, want)
				}
			}
		})
	}
}

func TestCountsThatMakeNoSenseDoNoHarm(t *testing.T) {
	var c counts
	c.add(0, &Sample{Elapsed: -time.Second, RequestBytes: -1, ResponseBytes: -5})
	if c.calls() != 1 || c.latency != 0 || c.sent != 0 || c.received != 0 {
		t.Errorf("counts = %+v", c)
	}
}

func sampleCounts(n int) *counts {
	c := &counts{}
	for i := range n {
		c.add(i%len(classes), &Sample{
			Elapsed: time.Duration(i*i) * time.Millisecond, RequestBytes: int64(i), ResponseBytes: int64(7 * i), Replayed: i%3 == 0,
		})
	}
	return c
}

func decoded(t *testing.T, message []byte) map[string]counts {
	t.Helper()
	got := map[string]counts{}
	if err := decode(message, func(operation []byte, c *counts) { got[string(operation)] = *c }); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestMessagesAreReadAsTheyWereWritten(t *testing.T) {
	want := map[string]counts{"ListItems": *sampleCounts(100), "": *sampleCounts(1), "größe/…": *sampleCounts(3), PassThrough: {}}
	var list []counted
	for name, c := range want {
		list = append(list, counted{name, &c})
	}
	if diff := cmp.Diff(want, decoded(t, encode(list)), cmp.AllowUnexported(counts{})); diff != "" {
		t.Errorf("read (-written +read):\n%s", diff)
	}
}

func TestAMessageHasRoomForTheLargestConnectors(t *testing.T) {
	tests := []struct {
		name         string
		operations   int
		nameLength   int
		other        bool
		keptAtLeast  int
		callsOfFirst int
	}{
		{"1,200 operations", 1200, 60, false, 1200, 40},
		{"1,200 operations with the longest names", 1200, 512, false, 1200, 40},
		{"more than fit: the most called stay", 4000, 512, true, 1200, 40},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list, want := make([]counted, 0, tt.operations), counts{}
			for i := range tt.operations {
				name := fmt.Sprintf("%0*d", tt.nameLength, i)
				c := sampleCounts(1 + i%40)
				list = append(list, counted{name, c})
				want.merge(c)
			}
			message := encode(list)
			got := decoded(t, message)
			var sum counts
			for _, c := range got {
				sum.merge(&c)
			}
			if diff := cmp.Diff(want, sum, cmp.AllowUnexported(counts{})); diff != "" {
				t.Errorf("the sum has changed (-want +got):\n%s", diff)
			}
			_, other := got[Other]
			if len(message) > maxMessage || other != tt.other || len(got) < tt.keptAtLeast {
				t.Errorf("%d bytes, %d operations, others: %v", len(message), len(got), other)
			}
			busiest := fmt.Sprintf("%0*d", tt.nameLength, 39)
			if c := got[busiest]; c.calls() != uint64(tt.callsOfFirst) {
				t.Errorf("the busiest operation has %d calls", c.calls())
			}
		})
	}
}

func TestDamagedMessagesAreRefused(t *testing.T) {
	whole := encode([]counted{{"ListItems", sampleCounts(5)}})
	tests := map[string][]byte{
		"nothing":                    {},
		"another version":            append([]byte{9}, whole[1:]...),
		"cut off":                    whole[:len(whole)-1],
		"cut off in a name":          whole[:4],
		"a name that is too long":    {encoding, 0xff, 0xff, 0xff, 0xff, 0x0f, 'x'},
		"a number that never ends":   append([]byte{encoding}, bytes.Repeat([]byte{0xff}, 40)...),
		"a bucket that is not there": append(append([]byte{encoding, 0}, make([]byte, 10)...), 1, numBuckets, 1),
	}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		t.Run(name, func(t *testing.T) {
			if err := decode(tests[name], func([]byte, *counts) {}); err == nil {
				t.Error("it was read")
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode([]counted{{"ListItems", sampleCounts(5)}, {strings.Repeat("x", 300), sampleCounts(2)}}))
	f.Add([]byte{encoding, 1, 'a'})
	f.Fuzz(func(t *testing.T, message []byte) {
		n := 0
		_ = decode(message, func(_ []byte, c *counts) { n++; _ = c.percentile(0.99) })
		if n > len(message) {
			t.Errorf("%d operations in %d bytes", n, len(message))
		}
	})
}
