package inject_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/inject"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// Custom code decides how many handles it writes: it must not take more time and
// memory outside of its sandbox than inside.

func TestABodyMayBeFullOfHandles(t *testing.T) {
	const count, most = 200_000, 10 * time.Second
	handles := newCredential(map[string]secret.Text{"key": secret.FromString("k")}, nil, nil).Handles()
	key, _ := handles.Parameter("key")
	handles.Spread()
	req := &request.Request{Body: []byte(strings.Repeat(key+".", count))}
	start := time.Now()
	if err := handles.Reveal(req); err != nil || string(req.Body) != strings.Repeat("k.", count) {
		t.Errorf("the body has %d bytes, %v", len(req.Body), err)
	}
	if took := time.Since(start); took > most {
		t.Errorf("it took %v", took)
	}
}

func TestHandlesDoNotMakeABodyOfAnyLength(t *testing.T) {
	handles := newCredential(map[string]secret.Text{"key": secret.FromString(strings.Repeat("k", 8<<10))}, nil, nil).Handles()
	key, _ := handles.Parameter("key")
	handles.Spread()
	for _, req := range []*request.Request{
		{Body: []byte(strings.Repeat(key, inject.MaxBody/(8<<10)+1))},
		{Query: "a=" + strings.Repeat(key, inject.MaxBody/(8<<10)+1)},
		{Header: map[string][]string{"A": {strings.Repeat(key, inject.MaxBody/(8<<10)+1)}}},
	} {
		if err := handles.Reveal(req); fault.ReasonOf(err) != fault.ReasonScriptLimitExceeded {
			t.Errorf("error = %v", err)
		}
	}
	if err := handles.Reveal(&request.Request{Body: []byte(strings.Repeat(key, inject.MaxBody/(8<<10)))}); err != nil {
		t.Errorf("at the limit: %v", err)
	}
}

func TestWhatIsWorkedOutOfSecretsIsNotOfAnyLength(t *testing.T) {
	same := func(plain [][]byte) ([]byte, error) { return bytes.Clone(plain[0]), nil }
	handles := newCredential(map[string]secret.Text{"key": secret.FromString(strings.Repeat("k", 8<<10))}, nil, nil).Handles()
	key, _ := handles.Parameter("key")
	for _, row := range []struct {
		name    string
		handles int
		reason  fault.Reason
	}{
		{"a value", 16, ""},
		{"another one, with which there is no more room", 16, ""},
		{"one more", 1, fault.ReasonScriptLimitExceeded},
		{"one that is longer than any body", inject.MaxBody/(8<<10) + 1, fault.ReasonScriptLimitExceeded},
	} {
		_, _, err := handles.Compute([][]byte{[]byte(strings.Repeat(key, row.handles))}, same)
		if fault.ReasonOf(err) != row.reason && (err != nil || row.reason != "") {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}
