package cache

import (
	"mime"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// noForm is that of an answer that does not say what it is.
const noForm = "*"

// formOf returns the media type of an answer.
func formOf(contentType string) string {
	form, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return noForm
	}
	return form
}

// suits reports whether an answer has the form that a request wants most. Only
// answers that a connector has kept and whose API says nothing of forms are judged so;
// else they are for those who ask in the same words.
func (f *Found) suits(req *request.Request) bool {
	if f.form == "" || len(req.Header["Accept"]) == 0 {
		return true
	}
	best, mine := 0.0, 0.0
	for _, line := range req.Header["Accept"] {
		for one := range strings.SplitSeq(line, ",") {
			accepted, weight := rangeOf(one)
			best = max(best, weight)
			if covers(accepted, f.form) {
				mine = max(mine, weight)
			}
		}
	}
	return mine > 0 && mine == best
}

// rangeOf reads a media range with its weight (RFC 9110, section 12.5.1); what cannot
// be read wants nothing.
func rangeOf(text string) (accepted string, weight float64) {
	accepted, parameters, err := mime.ParseMediaType(textproto.TrimString(text))
	if err != nil {
		return "", 0
	}
	q, given := parameters["q"]
	if !given {
		return accepted, 1
	}
	weight, err = strconv.ParseFloat(q, 64)
	if err != nil || weight < 0 || weight > 1 {
		return accepted, 0
	}
	return accepted, weight
}

func covers(accepted, form string) bool {
	if accepted == "*/*" || accepted == form {
		return true
	}
	prefix, all := strings.CutSuffix(accepted, "/*")
	return all && strings.HasPrefix(form, prefix+"/")
}
