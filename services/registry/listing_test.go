package registry_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
)

// wordy is a description of n operations, each of which takes at least size bytes.
func wordy(n, size int) string {
	var out strings.Builder
	out.WriteString(`{"swagger":"2.0","info":{"title":"Wordy","version":"1"},"host":"api.example.com","paths":{`)
	for i := range n {
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, `"/p%d":{"get":{"operationId":"Op%d","summary":"Gets thing %d","description":%q,"responses":{"200":{"description":"ok"}}}}`,
			i, i, i, strings.Repeat("word ", size/5))
	}
	out.WriteString("}}")
	return out.String()
}

// TestLargeConnectorsAreListedInBoundedBytes: 1,200 operations come in pages that are
// no longer than a mebibyte, whatever page size was asked for, each once and in order.
func TestLargeConnectorsAreListedInBoundedBytes(t *testing.T) {
	r := newRig(t, memory(t))
	r.importFiles("wordy", file("a.json", wordy(1200, 8<<10)))
	for _, size := range []int32{0, 1000} {
		req := &registryv1.ListOperationsRequest{Parent: parent + "/connectors/wordy/revisions/latest", PageSize: size}
		seen, pages := 0, 0
		for {
			resp, err := r.ListOperations(r.as(authn.RoleUser), req)
			if err != nil {
				t.Fatal(err)
			}
			if n := proto.Size(resp); n > 1<<20+1<<10 {
				t.Fatalf("page %d has %d bytes", pages, n)
			}
			for _, op := range resp.GetOperations() {
				if want := fmt.Sprintf("Op%d", seen); op.GetOperationId() != want {
					t.Fatalf("operation %q, want %q", op.GetOperationId(), want)
				}
				seen++
			}
			pages++
			if req.PageToken = resp.GetNextPageToken(); req.PageToken == "" {
				break
			}
		}
		if seen != 1200 || pages < 9 {
			t.Errorf("page size %d: %d operations in %d pages", size, seen, pages)
		}
	}
}

// TestAnOperationThatIsTooLongForAPageComesAlone.
func TestAnOperationThatIsTooLongForAPageComesAlone(t *testing.T) {
	r := newRig(t, memory(t))
	r.importFiles("wordy", file("a.json", strings.Replace(wordy(3, 10), "word word", strings.Repeat("long ", 300<<10), 2)))
	req := &registryv1.ListOperationsRequest{Parent: parent + "/connectors/wordy/revisions/latest"}
	for i := range 2 {
		resp, err := r.ListOperations(r.as(authn.RoleUser), req)
		if err != nil || len(resp.GetOperations()) != 1 || resp.GetNextPageToken() == "" {
			t.Fatalf("page %d: %d operations, %v", i, len(resp.GetOperations()), err)
		}
		req.PageToken = resp.GetNextPageToken()
	}
}
