package api

import (
	"bytes"
	_ "embed" // swagger.json
	"encoding/json"
	"fmt"
	"net/http"
)

//go:embed swagger.json
var swagger []byte

// The two places of swagger.json that depend on how the caller got here.
const (
	hostPlace   = `"host": "inventory.example.com"`
	schemePlace = `"schemes": ["https"]`
)

// document is swagger.json, ready to be filled in. The text is kept, not the
// tree, so that readers see the order in which it was written.
type document struct{ text []byte }

// loadDocument checks what replacing text relies on.
func loadDocument() (document, error) {
	for _, place := range []string{hostPlace, schemePlace} {
		if n := bytes.Count(swagger, []byte(place)); n != 1 {
			return document{}, fmt.Errorf("swagger.json holds %s %d times, want once", place, n)
		}
	}
	return document{swagger}, nil
}

// at returns the document for a server that is known by this host and scheme.
func (d document) at(host, scheme string) ([]byte, error) {
	quoted, err := json.Marshal(host)
	if err != nil {
		return nil, fmt.Errorf("quote host: %w", err)
	}
	text := bytes.Replace(d.text, []byte(hostPlace), append([]byte(`"host": `), quoted...), 1)
	return bytes.Replace(text, []byte(schemePlace), []byte(`"schemes": ["`+scheme+`"]`), 1), nil
}

func (s *server) getDocument(w http.ResponseWriter, r *http.Request) error {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	text, err := s.document.at(r.Host, scheme)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // a caller that went away cannot be told
	return nil
}
