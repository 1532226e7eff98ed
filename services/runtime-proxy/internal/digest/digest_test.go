package digest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/icholy/digest"
)

func header(lines ...string) http.Header { return http.Header{"Www-Authenticate": lines} }

// TestExamplesOfTheRFCs: what RFC 7616, section 3.9, and RFC 2617, section 3.5,
// print. The printed numbers of SHA-512-256 are those of another function; the
// ones here were worked out from the same input with Python's hashlib.
func TestExamplesOfTheRFCs(t *testing.T) {
	const (
		common = `Digest realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", algorithm=`
		cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
	)
	tests := []struct {
		name, challenge, target, user, password, cnonce string
		wantUser, wantResponse                          string
	}{
		{"MD5", common + "MD5", "/dir/index.html", "Mufasa", "Circle of Life", cnonce, "Mufasa", "8ca523f5e9506fed4657c9700eebdbec"},
		{"SHA-256", common + "SHA-256", "/dir/index.html", "Mufasa", "Circle of Life", cnonce, "Mufasa", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
		{
			"SHA-512-256 with a hashed user name",
			`Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true`,
			"/doe.json", "Jäsøn Doe", "Secret, or not?", "NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm",
			"793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b", "7a4e1192babbba02e91182d2895bfdbf7adafc6e48d4e517ca301974843d840c",
		},
		{
			"the older RFC",
			`Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`,
			"/dir/index.html", "Mufasa", "Circle Of Life", "0a4f113b", "Mufasa", "6629fae49393a05397450978507c4ef1",
		},
		{
			"the oldest, without a quality",
			`Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`,
			"/dir/index.html", "Mufasa", "CircleOfLife", "", "Mufasa", "1949323746fe6a43ef61f9606e7febea",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, ok := first([]string{tt.challenge})
			if !ok {
				t.Fatal("the challenge was not understood")
			}
			line, err := c.answer(Message{Method: "GET", Target: tt.target}, tt.user, tt.password, 1, tt.cnonce)
			if err != nil {
				t.Fatal(err)
			}
			got, err := digest.ParseCredentials(line)
			if err != nil || got.Response != tt.wantResponse || got.Username != tt.wantUser {
				t.Errorf("answer = %s, %v\nwant %s for %s", line, err, tt.wantResponse, tt.wantUser)
			}
		})
	}
}

func TestWhichChallengeIsAnswered(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		want  string // nonce, "" if none
	}{
		{"the only one", []string{`Digest realm="r", nonce="a"`}, "a"},
		{"the first of several lines", []string{`Basic realm="r"`, `Digest realm="r", nonce="a", algorithm=SHA-256`, `Digest realm="r", nonce="b"`}, "a"},
		{"several in one line", []string{`Basic realm="x, Digest nonce=evil", Digest realm="r, s", nonce="a", qop="auth", Bearer realm="q"`}, "a"},
		{"one of an algorithm that nobody has", []string{`Digest realm="r", nonce="a", algorithm=BLAKE3`, `Digest realm="r", nonce="b", algorithm=md5-sess, qop=auth`}, "b"},
		{"one of an unknown quality", []string{`Digest realm="r", nonce="a", qop="proof", Digest realm="r", nonce="b"`}, "b"},
		{"one without a nonce", []string{`Digest realm="r"`}, ""},
		{"none", []string{`Basic realm="r"`, "Negotiate", ""}, ""},
		{"nonsense", []string{`Digest realm="r`, `Digest ,,,=`, "Digest"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, ok := first(tt.lines)
			if c.Nonce != tt.want || ok != (tt.want != "") {
				t.Errorf("got %q, want %q", c.Nonce, tt.want)
			}
		})
	}
}

func TestListsAreCutAtChallenges(t *testing.T) {
	got := split(`Negotiate abc==, Digest a="1, \"Digest x=2",b=2 ,  Basic realm="r",digest c = 3`)
	want := []string{`Digest a="1, \"Digest x=2",b=2 `, `digest c = 3`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("challenges (-want +got):\n%s", diff)
	}
}

func TestWhatAMemoryLearns(t *testing.T) {
	m := &Memory{}
	msg := Message{Host: "a:443", Method: "GET", Target: "/"}
	answer := func() string {
		t.Helper()
		line, err := m.Answer(msg, "u", "obviously-fake")
		if err != nil {
			t.Fatal(err)
		}
		return line
	}
	if got := answer(); got != "" {
		t.Fatalf("an answer before the first challenge: %s", got)
	}
	if m.Learn("a:443", "", header("Basic realm=x")) {
		t.Error("a challenge of another kind is worth another request")
	}
	one := header(`Digest realm="r", nonce="one", qop="auth"`)
	if !m.Learn("a:443", "", one) {
		t.Error("the first challenge is not worth another request")
	}
	first, second := answer(), answer()
	if !strings.Contains(first, "nc=00000001") || !strings.Contains(second, "nc=00000002") {
		t.Errorf("counts: %s / %s", first, second)
	}
	if !m.Learn("a:443", "", one) { // a call that was sent before the first answer
		t.Error("a late call is not sent again")
	}
	if third := answer(); !strings.Contains(third, "nc=00000003") {
		t.Errorf("the count began anew: %s", third)
	}
	if !m.Learn("a:443", second, header(`Digest realm="r", nonce="two", qop="auth", stale=true`)) {
		t.Error("a stale nonce is not worth another request")
	}
	if line := answer(); !strings.Contains(line, `nonce="two"`) || !strings.Contains(line, "nc=00000001") {
		t.Errorf("answer = %s", line)
	}
	if !m.Learn("a:443", answer(), header(`Digest realm="r", nonce="two", qop="auth", stale=true`)) {
		t.Error("a stale count is not worth another request")
	}
	if m.Learn("a:443", answer(), header(`Digest realm="r", nonce="two", qop="auth"`)) {
		t.Error("a wrong password is tried again")
	}
	if line := answer(); line != "" {
		t.Errorf("a refused challenge is remembered: %s", line)
	}
	msg.Host = "b:443"
	if line := answer(); line != "" {
		t.Errorf("the challenge of one host is answered for another: %s", line)
	}
}

func TestTheBodyIsPartOfTheAnswerWhereTheAPIWantsIt(t *testing.T) {
	m := &Memory{}
	m.Learn("h", "", header(`Digest realm="r", nonce="n", qop="auth-int"`))
	responses := map[string]bool{}
	for _, body := range []string{"", "a", "b"} {
		line, err := m.Answer(Message{Host: "h", Method: "POST", Target: "/", Body: []byte(body)}, "u", "p")
		if err != nil || !strings.Contains(line, "qop=auth-int") {
			t.Fatalf("%s, %v", line, err)
		}
		responses[line] = true
	}
	if _, err := m.Answer(Message{Host: "h", Streamed: true}, "u", "p"); !errors.Is(err, ErrBody) {
		t.Errorf("error = %v", err)
	}
	m.Learn("h2", "", header(`Digest realm="r", nonce="n", qop="auth-int,auth"`))
	if line, err := m.Answer(Message{Host: "h2", Streamed: true}, "u", "p"); err != nil || !strings.Contains(line, "qop=auth,") {
		t.Errorf("%s, %v", line, err)
	}
}

func TestAMemoryIsBoundedAndShared(t *testing.T) {
	m := &Memory{}
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			host := fmt.Sprint("h", i%40)
			m.Learn(host, "", header(`Digest realm="r", nonce="n", qop="auth"`))
			_, _ = m.Answer(Message{Host: host}, "u", "p")
		})
	}
	all.Wait()
	if len(m.hosts) > maxHosts {
		t.Errorf("%d hosts are remembered", len(m.hosts))
	}
	m = &Memory{}
	m.Learn("h", "", header(`Digest realm="r", nonce="n", qop="auth"`))
	var mu sync.Mutex
	seen := map[int]bool{}
	for range 50 {
		all.Go(func() {
			line, _ := m.Answer(Message{Host: "h"}, "u", "p")
			c, _ := digest.ParseCredentials(line)
			mu.Lock()
			defer mu.Unlock()
			if seen[c.Nc] {
				t.Errorf("count %d was used twice", c.Nc)
			}
			seen[c.Nc] = true
		})
	}
	all.Wait()
}

func FuzzChallenges(f *testing.F) {
	f.Add(`Basic realm="x", Digest realm="r", nonce="a", qop="auth"`)
	f.Fuzz(func(_ *testing.T, line string) {
		m := &Memory{}
		m.Learn("h", "", header(line))
		_, _ = m.Answer(Message{Host: "h"}, "u", "p")
	})
}
