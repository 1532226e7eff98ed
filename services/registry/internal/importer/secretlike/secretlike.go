// Package secretlike tells what looks like a credential, by what it is called
// and by how it is written, so that nobody who reads an example of a request
// copies one. It knows nothing about where a value stands, but for the few
// names that say more in a query or a header than in a document.
//
//	secretlike.Name("client_secret")              // true
//	secretlike.Name("next_page_token")            // false
//	secretlike.Value("ghp_" + strings.Repeat("a1", 18)) // true
//	secretlike.Text("send Bearer eyJhbGciOi…")    // "send …"
//
// All of it is a guess. Where it is in doubt a short value counts as harmless and
// a long random one as a credential: an example that is missing does less harm
// than a password that is there. Everything takes time linear in the length of
// what it is given, and is safe for concurrent use.
package secretlike

import "strings"

// maxNameBytes is how much of a name is looked at.
const maxNameBytes = 256

// always are parts of names that only credentials have, written in lower case
// and without what separates words.
var always = []string{
	"password", "passwd", "passphrase", "passcode", "pwd", "secret", "credential", "authorization", "apikey", "accesskey", "privatekey",
	"subscriptionkey", "functionskey", "authkey", "licensekey", "signingkey", "encryptionkey", "masterkey", "accountkey", "sharedkey",
	"sharedaccess", "sessionid", "sessionkey", "bearer", "clientassertion", "oauth", "connectionstring", "xauth",
}

// last are words that make a credential of the name that they end.
var last = map[string]bool{
	"auth": true, "session": true, "sid": true, "sessid": true, "jwt": true, "assertion": true, "signature": true, "sig": true,
	"pin": true, "otp": true, "totp": true, "sas": true, "cvv": true, "cvc": true,
}

// whole are names that are credentials as they are, in lower case and without
// what separates words.
var whole = map[string]bool{
	"appkey": true, "xappkey": true, "xrapidapikey": true, "xsignature": true, "jsessionid": true, "phpsessid": true,
}

// aboutTokens are parts of names with "token" that are no credentials: what goes
// on reading, counts, or describes.
var aboutTokens = []string{
	"page", "next", "continuation", "sync", "cursor", "max", "tokentype", "tokenurl", "tokenuri", "tokenendpoint", "tokenname", "tokencount",
	"tokenlimit", "tokenexp", "tokens", "tokeniz", "postmantoken", "csrf", "xsrf", "skiptoken", "deltatoken", "resumetoken",
}

// describing are the last words of names that only say something about a
// credential.
var describing = map[string]bool{
	"type": true, "url": true, "uri": true, "endpoint": true, "expires": true, "expiry": true, "expiration": true, "length": true,
	"policy": true, "required": true, "enabled": true, "method": true, "methods": true, "algorithm": true, "alg": true, "version": true,
	"count": true, "limit": true, "at": true, "hint": true, "scheme": true, "mode": true,
}

// Name reports whether something of this name is a credential, however the words
// of the name are separated. Only the first 256 bytes count.
func Name(name string) bool {
	name = name[:min(len(name), maxNameBytes)]
	joined, final := words(name)
	if joined == "" || describing[final] || strings.Contains(joined, "publickey") || strings.HasSuffix(joined, "keyname") {
		return false
	}
	for _, part := range always {
		if strings.Contains(joined, part) {
			return true
		}
	}
	if whole[joined] || last[final] {
		return true
	}
	return isToken(joined)
}

func isToken(joined string) bool {
	if !strings.Contains(joined, "token") {
		return false
	}
	for _, part := range aboutTokens {
		if strings.Contains(joined, part) {
			return false
		}
	}
	return true
}

// notSecretKeys are the words in front of "key" that make something else of it.
var notSecretKeys = []string{"idempotency", "partition", "sort", "cache", "object", "public", "foreign", "primary", "row", "routing", "surrogate"}

// Header reports whether a header of this name is a credential: more names are
// than in documents, as nobody calls a setting "X-Shop-Key".
func Header(name string) bool {
	if Name(name) {
		return true
	}
	joined, final := words(name[:min(len(name), maxNameBytes)])
	if final != "key" || !strings.HasPrefix(joined, "x") {
		return false
	}
	for _, part := range notSecretKeys {
		if strings.Contains(joined, part) {
			return false
		}
	}
	return true
}

// minCode is the length from which a "code" is one of those that some hosts of
// functions take for a key.
const minCode = 20

// Query reports whether a parameter of a query is a credential, by its name or
// by its value: "key" and "code" are some only with the values of such.
func Query(name, value string) bool {
	if Member(name, value) {
		return true
	}
	joined, _ := words(name[:min(len(name), maxNameBytes)])
	return (joined == "code" || joined == "key") && len(value) >= minCode && isOpaque(value)
}

// hashBytes is the length from which a hexadecimal number may be a key; shorter
// ones are identifiers.
const hashBytes = 40

// Member reports whether a member of a document, a field or a parameter is a
// credential, by its name or by its value. A long hexadecimal number is one
// unless the name says that it identifies something, or is a hash.
func Member(name, value string) bool {
	if Name(name) || Value(value) {
		return true
	}
	return len(value) >= hashBytes && len(value) <= maxWordBytes && isHex(value) && !identifies(name)
}

// identifies reports whether a name is that of an identifier or a hash.
func identifies(name string) bool {
	joined, final := words(name[:min(len(name), maxNameBytes)])
	switch final {
	case "id", "ids", "uuid", "guid", "hash", "sha", "sha1", "sha256", "sha512", "md5", "etag", "checksum", "digest", "commit", "revision",
		"oid", "ref", "head", "tree", "parent", "fingerprint", "thumbprint", "version", "":
		return true
	}
	return strings.HasSuffix(joined, "id") || strings.HasSuffix(joined, "hash") || strings.Contains(joined, "sha")
}

// words returns a name in lower case without what separates its words, and the
// last of these. A capital letter after a small one starts a word.
func words(name string) (joined, final string) {
	b := make([]byte, 0, len(name))
	start, broken, small := 0, false, false
	for i := range len(name) {
		c := name[i]
		isUpper := c >= 'A' && c <= 'Z'
		if !isUpper && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c < 0x80 {
			broken, small = true, false
			continue
		}
		if broken || isUpper && small {
			start, broken = len(b), false
		}
		small = !isUpper
		if isUpper {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return string(b), string(b[start:])
}
