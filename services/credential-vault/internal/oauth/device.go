package oauth

import (
	"context"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/secret"
)

const (
	// defaultInterval is the time between polls (RFC 8628, section 3.2).
	defaultInterval = 5 * time.Second
	// maxInterval bounds what providers may ask for.
	maxInterval = 5 * time.Minute
	// defaultDevice is how long a device code holds that has no end, though the
	// standard wants one.
	defaultDevice = 15 * time.Minute
	// maxUserCode bounds what a person has to type in, in bytes.
	maxUserCode = 64
)

// StartDevice begins a device flow (RFC 8628, section 3.1).
func (c *Client) StartDevice(ctx context.Context, p *Profile, a Attempt) (Device, error) {
	r, failed := newRequest(p, "device authorization endpoint", p.Endpoints.Device)
	if failed != nil {
		return Device{}, failed
	}
	defer r.close()
	r.scopes(a.ExtraScopes)
	if failed := c.authenticate(r); failed != nil {
		return Device{}, failed
	}
	r.form.replace(p.Token)
	answer, failed := c.post(ctx, r)
	if failed != nil {
		return Device{}, failed
	}
	defer answer.clear()
	tree := parse(answer.body)
	defer tree.clear()
	device, ok := c.device(tree)
	if !ok || !succeeded(answer.status) {
		device.Code.Clear()
		return Device{}, c.failure(r, answer, tree)
	}
	return device, nil
}

// device reads a device authorization response. Google spells the page
// "verification_url".
func (c *Client) device(tree *node) (Device, bool) {
	page := tree.get("verification_uri").str()
	if page == "" {
		page = tree.get("verification_url").str()
	}
	complete := tree.get("verification_uri_complete").str()
	if complete == "" {
		complete = tree.get("verification_url_complete").str()
	}
	code, user := tree.get("device_code"), oneLine(tree.get("user_code").str())
	if len(code.text) == 0 || !carried(code.text) || user == "" || len(user) > maxUserCode || !shown(page) {
		return Device{}, false
	}
	if !shown(complete) {
		complete = ""
	}
	now := c.config.Clock.Now()
	end, ok := relative(tree.get("expires_in"), now)
	if !ok {
		end = now.Add(defaultDevice)
	}
	interval := defaultInterval
	if seconds, ok := tree.get("interval").number(); ok && seconds > 0 {
		interval = time.Duration(min(max(seconds, 1), maxInterval.Seconds()) * float64(time.Second))
	}
	return Device{
		Code: secret.New(code.text), UserCode: user, VerificationURL: page, CompleteURL: complete,
		Interval: interval, ExpireTime: end,
	}, true
}

// shown reports whether a URL may be shown to a person, and opened.
func shown(page string) bool {
	_, err := parseEndpoint("page", page)
	return err == nil
}

// PollDevice asks whether the person is done (RFC 8628, section 3.4). Until then
// the verdict is Pending, or SlowDown if the interval has to grow.
func (c *Client) PollDevice(ctx context.Context, p *Profile, code secret.Text) (Token, error) {
	r, err := newRequest(p, "token endpoint", p.Endpoints.Token)
	if err != nil {
		return Token{}, err
	}
	defer r.close()
	r.form.add("grant_type", deviceGrant)
	r.secret("device_code", code)
	return c.person(ctx, r, "")
}
