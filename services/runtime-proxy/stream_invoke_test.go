package runtimeproxy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// answered is what came of a streamed call.
type answered struct {
	head *runtimev1.InvokeStreamHead
	size int64
}

// streamed makes a streamed call as ada, with a body of chunks, and reads its
// answer.
func (s *suite) streamed(t *testing.T, begin *runtimev1.InvokeStreamStart, chunks [][]byte) (out answered, err error) {
	t.Helper()
	ctx, cancel := context.WithCancel(s.as("ada"))
	defer cancel()
	stream, err := s.runtime.InvokeStream(ctx)
	must(t, err)
	must(t, stream.Send(&runtimev1.InvokeStreamRequest{Part: &runtimev1.InvokeStreamRequest_Start{Start: begin}}))
	go func() {
		for _, chunk := range chunks {
			if stream.Send(&runtimev1.InvokeStreamRequest{Part: &runtimev1.InvokeStreamRequest_Chunk{Chunk: chunk}}) != nil {
				return
			}
		}
		_ = stream.CloseSend()
	}()
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if message.GetHead() != nil {
			out.head = message.GetHead()
		}
		out.size += int64(len(message.GetChunk()))
	}
}

func upload(d *connectorv1.Definition) {
	d.Operations = append(d.Operations, &connectorv1.Operation{
		OperationId: "Upload", Method: "PUT", Path: "/files/{id}",
		Parameters:  []*connectorv1.Parameter{{Name: "id", Required: true, Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH, Schema: []byte(`{"type":"string"}`)}},
		RequestBody: &connectorv1.RequestBody{Required: true, Contents: []*connectorv1.MediaType{{MediaType: "application/octet-stream", Kind: connectorv1.BodyKind_BODY_KIND_BINARY}}},
	})
}

// TestLargeBodiesAreStreamed both ways, without being held.
func TestLargeBodiesAreStreamed(t *testing.T) {
	const size, piece = 128 << 20, 256 << 10
	heads := make(chan string, 4)
	held := make(chan int64, 4) // bytes of the heap at the beginning and at the end of each body
	measure := func() {
		runtime.GC() // twice, for pools keep what is not used for one collection
		runtime.GC()
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		held <- int64(now.HeapAlloc)
	}
	url := api(t, func(w http.ResponseWriter, r *http.Request) {
		begun, _ := io.CopyN(io.Discard, r.Body, size/8)
		measure()
		most, _ := io.CopyN(io.Discard, r.Body, size/4*3)
		measure()
		n, _ := io.Copy(io.Discard, r.Body)
		n += begun + most
		heads <- fmt.Sprintf("%s %s %d %s %s", r.Method, r.RequestURI, n, r.Header.Get("Content-Type"), r.Header.Get("X-Api-Key"))
		w.Header().Set("Content-Type", "application/x-mine")
		w.WriteHeader(201)
		_, _ = io.Copy(w, &zeros{size / 8})
		measure()
		_, _ = io.Copy(w, &zeros{size / 4 * 3})
		measure()
		_, _ = io.Copy(w, &zeros{size / 8})
	})
	s := start(t, url, upload)
	chunk := make([]byte, piece)
	chunks := make([][]byte, size/piece)
	for i := range chunks {
		chunks[i] = chunk
	}
	out, err := s.streamed(t, &runtimev1.InvokeStreamStart{
		Connection: connection, OperationId: "Upload", Input: []byte(`{"id":"a b"}`), ContentType: "image/png", ContentLength: size,
	}, chunks)
	must(t, err)
	if out.head.GetStatusCode() != 201 || out.size != size || out.head.GetRevision() != revisionID {
		t.Errorf("head %v, %d bytes", out.head, out.size)
	}
	if got, want := <-heads, fmt.Sprintf("PUT /api/files/a%%20b %d image/png %s", size, canary); got != want {
		t.Errorf("request = %q, want %q", got, want)
	}
	for _, way := range []string{"up", "down"} {
		// If bodies were held, three quarters of one would come to be there in between:
		// what windows of gRPC, the race detector and other tests hold differs by less.
		begun, end := <-held, <-held
		if grown := end - begun; grown > size/2 {
			t.Errorf("%s: the heap has grown by %d bytes for a body of %d", way, grown, size)
		}
	}
}

// TestStreamedCallsAreRefused where something has to see the whole.
func TestStreamedCallsAreRefused(t *testing.T) {
	rec := record(t, always(200, `{}`))
	s := start(t, rec.url, func(d *connectorv1.Definition) {
		upload(d)
		d.Policies = []*connectorv1.Policy{only(policyOf("setproperty", answerSection, "newPropertyParentPathTemplate", "@body()", "newPropertySubPathTemplate", "a", "propertyValuePathTemplate", "b"), "ListItems")}
	})
	reasonIs(t, second(s.streamed(t, &runtimev1.InvokeStreamStart{Connection: connection, OperationId: "ListItems"}, nil)), fault.ReasonOperationNotSupported)
	reasonIs(t, second(s.streamed(t, &runtimev1.InvokeStreamStart{Connection: connection, OperationId: "Upload", ContentType: "text/plain"}, nil)), fault.ReasonInputInvalid)
	if len(rec.all()) != 0 {
		t.Error("a request was sent")
	}
}

// TestAStreamedCallEndsWithItsCaller.
func TestAStreamedCallEndsWithItsCaller(t *testing.T) {
	arrived, ended := make(chan struct{}), make(chan struct{})
	url := api(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		_ = http.NewResponseController(w).Flush()
		close(arrived)
		<-r.Context().Done()
		close(ended)
	})
	s := start(t, url, nil)
	ctx, cancel := context.WithCancel(s.as("ada"))
	defer cancel()
	stream, err := s.runtime.InvokeStream(ctx)
	must(t, err)
	must(t, stream.Send(&runtimev1.InvokeStreamRequest{Part: &runtimev1.InvokeStreamRequest_Start{Start: &runtimev1.InvokeStreamStart{Connection: connection, OperationId: "ListItems"}}}))
	first, err := stream.Recv()
	must(t, err)
	if first.GetHead().GetStatusCode() != 200 {
		t.Errorf("head = %v", first)
	}
	<-arrived
	cancel()
	testkit.Receive(t, "the API to notice", closed(ended))
}

// TestAStreamedBodyIsOfATypeThatTheOperationTakes, by the same rule as a body of a call:
// what is bytes takes content of any type.
func TestAStreamedBodyIsOfATypeThatTheOperationTakes(t *testing.T) {
	rec := record(t, always(200, `{}`))
	s := start(t, rec.url, func(d *connectorv1.Definition) {
		upload(d)
		d.Operations = append(d.Operations, &connectorv1.Operation{
			OperationId: "Json", Method: "PUT", Path: "/json",
			RequestBody: &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON}}},
		}, &connectorv1.Operation{OperationId: "Bare", Method: "PUT", Path: "/bare"})
	})
	for _, row := range []struct {
		name, operation, input, contentType, want string
	}{
		{"bytes of any type", "Upload", `{"id":"1"}`, "text/css", ""},
		{"bytes of no type", "Upload", `{"id":"1"}`, "a b", "must be a media type, such as image/png"},
		{"JSON", "Json", `{}`, "application/json; charset=utf-8", ""},
		{"another type than JSON", "Json", `{}`, "text/css", `must be one of "application/json"`},
		{"no body is taken", "Bare", `{}`, "text/css", "must be empty: the operation takes no body"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := s.streamed(t, &runtimev1.InvokeStreamStart{
				Connection: connection, OperationId: row.operation, Input: []byte(row.input), ContentType: row.contentType,
			}, [][]byte{[]byte("{}")})
			if row.want == "" {
				must(t, err)
				return
			}
			v := reasonIs(t, err, fault.ReasonInputInvalid).Violations()
			if len(v) != 1 || v[0].Field != "start.content_type" || v[0].Description != row.want {
				t.Errorf("violations %v", v)
			}
		})
	}
}
