package e2e_test

import (
	"fmt"
	"testing"
)

// TestAnOrderlyEndReportsTheLastUses: what was done with secrets since the last report is
// on record when the process has ended.
func TestAnOrderlyEndReportsTheLastUses(t *testing.T) {
	shop, s := startInventory(t, apiKey), up(t, suiteOptions{data: t.TempDir()})
	c := s.overREST()
	c.connect(t, "shop", shop.url, apiKey)
	for range 7 {
		if res, err := c.invoke(t, "shop", "ListItems", `{"limit": 1}`); err != nil || res.GetStatusCode() != 200 {
			t.Fatalf("%v, %v", res, err)
		}
	}
	if code := s.terminate(t); code != 0 {
		t.Errorf("it ended with %d:\n%s", code, s.out)
	}
	s = up(t, s.again(t, suiteOptions{}))
	if records := s.trail(t, "--action", "used"); len(records) != 1 || fmt.Sprint(records[0]["count"]) != "7" {
		t.Errorf("the uses are recorded as %v", records)
	}
}
