package dataplane

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

const prefix = "/v1/environments/default/connections/crm/proxy"

func TestRequestTargetsAreCutWhereTheyEnd(t *testing.T) {
	crm := resource.Connection{Environment: "default", ID: "crm"}
	tests := []struct {
		name, target string
		want         target
		reason       fault.Reason
	}{
		{"a path and a query", prefix + "/a/b?c=d", target{crm, "/a/b", "c=d", nil}, ""},
		{"neither", prefix, target{crm, "", "", nil}, ""},
		{"a slash", prefix + "/", target{crm, "/", "", nil}, ""},
		{"a query alone", prefix + "?c", target{crm, "", "c", nil}, ""},
		{"a question in the query", prefix + "/a?b?c", target{crm, "/a", "b?c", nil}, ""},
		{"slashes that are kept", prefix + "//a///b/", target{crm, "//a///b/", "", nil}, ""},
		{"escapes that are kept", prefix + "/a%2Fb%2f%C3%A9", target{crm, "/a%2Fb%2f%C3%A9", "", nil}, ""},
		{"our own prefix again", prefix + prefix, target{crm, prefix, "", nil}, ""},
		{"the absolute form", "http://x" + prefix + "/a", target{crm, "/a", "", nil}, ""},
		{"the absolute form with another scheme", "https://x:1" + prefix + "/a?b", target{crm, "/a", "b", nil}, ""},
		{"a prefix that only begins alike", prefix + "fy/a", target{}, fault.ReasonInvalidArgument},
		{"another version", "/v2" + prefix[3:], target{}, fault.ReasonInvalidArgument},
		{"too short", "/v1/environments/default", target{}, fault.ReasonInvalidArgument},
		{"nothing", "/", target{}, fault.ReasonInvalidArgument},
		{"an absolute form without a path", "http://x", target{}, fault.ReasonInvalidArgument},
		{"a name with an escape", "/v1/environments/default/connections/c%72m/proxy/a", target{}, fault.ReasonInvalidName},
		{"a name that climbs", "/v1/environments/default/connections/../proxy/a", target{}, fault.ReasonInvalidName},
		{"an empty name", "/v1/environments/default/connections//proxy/a", target{}, fault.ReasonInvalidName},
		{"another kind of resource", "/v1/environments/default/connectors/crm/proxy/a", target{}, fault.ReasonInvalidName},
		{"a space", prefix + "/a b", target{}, fault.ReasonInvalidArgument},
		{"a tab in the query", prefix + "/a?b\tc", target{}, fault.ReasonInvalidArgument},
		{"a line break", prefix + "/a\r\nX: y", target{}, fault.ReasonInvalidArgument},
		{"a fragment", prefix + "/a?b#c", target{}, fault.ReasonInvalidArgument},
		{"a delete", prefix + "/a\x7f", target{}, fault.ReasonInvalidArgument},
		{"a climb", prefix + "/a/../../b", target{}, fault.ReasonInvalidArgument},
		{"a climb at the end", prefix + "/..", target{}, fault.ReasonInvalidArgument},
		{"a climb in the query is text", prefix + "/a?b=../c", target{crm, "/a", "b=../c", nil}, ""},
		{"dots that are names", prefix + "/.../a..b/.hidden", target{crm, "/.../a..b/.hidden", "", nil}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := &exchange{in: &http.Request{RequestURI: tt.target}}
			err := route(t.Context(), x)
			if fault.ReasonOf(err) != tt.reason {
				t.Fatalf("error = %v, want %q", err, tt.reason)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(tt.want, x.target, cmp.AllowUnexported(target{})); diff != "" {
				t.Errorf("target (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("without a server the url counts", func(t *testing.T) {
		x := &exchange{in: httptest.NewRequest(http.MethodGet, prefix+"/a%2Fb?c", nil)}
		x.in.RequestURI = ""
		if err := route(t.Context(), x); err != nil || x.target.path != "/a%2Fb" || x.target.query != "c" {
			t.Errorf("target %+v, %v", x.target, err)
		}
	})
}

func FuzzRoute(f *testing.F) {
	for _, seed := range []string{prefix + "/a", prefix + "/%2e%2e", "http://x" + prefix, "//", "?", prefix + "?#"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		x := &exchange{in: &http.Request{RequestURI: raw}}
		if raw == "" || route(t.Context(), x) != nil {
			return
		}
		sent := x.target.path
		if x.target.query != "" {
			sent += "?" + x.target.query
		}
		if !strings.HasSuffix(strings.TrimSuffix(raw, "?"), strings.TrimSuffix(sent, "?")) {
			t.Errorf("%q became %q", raw, sent)
		}
		if strings.ContainsAny(sent, " \r\n\t#\x00") || strings.Contains(x.target.path, "/../") {
			t.Errorf("%q was let through", sent)
		}
	})
}

func TestWhatIsNotSupported(t *testing.T) {
	tests := []struct {
		name   string
		change func(*http.Request)
		reason fault.Reason
		word   string
	}{
		{"a plain request", func(*http.Request) {}, "", ""},
		{"chunks", func(r *http.Request) { r.TransferEncoding = []string{"chunked"} }, "", ""},
		{"CONNECT", func(r *http.Request) { r.Method = http.MethodConnect }, fault.ReasonOperationNotSupported, "CONNECT"},
		{"TRACE", func(r *http.Request) { r.Method = http.MethodTrace }, fault.ReasonOperationNotSupported, "TRACE"},
		{"a web socket", func(r *http.Request) { r.Header.Set("Upgrade", "websocket") }, fault.ReasonOperationNotSupported, "WebSocket"},
		{"http/2 without tls", func(r *http.Request) { r.Header.Set("Upgrade", "h2c") }, fault.ReasonOperationNotSupported, "upgrade"},
		{"two encodings", func(r *http.Request) { r.TransferEncoding = []string{"gzip", "chunked"} }, fault.ReasonInvalidArgument, "encoding"},
		{"an encoding nobody took out", func(r *http.Request) { r.Header.Set("Transfer-Encoding", "gzip") }, fault.ReasonInvalidArgument, "encoding"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, prefix, nil)
			tt.change(r)
			err := refuseUnsupported(t.Context(), &exchange{in: r})
			if fault.ReasonOf(err) != tt.reason || (err != nil && !strings.Contains(fault.From(err).Message(), tt.word)) {
				t.Errorf("error = %v", err)
			}
		})
	}
}
