package script_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

func mac(key, text string) []byte {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(text))
	return h.Sum(nil)
}

func TestParametersOfTheConnection(t *testing.T) {
	r := newRig(t, newRunner(t, sandbox.Limits{}))
	got, err := r.value(`const p = ctx.connection.parameter; return [p('region'), p('Region'), p('none') ?? 'undefined', p('api_key'), p('api_key') === p('API_KEY')]`)
	must(t, err)
	var values []any
	must(t, json.Unmarshal([]byte(got), &values))
	handle, _ := values[3].(string)
	if values[0] != "eu" || values[1] != "eu" || values[2] != "undefined" || values[4] != true {
		t.Errorf("values = %v", values)
	}
	if len(handle) < 30 || strings.Contains(got, "canary") {
		t.Errorf("a secret is shown as %q", handle)
	}
}

// TestSecretsGoOut: what code makes of a secret is the right thing on the wire,
// wherever it stands there, and nothing of it is ever in the code's hands.
func TestSecretsGoOut(t *testing.T) {
	basic := base64.StdEncoding.EncodeToString([]byte("user:" + canary))
	signature := mac(canary, "text")
	b64 := base64.StdEncoding.EncodeToString(signature)
	quoted, err := json.Marshal(canary)
	must(t, err)
	header := func(r *request.Request) string { return r.HeaderValue("X-Out") }
	query := func(r *request.Request) string { return r.Query }
	body := func(r *request.Request) string { return string(r.Body) }
	runner := newRunner(t, sandbox.Limits{})
	for _, row := range []struct {
		name, value, into string
		of                func(*request.Request) string
		want              string
	}{
		{"as it is in a header", `key`, "header", header, canary},
		{"with words around it", `'Bearer ' + key + ';'`, "header", header, "Bearer " + canary + ";"},
		{"as it is in the query", `key`, "query", query, "a=1&out=" + request.Escape(canary)},
		{"as it is in JSON", `key`, "json", body, `{"out":` + strings.NewReplacer(`\u0026`, `&`).Replace(string(quoted)) + `}`},
		{"as it is in a form", `key`, "form", body, "out=" + request.Escape(canary)},
		{"as it is in text", `key`, "text", body, canary},
		{"user and password in base64", `base64.encode('user:' + key)`, "header", header, basic},
		{"the same in the query", `base64.encode('user:' + key)`, "query", query, "a=1&out=" + request.Escape(basic)},
		{"base64 for URLs", `base64.encodeUrl(key)`, "header", header, base64.RawURLEncoding.EncodeToString([]byte(canary))},
		{"hexadecimal", `hex.encode(key)`, "header", header, hex.EncodeToString([]byte(canary))},
		{"base64 of base64", `base64.encode(base64.encode(key))`, "text", body, base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(canary))))},
		{"there and back", `base64.decodeText(base64.encode(key))`, "header", header, canary},
		{"an hmac under it", `crypto.hmac('sha256', key, 'text', 'base64')`, "header", header, b64},
		{"an hmac under it, in hexadecimal", `crypto.hmac('sha256', key, 'text')`, "header", header, hex.EncodeToString(signature)},
		{"an hmac under it, in the query", `crypto.hmac('sha256', key, 'text', 'base64')`, "query", query, "a=1&out=" + request.Escape(b64)},
		{"an hmac under it, in JSON", `crypto.hmac('sha256', key, 'text', 'base64url')`, "json", body, `{"out":"` + base64.RawURLEncoding.EncodeToString(signature) + `"}`},
		{"an hmac under what it decodes to", `crypto.hmac('sha256', base64.decode(base64.encode(key)), 'text', 'base64')`, "header", header, b64},
		{"an hmac under an hmac, as clouds do it", `crypto.hmac('sha256', crypto.hmac('sha256', key, 'date', 'bytes'), 'text')`, "header", header, hex.EncodeToString(mac(string(mac(canary, "date")), "text"))},
		{"a hash of it among other text", `crypto.hash('sha256', 'a' + key + 'b')`, "header", header, func() string {
			sum := sha256.Sum256([]byte("a" + canary + "b"))
			return hex.EncodeToString(sum[:])
		}()},
		{"nothing secret stays what it is", `base64.encode('user') + crypto.hash('sha256', '').slice(0, 4)`, "header", header, "dXNlcg==e3b0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, runner)
			_, err := r.handle(`const key = ctx.connection.parameter('api_key'); const out = ` + row.value + `; const url = new URL(request.url);
				const r = new Request(url, {method: 'POST'});
				switch ('` + row.into + `') {
				case 'header': r.headers.set('X-Out', out); break;
				case 'query': url.searchParams.set('out', out); r.url = url; break;
				case 'json': r.setJson({out}); break;
				case 'form': r.setForm({out}); break;
				case 'text': r.setText(out, 'text/plain'); break;
				}
				console.info(out); send(r); return new Response({body: out})`)
			must(t, err)
			if got := row.of(&r.sent[0]); got != row.want {
				t.Errorf("sent\n%s\nwant\n%s", got, row.want)
			}
			if text := r.run.Logs[0].Text; row.want != "dXNlcg==e3b0" && strings.Contains(row.want, text) {
				t.Errorf("code saw %q", text)
			}
		})
	}
}

// TestWhatAnAPIRepeatsIsNotShownToCode: in no spelling, and neither what was
// worked out of the secret.
func TestWhatAnAPIRepeatsIsNotShownToCode(t *testing.T) {
	runner := newRunner(t, sandbox.Limits{})
	signature := base64.StdEncoding.EncodeToString(mac(canary, "text"))
	for _, row := range []struct{ name, text string }{
		{"as it is", canary},
		{"percent-encoded", url.QueryEscape(canary)},
		{"in base64", base64.StdEncoding.EncodeToString([]byte(canary))},
		{"as the API got it, encoded with other text", base64.StdEncoding.EncodeToString([]byte("user:" + canary))},
		{"worked out", signature},
		{"worked out, and percent-encoded", url.QueryEscape(signature)},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, runner)
			r.respond = func(*request.Request) (*upstream.Response, error) {
				return &upstream.Response{Status: 200, Header: map[string][]string{"X-Echo": {"a " + row.text}}, Body: []byte("b " + row.text + " c")}, nil
			}
			got, err := r.value(`const key = ctx.connection.parameter('api_key');
				const r = new Request(request.url, {headers: {'X-1': base64.encode('user:' + key), 'X-2': crypto.hmac('sha256', key, 'text', 'base64')}});
				const answer = send(r); console.warn(answer.text()); return [answer.headers.get('X-Echo'), answer.text()]`)
			must(t, err)
			if got != `["a [redacted]","b [redacted] c"]` {
				t.Errorf("code saw %s", got)
			}
			if line := r.run.Logs[0]; line.Level != sandbox.LevelWarn || line.Text != "b [redacted] c" {
				t.Errorf("log = %v", line)
			}
		})
	}
}

func TestLogsHoldNoSecretThatCodePutTogether(t *testing.T) {
	r := newRig(t, newRunner(t, sandbox.Limits{}))
	half := len(canary) / 2
	r.respond = func(*request.Request) (*upstream.Response, error) {
		parts, _ := json.Marshal([]string{canary[:half], canary[half:]})
		return &upstream.Response{Status: 200, Header: map[string][]string{}, Body: parts}, nil
	}
	_, err := r.handle(`console.log(send(request).json().join('')); return {status: 204}`)
	must(t, err)
	if text := r.run.Logs[0].Text; strings.Contains(text, canary) {
		t.Errorf("logged %q", text)
	}
}

func TestCodeAfterTheCallSeesNoSecret(t *testing.T) {
	r := newRig(t, newRunner(t, sandbox.Limits{}))
	r.load(`export function after(response) { response.setJson([response.text(), response.headers.get('X-Echo')]) }`)
	req := item()
	got, err := r.runner.After(t.Context(), r.run, &req, &upstream.Response{
		Status: 200, Header: map[string][]string{"X-Echo": {canary}}, Body: []byte("key " + canary),
	})
	must(t, err)
	if string(got.Body) != `["key [redacted]","[redacted]"]` {
		t.Errorf("answer = %s", got.Body)
	}
}

func TestTooManyValuesOfSecrets(t *testing.T) {
	r := newRig(t, newRunner(t, sandbox.Limits{}))
	_, err := r.value(`const key = ctx.connection.parameter('api_key'); for (let i = 0; i < 300; i++) base64.encode(i + key)`)
	if f := failing(t, err, "SCRIPT_LIMIT_EXCEEDED"); f.Meta()["limit"] != "secrets" {
		t.Errorf("metadata = %v", f.Meta())
	}
}

func TestBadEncodingsSayNothingOfTheText(t *testing.T) {
	r := newRig(t, newRunner(t, sandbox.Limits{}))
	got, err := r.value(`const key = ctx.connection.parameter('api_key');
		return [() => base64.decode(key), () => hex.decode(key), () => hex.decode('xyz'), () => base64.decodeUrl('a b')].map((f) => { try { f(); return 'decoded' } catch (e) { return e.name + ' ' + e.message } })`)
	must(t, err)
	var messages []string
	must(t, json.Unmarshal([]byte(got), &messages))
	if len(slices.Compact(messages)) != 1 || strings.Contains(got, "canary") || strings.Contains(got, "xyz") {
		t.Errorf("messages = %q", messages)
	}
	if got, err := r.value(`return [base64.decodeText('YQ'), base64.decodeText('Y\nQ=='), base64.decodeUrl('_-8=').length, hex.decode('FFfe')[1]]`); err != nil || got != `["a","a",2,254]` {
		t.Errorf("decoded %s, %v", got, err)
	}
}
