package delivery

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
)

// encoded returns an event as body and header of a request: the whole event as JSON
// (CloudEvents HTTP binding 1.0.2, section 3.2), or its data with the attributes as
// header fields (section 3.1).
func encoded(event []byte, binary bool) ([]byte, http.Header, error) {
	header := http.Header{}
	if !binary {
		header.Set("Content-Type", events.ContentType)
		return event, header, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(event, &members); err != nil {
		return nil, nil, errors.New("it is no JSON object")
	}
	body, err := dataOf(members)
	if err != nil {
		return nil, nil, err
	}
	for name, raw := range members {
		value, err := attributeText(raw)
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("its attribute %s is neither text nor a number nor true or false", name)
		case name == "data" || name == "data_base64" || value == "":
		case name == "datacontenttype":
			header.Set("Content-Type", value)
		default:
			header.Set("Ce-"+name, percentEncoded(value))
		}
	}
	if header.Get("Content-Type") == "" && members["data"] != nil {
		header.Set("Content-Type", "application/json") // what the JSON format means by its absence
	}
	return body, header, nil
}

// dataOf returns the data and takes its members away.
func dataOf(members map[string]json.RawMessage) ([]byte, error) {
	raw, coded := members["data_base64"]
	if !coded {
		body := []byte(members["data"])
		if body != nil {
			members["data"] = json.RawMessage(`""`)
		}
		return body, nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil, errors.New("its data is not readable")
	}
	body, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("its data is not readable")
	}
	return body, nil
}

// attributeText returns the text of an attribute (CloudEvents 1.0.2, section 3.1).
func attributeText(raw json.RawMessage) (string, error) {
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return "", err
	}
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case bool, float64:
		return string(raw), nil
	}
	return "", errors.New("not an attribute")
}

// percentEncoded makes text fit into a header field (HTTP binding, section 3.1.3.2):
// everything but printable ASCII, and space, double quote and percent, is encoded
// byte by byte.
func percentEncoded(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c > ' ' && c < 0x7f && c != '"' && c != '%' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}
