package policy

import "github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"

// encodePropertyValue percent-encodes a string for use in any part of a URL.
func encodePropertyValue(s settings) (Step, error) {
	from, err := s.source()
	if err != nil {
		return nil, err
	}
	from.elements = true
	return from.convert(stringsOf(func(text string) []byte { return quote(request.Escape(text)) })), nil
}
