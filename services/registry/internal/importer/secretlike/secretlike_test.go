package secretlike_test

import (
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/secretlike"
)

// jwt is in pieces, as are the other examples, so that nothing that looks for
// secrets in this repository takes them for some.
const jwt = "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0" + ".dozjgNryP4J3jVmNHl0w5N"

func TestNamesThatAreCredentials(t *testing.T) {
	for name := range strings.FieldsSeq(`password Password user_password passwd pwd passphrase pass-phrase secret client_secret clientSecret
		CLIENT_SECRET token Token access_token accessToken refreshToken id_token X-Auth-Token bottoken authtoken apikey api_key api-key apiKey
		X-Api-Key access_key accessKeyId auth_key subscription-key Ocp-Apim-Subscription-Key auth Auth X-Auth Api-Auth basicAuth Authorization
		Proxy-Authorization credential credentials session session_id sessionId SID connect.sid jwt JWT x-jwt assertion client_assertion
		signature X-Hub-Signature sig pin PIN user_pin otp private_key privateKey bearer X-Functions-Key functionsKey sas cvv cvc oauth_nonce
		sessionToken X-Amz-Security-Token csrfsecret`) {
		if !secretlike.Name(name) {
			t.Errorf("%s is no credential", name)
		}
	}
}

func TestNamesThatOnlySoundLikeCredentials(t *testing.T) {
	for name := range strings.FieldsSeq(`next_token nextToken page_token nextPageToken continuation continuationToken sync_token max_tokens
		tokens total_tokens token_type tokenType token_url expires expires_in keyName keyboard keyword public_key publicKey key keys keyId monkey
		author authors authority authenticated authorName pinned pinterest spin shipping opinion optional side inside assigned design signal
		sessions session_count compass passenger passed code country_code id name title description signatureType password_policy secretary_name_type
		user otpRequired idempotency-key sort_key partitionKey token_expires postman_token X-CSRF-Token`) {
		if secretlike.Name(name) {
			t.Errorf("%s is a credential", name)
		}
	}
	if secretlike.Name("") || secretlike.Name("--__") || secretlike.Name(strings.Repeat("a", 1<<20)+"password") {
		t.Error("what is no name, or is far behind in one, is a credential")
	}
}

func TestNamesOfHeadersAndQueries(t *testing.T) {
	long := "q9Zt" + strings.Repeat("aB3x", 9) + "=="
	for _, row := range []struct {
		what      string
		got, want bool
	}{
		{"a header that is called a key", secretlike.Header("X-Shop-Key"), true},
		{"a header that is called a token", secretlike.Header("X-Shop-Token"), true},
		{"a key of what was sent before", secretlike.Header("X-Idempotency-Key"), false},
		{"a header that is none", secretlike.Header("X-Tenant"), false},
		{"a key without an X", secretlike.Header("Idempotency-Key"), false},
		{"the code of a function", secretlike.Query("code", long), true},
		{"the code of a country", secretlike.Query("code", "CH"), false},
		{"a code in words", secretlike.Query("code", "some-thing-that-is-long-enough"), false},
		{"a key that is a name", secretlike.Query("key", "PROJ-17"), false},
		{"a key of a map service", secretlike.Query("key", "AIza"+"SyD4x9qW8mN2vB7kL1"), true},
		{"a signature", secretlike.Query("sig", "a"), true},
		{"a hash as a member", secretlike.Member("sha1", strings.Repeat("0a1b2c3d4e", 4)), false},
		{"an id of a commit", secretlike.Member("commit_id", strings.Repeat("0a1b2c3d4e", 4)), false},
		{"a long hexadecimal number elsewhere", secretlike.Member("value", strings.Repeat("0a1b2c3d4e", 4)), true},
		{"a UUID elsewhere", secretlike.Member("value", "123e4567-e89b-12d3-a456-426614174000"), false},
	} {
		if row.got != row.want {
			t.Errorf("%s: %v", row.what, row.got)
		}
	}
}

// values are examples by what they are.
var values = []struct {
	name, value string
	secret      bool
}{
	{"a JSON web token", jwt, true},
	{"a JSON web token in a sentence", "send " + jwt + " along", true},
	{"a key of AWS", "AKIA" + "IOSFODNN7EXAMPLE", true},
	{"a secret of AWS, with slashes", "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCY3mQ9wK7zL2", true},
	{"a key of Google", "AIza" + "SyD4x9qW8mN2vB7kL1", true},
	{"a token of Google", "ya29." + "a0AfH6SMBx7q", true},
	{"a token of GitHub", "ghp_" + strings.Repeat("a1", 18), true},
	{"a fine-grained token of GitHub", "github_pat_" + strings.Repeat("a1B", 10), true},
	{"a token of Slack", "xoxb-" + "123456789-abc", true},
	{"a hook of Slack", "https://hooks.slack.com/services/T000/B000/" + "XXXXXXXX", true},
	{"a live key of Stripe", "sk_live_" + "Z9y8X7w6", true},
	{"a restricted key of Stripe", "rk_live_" + "Z9y8X7w6", true},
	{"a token of Telegram", "bot123456:" + "AAE4x9qW8mN2vB7kL1zQ", true},
	{"basic credentials", "Basic " + "dXNlcjpwYXNz", true},
	{"bearer credentials", "bearer " + "abc123def456", true},
	{"a private key", "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", true},
	{"a URL with a password", "postgres://me:hunter2@db.example.com/x", true},
	{"a long random word", "q7ZtX2vP9mW4kL8nB3cR5dF6", true},
	{"a random word of small letters and digits", "a8z5x1q7w2k9m4n6b3v8c5l1j7h2g4t9", true},
	{"nothing", "", false},
	{"a UUID", "123e4567-e89b-12d3-a456-426614174000", false},
	{"a UUID in capitals", "123E4567-E89B-12D3-A456-426614174000", false},
	{"an id of a document store", "507f1f77bcf86cd799439011", false},
	{"a hash", "d41d8cd98f00b204e9800998ecf8427e", false},
	{"a date", "2024-01-31T10:00:00.000+02:00", false},
	{"a colour", "#ff8800", false},
	{"a number", "12345678901234567890123456789012345", false},
	{"a sentence", "the quick brown fox jumps over the lazy dog 12345", false},
	{"a sentence about basic authentication", "Basic authentication, or Bearer authorization", false},
	{"a name in camel case", "customerBillingAddressLine2TextOfInvoice2024", false},
	{"a slug", "how-to-make-24-pancakes-in-2024-without-any-eggs-at-all", false},
	{"a slug with capitals", "Release-Notes-2024-01-31-Version-12-0-3-Final", false},
	{"a URL", "https://api.example.com/v2/customers/7/invoices?page=2&sort=Name", false},
	{"a URL with a port", "http://localhost:8080/a@b", false},
	{"a mail address", "ada.lovelace.of.london.1815@example.com", false},
	{"a picture", "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4", false},
	{"a file", strings.Repeat("aB3xK9mQ", 1000), false},
	{"a media type", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", false},
	{"a path", "/Customers/Accounts/Invoices2024/Lines/Positions", false},
	{"a row of one letter", strings.Repeat("X", 64), false},
	{"a time of the day", "12:30:00", false},
	{"the beginning of a live key", "keys start with sk_live_", false},
	{"a risk", "risk-assessment-of-all-suppliers", false},
}

func TestValues(t *testing.T) {
	for _, row := range values {
		t.Run(row.name, func(t *testing.T) {
			if got := secretlike.Value(row.value); got != row.secret {
				t.Errorf("%q is a credential: %v", row.value, got)
			}
			if changed := secretlike.Text("see "+row.value+" there") != "see "+row.value+" there"; changed && !row.secret {
				t.Errorf("%q becomes %q", row.value, secretlike.Text(row.value))
			}
		})
	}
}

func TestCredentialsInProse(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"none", "Lists all users. Needs a token: see below.", "Lists all users. Needs a token: see below."},
		{"a header", "Send `Authorization: Bearer " + jwt + "`.", "Send `Authorization: Bearer …`."},
		{"a word behind a name", "use password=hunter2 or pin: 123456", "use password=… or pin: …"},
		{"a type behind a name", "password: string, token: required", "password: string, token: required"},
		{"a query", "GET /a?api_key=abc123&b=2", "GET /a?api_key=…&b=2"},
		{"two of them", "ghp_" + strings.Repeat("a1", 18) + " and ya29." + "a0AfH6SMBx7q", "… and …"},
		{"a hook", "POST https://hooks.slack.com/services/T0/B0/XX", "POST https://hooks.slack.com…"},
		{"a bot", "https://api.telegram.org/bot123456:" + "AAE4x9qW8mN2vB7kL1zQ/send", "https://api.telegram.org/bot…/send"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := secretlike.Text(row.text)
			if got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
			if again := secretlike.Text(got); again != got {
				t.Errorf("cleaned twice it is %q", again)
			}
		})
	}
}

func TestTextThatGivesAValueToACredential(t *testing.T) {
	for _, row := range []struct {
		text              string
		assigned, literal bool
	}{
		{"password=pw", true, false},
		{"<login><password>pw</password></login>", true, false},
		{`{"pin": "1"`, true, true},
		{`mutation { login(password: "pw") }`, true, true},
		{`mutation { login(pin: 1234) }`, true, true},
		{`mutation($password: String!) { login(password: $password) }`, true, false},
		{`{ user(id: "7") { name } }`, false, false},
		{"page_token=7", false, false},
		{":=>", false, false},
	} {
		if a, l := secretlike.Assigned(row.text), secretlike.Literal(row.text); a != row.assigned || l != row.literal {
			t.Errorf("%q: %v, %v", row.text, a, l)
		}
	}
}

func TestTextWithACredentialInside(t *testing.T) {
	for text, want := range map[string]bool{
		jwt: true, "use password=hunter2": true, `login(pin: 12)`: true, "password: string": false, "2024-01-31T10:00:00Z": false, "": false,
		"Your session: see above": false, "The token is sent by mail.": false,
	} {
		if got := secretlike.Inside(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestSegmentsOfPaths(t *testing.T) {
	for _, row := range []struct {
		path string
		from int
		want bool
	}{
		{"users/7", 0, false},
		{"users/123e4567-e89b-12d3-a456-426614174000", 0, false},
		{"auth/login", 0, false},
		{"auth/changePassword", 0, false},
		{"DriverControl/AttachToTier1IAConnectSession", 0, false},
		{"token/refresh", 0, false},
		{"token/{token1}", 0, false},
		{"token/:token1", 0, false},
		{"token/abc123", 0, true},
		{"bot123456:AAE4x9qW8mN2vB7kL1zQ", 3, true},
		{"services/T000/B000/XXXX", 0, true},
		{"services/T000/B000/{hook}", 0, false},
		{"services/Team/Billing/all", 0, false},
		{"hooks/q7ZtX2vP9mW4kL8nB3cR5dF6", 0, true},
		{"hooks/" + strings.Repeat("0a1b2c3d4e", 4), 0, true},
	} {
		segments := strings.Split(row.path, "/")
		from, ok := secretlike.Segment(segments[:len(segments)-1], segments[len(segments)-1])
		if from != row.from || ok != row.want {
			t.Errorf("%s: %d, %v", row.path, from, ok)
		}
	}
}

// Whatever is read, cleaning ends, and what is cleaned has no known credential
// left.
func FuzzText(f *testing.F) {
	for _, row := range values {
		f.Add(row.value)
		f.Add("token: " + row.value + "=" + row.value)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Contains(secretlike.Text(s+" "+jwt+" "), jwt) {
			t.Errorf("the token is left in %q", secretlike.Text(s+" "+jwt))
		}
		secretlike.Name(s)
		secretlike.Assigned(s)
		secretlike.Literal(s)
		secretlike.Segment(strings.Split(s, "/"), s)
	})
}
