package baseline

import (
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"
	"runtime"
	"strconv"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/cost"
)

const (
	// CheckedPrefix is where the fast API wants the headers of [Marks] as well.
	CheckedPrefix = "/checked"
	// BulkPath is where large bodies are: GET BulkPath/{bytes} and PUT BulkPath.
	BulkPath = "/bulk"
	// Generous is how many calls of each connection the connector's rate limit
	// allows in a minute, the usual time of such limits: it counts, and stops nobody.
	Generous = 1_000_000_000
)

// Marks are the headers that the two header policies of the connector set.
func Marks() map[string]string {
	return map[string]string{"X-Bench-First": "first", "X-Bench-Second": "second"}
}

// connector is the fast API's description with everything that the suite can do
// for each call: a key, two header policies and a rate limit.
const connector = `{
  "swagger": "2.0", "info": {"title": "Things behind gateways", "version": "1"}, "host": %[1]q, "basePath": "/", "schemes": ["http"],
  "securityDefinitions": {%[2]q: {"type": "apiKey", "in": "header", "name": %[3]q}}, "security": [{%[2]q: []}],
  "x-ferrule-policies": [
    {"templateId": "setheader", "parameters": [{"name": "name", "json": "X-Bench-First"}, {"name": "value", "json": "first"}]},
    {"templateId": "setheader", "parameters": [{"name": "name", "json": "X-Bench-Second"}, {"name": "value", "json": "second"}]}
  ],
  "x-ferrule-rate-limits": [{"scope": "RATE_LIMIT_SCOPE_CONNECTION", "calls": %[5]d, "periodSeconds": 60}],
  "paths": {
    "/things/{id}": {"get": {"operationId": %[4]q,
      "parameters": [{"name": "id", "in": "path", "type": "string", "required": true}],
      "responses": {"200": {"description": "The thing.", "schema": {"type": "object"}}}}},
    "/checked/things/{id}": {"get": {"operationId": "CheckThing",
      "parameters": [{"name": "id", "in": "path", "type": "string", "required": true}],
      "responses": {"200": {"description": "The thing.", "schema": {"type": "object"}}}}},
    "/bulk/{bytes}": {"get": {"operationId": "Download", "produces": ["application/octet-stream"],
      "parameters": [{"name": "bytes", "in": "path", "type": "string", "required": true}],
      "responses": {"200": {"description": "The bytes.", "schema": {"type": "file"}}}}},
    "/bulk": {"put": {"operationId": "Upload", "consumes": ["application/octet-stream"],
      "parameters": [{"name": "body", "in": "body", "schema": {"type": "string", "format": "binary"}}],
      "responses": {"200": {"description": "Their number.", "schema": {"type": "object"}}}}}
  }
}`

// Connector returns the description of the API at host with policies and limits.
func Connector(host string) []byte {
	return fmt.Appendf(nil, connector, host, KeyName, KeyHeader, Operation, Generous)
}

// Thing is the answer of the API, [AnswerSize] bytes of JSON.
func Thing() []byte { return thing() }

// marked answers as next where the headers of the policies have arrived.
func marked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, want := range Marks() {
			if r.Header.Get(name) != want {
				http.Error(w, "a header of the policies is missing", http.StatusBadRequest)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// FastAPI returns [Upstream] with large bodies, and with a part that wants the
// headers of the policies.
func FastAPI(key string) http.Handler {
	plain := Upstream(key)
	mux := http.NewServeMux()
	mux.Handle("/", plain)
	mux.Handle(CheckedPrefix+"/", http.StripPrefix(CheckedPrefix, marked(plain)))
	mux.HandleFunc("GET "+BulkPath+"/{bytes}", func(w http.ResponseWriter, r *http.Request) {
		size, err := strconv.ParseInt(r.PathValue("bytes"), 10, 64)
		if err != nil || size < 0 {
			http.Error(w, "the number of bytes is none", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		_, _ = io.CopyN(w, Zeros{}, size)
	})
	mux.HandleFunc("PUT "+BulkPath, func(w http.ResponseWriter, r *http.Request) {
		size, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			http.Error(w, "the body broke off", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"bytes": %d}`, size)
	})
	return mux
}

// Zeros reads zeros without an end.
type Zeros struct{}

// Read fills p.
func (Zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Inspect shows this process from inside, as the suite's own /metrics does: the
// number of allocations at /metrics, CPU profiles at /profile, and profiles of
// what is allocated meanwhile at /allocations.
func Inspect() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		_, _ = fmt.Fprintf(w, "%s %d\n", cost.Metric, m.Mallocs)
	})
	mux.HandleFunc("GET /profile", pprof.Profile)
	mux.Handle("GET /allocations", pprof.Handler("allocs"))
	return mux
}
