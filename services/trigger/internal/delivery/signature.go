package delivery

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

// sign adds the headers of Standard Webhooks: id, time and signatures over both and
// the body. While a secret takes the place of another, there are two signatures.
func (h *HTTP) sign(header http.Header, job Job, body []byte) {
	sink, now := job.Sink.HTTP, h.clock.Now()
	numbers := []int{sink.Secrets}
	if sink.Secrets > 0 && now.Before(sink.OverlapUntil) {
		numbers = append(numbers, sink.Secrets-1)
	}
	stamp := strconv.FormatInt(now.Unix(), 10)
	var signatures []string
	for _, n := range numbers {
		signatures = append(signatures, "v1,"+signature(h.secrets.SinkSecret(job.Subscription.UID, job.Sink.ID, n), job.EventID, stamp, body))
	}
	header.Set("Webhook-Id", job.EventID)
	header.Set("Webhook-Timestamp", stamp)
	header.Set("Webhook-Signature", strings.Join(signatures, " "))
}

// signature returns HMAC-SHA256 over id, time and body in base64.
func signature(secret, id, stamp string, body []byte) string {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return "" // cannot be: we made it. Nobody accepts an empty one
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + stamp + "."))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
