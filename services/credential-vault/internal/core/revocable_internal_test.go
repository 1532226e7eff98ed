package core

import "testing"

func TestGrantsFromBeforeRevocationsHadTheirOwnPart(t *testing.T) {
	const now = "renewal.all"
	for before, want := range map[string]struct{ renews, revokes bool }{
		"renewal.all":   {true, true},
		"renewal.other": {true, false},
		"all":           {true, true},
		"renewal":       {true, false}, // had no revocation endpoint
		"other":         {false, false},
		"other.all":     {false, false},
		"":              {false, false},
	} {
		if renewedAlike(before, now) != want.renews || revokedAlike(before, now) != want.revokes {
			t.Errorf("%q: renewed %v, revoked %v", before, renewedAlike(before, now), revokedAlike(before, now))
		}
	}
	if renewedAlike("", "") != true || renewedAlike("", "renewal") {
		t.Error("a grant that remembers nothing is renewed by whatever there is")
	}
}
