package requestlog

import (
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// A process reads all switches at its start, and again after a disturbance. What somebody
// switches at that moment must not be undone until the news of it comes round: entries
// would be lost, or kept.
func TestWhatIsSwitchedWhileAllSwitchesAreReadStays(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	l := &Log{clock: clocktest.New(now)}
	connection := resource.Connection{Environment: "default", ID: "crm"}
	tap := &Tap{connection: connection, until: now.Add(time.Hour)}

	l.gather()
	l.set(connection, tap)
	l.install(taps{})
	if l.For(connection) != tap {
		t.Error("it was switched on while the others were read, and is off")
	}
	l.gather()
	l.set(connection, nil)
	l.install(taps{connection: tap})
	if l.For(connection) != nil {
		t.Error("it was switched off while the others were read, and is on")
	}
	l.set(connection, tap)
	l.gather()
	l.install(taps{})
	if l.For(connection) != nil {
		t.Error("it was switched off elsewhere, and is on")
	}
}
