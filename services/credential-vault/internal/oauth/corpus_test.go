package oauth_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// corpus returns the directory of connector packages, which lies around the
// repository on machines that have it.
func corpus(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		found := filepath.Join(dir, "shared", "corpus", "powerplatform")
		if info, err := os.Stat(found); err == nil && info.IsDir() {
			return found
		}
	}
	t.Skip("the corpus of connector packages is not there: no directory shared/corpus/powerplatform around this one")
	return ""
}

// templatesOf returns the templates of every OAuth parameter of a package, by name
// in lower case.
func templatesOf(raw []byte) []map[string]string {
	type setting struct {
		Settings struct {
			Provider   string                         `json:"identityProvider"`
			Parameters map[string]struct{ Value any } `json:"customParameters"`
		} `json:"oAuthSettings"`
	}
	var file struct {
		Properties struct {
			Parameters map[string]setting `json:"connectionParameters"`
			Sets       struct {
				Values []struct{ Parameters map[string]setting }
			} `json:"connectionParameterSets"`
		} `json:"properties"`
	}
	if json.Unmarshal([]byte(strings.TrimPrefix(string(raw), "\ufeff")), &file) != nil {
		return nil
	}
	var all []map[string]string
	parameters := slices.Collect(maps.Values(file.Properties.Parameters))
	for _, set := range file.Properties.Sets.Values {
		parameters = slices.AppendSeq(parameters, maps.Values(set.Parameters))
	}
	for _, one := range parameters {
		if !strings.EqualFold(one.Settings.Provider, "oauth2generic") {
			continue
		}
		found := map[string]string{}
		for name, parameter := range one.Settings.Parameters {
			if text, ok := parameter.Value.(string); ok {
				found[strings.ToLower(name)] = text
			}
		}
		all = append(all, found)
	}
	return all
}

// Every template that connectors really have makes requests that work: with a state
// that comes back, PKCE, the code, and no placeholder left over.
func TestTemplatesOfRealConnectors(t *testing.T) {
	root := corpus(t)
	count := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "apiProperties.json" {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, found := range templatesOf(raw) {
			count++
			t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) { tryTemplates(t, found) })
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if count == 0 {
		t.Error("there is no connector with templates")
	}
}

func tryTemplates(t *testing.T, found map[string]string) {
	server := newProvider(t, says(200, token))
	p := server.profile()
	p.ScopeDelimiter = found["scopelistdelimiter"]
	p.Templates = &oauth.Templates{
		AuthorizeQuery: found["authorizationurlquerystringtemplate"], TokenQuery: found["tokenurlquerystringtemplate"], TokenBody: found["tokenbodytemplate"],
		RefreshQuery: found["refreshurlquerystringtemplate"], RefreshBody: found["refreshbodytemplate"],
		Values: map[string]string{"scope": "a b"}, Secrets: map[string]secret.Text{"apikey": text("key")},
	}
	client := newClient(t)
	page, err := client.AuthorizationURL(p, attempt())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	if q := u.Query(); q.Get("state") != "state-1" || q.Get("code_challenge") != challenge || strings.Contains(page, "{") || strings.Contains(page, "hush") {
		t.Errorf("the page is %s", page)
	}
	if _, err := client.Exchange(t.Context(), p, text("code-1"), attempt()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Refresh(t.Context(), p, text("refresh-0")); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"code", "refresh_token"} {
		request := server.requests()[i]
		body := request.form(t)
		if strings.ContainsAny(request.Body+request.Query, "{}") || body.Get("grant_type") == "" {
			t.Errorf("the request is %s?%s", request.Body, request.Query)
		}
		if !body.Has(name) && body.Get("grant_type") != "client_credentials" {
			t.Errorf("the request has no %s: %s", name, request.Body)
		}
	}
}
