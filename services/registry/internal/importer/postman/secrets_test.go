package postman_test

import (
	"fmt"
	"strings"
	"testing"
)

// planted is the secret in each of the collections below.
const planted = "Zq7xK2vP9mW4"

func TestNoSecretGetsIntoADefinition(t *testing.T) {
	const url = `"url":"https://example.com/a"`
	post := func(body string) string { return collection(request("A", `"method":"POST",`+url+`,"body":`+body)) }
	auth := func(kind, values string) string {
		return collection(request("A", fmt.Sprintf(`%s,"auth":{"type":%q,%q:{%s}}`, url, kind, kind, values)))
	}
	for _, row := range []struct{ name, document string }{
		{"basic", auth("basic", `"username":"me","password":"S"`)},
		{"bearer", auth("bearer", `"token":"S"`)},
		{"digest", auth("digest", `"password":"S"`)},
		{"a key", auth("apikey", `"key":"X","value":"S"`)},
		{"a key in the query", auth("apikey", `"key":"x","value":"S","in":"query"`)},
		{"an OAuth token", auth("oauth2", `"accessToken":"S"`)},
		{"an OAuth client", auth("oauth2", `"accessTokenUrl":"https://example.com/t","clientSecret":"S"`)},
		{"an OAuth password", auth("oauth2", `"accessTokenUrl":"https://example.com/t","grant_type":"password_credentials","password":"S"`)},
		{"OAuth 1", auth("oauth1", `"consumerSecret":"S"`)},
		{"AWS", auth("awsv4", `"secretKey":"S"`)},
		{"Hawk", auth("hawk", `"authKey":"S"`)},
		{"NTLM", auth("ntlm", `"password":"S"`)},
		{"EdgeGrid", auth("edgegrid", `"clientSecret":"S"`)},
		{"JWT", auth("jwt", `"secret":"S"`)},
		{"the collection", collection(request("A", url), `,"auth":{"type":"bearer","bearer":{"token":"S"}}`)},
		{"a folder", collection(`{"name":"F","auth":{"type":"bearer","bearer":{"token":"S"}},"item":[` + request("A", url) + `]}`)},
		{"a header", collection(request("A", url+`,"header":[{"key":"Authorization","value":"Bearer S"}]`))},
		{"a header of another scheme", collection(request("A", url+`,"header":[{"key":"Authorization","value":"SSWS S"}]`))},
		{"a bare header", collection(request("A", url+`,"header":[{"key":"Authorization","value":"S"}]`))},
		{"a key header", collection(request("A", url+`,"header":[{"key":"X-Api-Key","value":"S"}]`))},
		{"a disabled key header", collection(request("A", url+`,"header":[{"key":"X-Api-Key","value":"S","disabled":true}]`))},
		{"a header with a password", collection(request("A", url+`,"header":[{"key":"X-Password","value":"S"}]`))},
		{"a cookie", collection(request("A", url+`,"header":[{"key":"Cookie","value":"sid=S"}]`))},
		{"a query", collection(request("A", `"url":"https://example.com/a?access_token=S"`))},
		{"a query with a password", collection(request("A", `"url":"https://example.com/a?password=S"`))},
		{"the user of a URL", collection(request("A", `"url":"https://me:S@example.com/a"`))},
		{"the value of a path", collection(request("A", `"url":{"host":["https://example.com"],"path":[":token"],"variable":[{"key":"token","value":"S"}]}`))},
		{"a variable", collection(request("A", `"url":"https://example.com/{{token}}/{{token}}?a={{token}}"`), `,"variable":[{"key":"token","value":"S"}]`)},
		{"a variable that is a secret by its type", collection(request("A", `"url":"https://{{host}}.example.com/{{host}}?a={{host}}"`), `,"variable":[{"key":"host","value":"S","type":"secret"}]`)},
		{"a variable in a variable", collection(request("A", `"url":"https://example.com/?a={{b}}"`), `,"variable":[{"key":"b","value":"x{{token}}"},{"key":"token","value":"S"}]`)},
		{"JSON", post(`{"mode":"raw","raw":"{\"auth\":[{\"password\":\"S\"}]}"}`)},
		{"a variable in JSON", collection(request("A", `"method":"POST",`+url+`,"body":{"mode":"raw","raw":"{\"a\":\"{{token}}\",\"b\":{{token}}}"}`), `,"variable":[{"key":"token","value":"S"}]`)},
		{"text", post(`{"mode":"raw","raw":"<login><password>S</password></login>","options":{"raw":{"language":"xml"}}}`)},
		{"a form", post(`{"mode":"urlencoded","urlencoded":[{"key":"client_secret","value":"S"}]}`)},
		{"a disabled field", post(`{"mode":"formdata","formdata":[{"key":"password","value":"S","disabled":true}]}`)},
		{"GraphQL variables", post(`{"mode":"graphql","graphql":{"query":"{a}","variables":"{\"password\":\"S\"}"}}`)},
		{"a saved response", collection(`{"request":"https://example.com","response":[{"code":200,"body":"{\"access_token\":\"S\"}"}]}`)},
		{"a saved page", collection(`{"request":"https://example.com","response":[{"code":200,"body":"token=S"}]}`)},
		{"version 1", `{"id":"1","name":"Old","requests":[{"url":"https://example.com","currentHelper":"basicAuth","helperAttributes":{"password":"S"}}]}`},
		{"version 1, as text", `{"id":"1","name":"Old","requests":[{"url":"https://example.com","currentHelper":"bearerAuth","helperAttributes":"{\"token\":\"S\"}"}]}`},
		{"version 1, headers", `{"id":"1","name":"Old","requests":[{"url":"https://example.com","headers":"Authorization: Bearer S\nX-Api-Key: S\n"}]}`},
		{"version 1, a form", `{"id":"1","name":"Old","requests":[{"url":"https://example.com","method":"POST","data":[{"key":"password","value":"S"}]}]}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			result := load(t, file("c.json", secretIn(row.document)))
			if strings.Contains(result.Definition.String(), planted) {
				t.Errorf("the secret is in %s", result.Definition)
			}
			found := false
			for _, f := range result.Findings {
				found = found || f.Code == "SecretInSource"
				if strings.Contains(f.Message+f.Remedy, planted) {
					t.Errorf("the secret is in the finding %+v", f)
				}
			}
			if !found {
				t.Errorf("nothing is said about the secret: %v", codes(result))
			}
		})
	}
}

// secretIn puts the secret in the place of the S that stands alone.
func secretIn(document string) string {
	return strings.NewReplacer(`"S"`, `"`+planted+`"`, `\"S\"`, `\"`+planted+`\"`, ` S"`, ` `+planted+`"`, ` S\n`, ` `+planted+`\n`,
		`=S"`, `=`+planted+`"`, `:S@`, `:`+planted+`@`, `>S<`, `>`+planted+`<`).Replace(document)
}

func TestWhatOnlySoundsLikeASecretIsKept(t *testing.T) {
	for _, name := range []string{"page_token", "nextPageToken", "continuationToken", "max_tokens", "tokenType", "author", "keyword", "monkey", "assignee"} {
		op, result := one(t, `"url":"https://example.com/a?`+name+`=x"`)
		if p := op.GetParameters(); len(p) != 1 || len(p[0].GetExamples()) != 1 || len(codes(result)) != 0 {
			t.Errorf("%s: parameters %v, findings %v", name, p, codes(result))
		}
	}
}
