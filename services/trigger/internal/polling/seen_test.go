package polling_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// numbered returns items with consecutive numbers, from first up to but without
// last.
func numbered(first, last int) []polling.Item {
	var items []polling.Item
	for n := first; n < last; n++ {
		var d polling.Digest
		binary.BigEndian.PutUint64(d[:], uint64(n))
		items = append(items, polling.Item{Digest: d})
	}
	return items
}

func TestWhatWasSeenIsNotFresh(t *testing.T) {
	seen := polling.Seen{}.With(numbered(0, 3), noon)
	if fresh := seen.Fresh(numbered(1, 5)); len(fresh) != 2 || fresh[0].Digest != numbered(3, 4)[0].Digest {
		t.Errorf("fresh %v", fresh)
	}
	if fresh := (polling.Seen{}).Fresh(numbered(0, 2)); len(fresh) != 2 {
		t.Errorf("the empty memory knows %v", fresh)
	}
}

func TestTheMemoryForgetsTheOldestFirstButNeverTheLatestAnswer(t *testing.T) {
	old := numbered(0, polling.MaxSeen)
	seen := polling.Seen{}.With(old, noon)
	// The oldest two are still in the answer; three new ones come.
	answer := append(numbered(0, 2), numbered(polling.MaxSeen, polling.MaxSeen+3)...)
	seen = seen.With(answer, noon)
	if n := seen.Len(); n != polling.MaxSeen {
		t.Errorf("%d items are remembered, want %d", n, polling.MaxSeen)
	}
	if fresh := seen.Fresh(answer); len(fresh) != 0 {
		t.Errorf("items of the latest answer are forgotten: %v", fresh)
	}
	if fresh := seen.Fresh(old); len(fresh) != 3 || fresh[0].Digest != old[2].Digest {
		t.Errorf("forgotten: %v, want the three oldest that were not in the answer", fresh)
	}
	// An answer that is larger than the memory is remembered as a whole.
	huge := numbered(0, polling.MaxSeen+500)
	if fresh := seen.With(huge, noon).Fresh(huge); len(fresh) != 0 {
		t.Errorf("%d items of a huge answer are forgotten", len(fresh))
	}
}

func TestAListThatRollsOnNeverRepeatsAnItem(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	seen := polling.Seen{}
	next, reported := 0, map[polling.Digest]int{}
	for range 300 {
		next += dice.IntN(200)
		answer := numbered(max(0, next-500), next) // the newest 500
		dice.Shuffle(len(answer), func(i, j int) { answer[i], answer[j] = answer[j], answer[i] })
		for _, item := range seen.Fresh(answer) {
			reported[item.Digest]++
		}
		seen = seen.With(answer, noon)
	}
	if len(reported) != next {
		t.Errorf("%d items were reported, want %d", len(reported), next)
	}
	for d, n := range reported {
		if n != 1 {
			t.Fatalf("item %x was reported %d times", d, n)
		}
	}
}

func TestTheMemorySurvivesStorage(t *testing.T) {
	seen := polling.Seen{}.With(numbered(0, 100), noon)
	again, err := polling.ParseSeen(seen.Bytes())
	if err != nil || string(again.Bytes()) != string(seen.Bytes()) || len(again.Fresh(numbered(0, 101))) != 1 {
		t.Errorf("%v, %v", again, err)
	}
	if _, err := polling.ParseSeen(make([]byte, 18)); err == nil {
		t.Error("a damaged memory was read")
	}
}

func BenchmarkPollWithoutNews(b *testing.B) {
	stored := polling.Seen{}.With(numbered(0, polling.MaxSeen), noon).Bytes()
	answer := numbered(polling.MaxSeen-100, polling.MaxSeen)
	b.ReportAllocs()
	for b.Loop() {
		seen, err := polling.ParseSeen(stored)
		if err != nil || len(seen.Fresh(answer)) != 0 {
			b.Fatal(err)
		}
	}
}
