package edge

import (
	"errors"
	"io"
	"net/http"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// forwardLines answers with lines of JSON as they come, until either side leaves:
// {"result": message}, and {"error": status} if next fails otherwise than with
// io.EOF. The header goes out before the first message is there.
func forwardLines[M proto.Message](w http.ResponseWriter, next func() (M, error)) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	out := http.NewResponseController(w)
	for {
		if out.Flush() != nil {
			return
		}
		message, err := next()
		if errors.Is(err, io.EOF) {
			return
		}
		line := wrap(`{"result":`, message)
		if err != nil {
			line = wrap(`{"error":`, statusOf(err))
		}
		if _, writeErr := w.Write(line); writeErr != nil || err != nil {
			return
		}
	}
}

// statusOf returns what is said about an error in the middle of a stream.
func statusOf(err error) *spb.Status { return grpcx.ToStatus(classify(err)).Proto() }

// wrap makes one line; a message of ours can always be written as JSON.
func wrap(prefix string, m proto.Message) []byte {
	line, err := protojson.MarshalOptions{}.MarshalAppend([]byte(prefix), m)
	if err != nil {
		return []byte(`{"error":{"code":13,"message":"the message cannot be written as JSON"}}` + "\n")
	}
	return append(line, '}', '\n')
}
