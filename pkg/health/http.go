package health

import (
	"encoding/json"
	"net/http"
)

// Live answers 200 for as long as the process can answer at all. It looks at no
// target on purpose: restarting a process does not mend what it depends on.
func (r *Registry) Live() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, []byte(`{"live":true}`))
	})
}

// Ready answers 200 when the process is ready and 503 when it is not, with the
// [Report] as JSON.
func (r *Registry) Ready() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		report := r.Report()
		status := http.StatusOK
		if !report.Ready {
			status = http.StatusServiceUnavailable
		}
		body, err := json.Marshal(report)
		if err != nil { // a struct of booleans and strings: a defect of the package, not of the request
			http.Error(w, "report cannot be encoded", http.StatusInternalServerError)
			return
		}
		write(w, status, body)
	})
}

// write sends a small answer that nobody may keep.
func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the prober is gone: nothing to do about it
}
