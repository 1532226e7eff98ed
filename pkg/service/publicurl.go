package service

import (
	"errors"
	"net/url"

	"github.com/spf13/pflag"
)

// publicURLFlag is shared by all services that have to know it.
const publicURLFlag = "public-url"

// PublicURLFlag declares --public-url: the URL at which browsers and APIs reach
// the gateway. Where several services share one set of flags, the first of them
// declares it and whoever put them together hands the value on.
func PublicURLFlag(flags *pflag.FlagSet, value *string) {
	if flags.Lookup(publicURLFlag) == nil {
		flags.StringVar(value, publicURLFlag, "",
			"URL at which browsers and APIs reach the gateway, for webhook callbacks and for signing in; without it both are refused")
	}
}

// CheckPublicURL says what is wrong with a public URL; none at all is right.
func CheckPublicURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return errors.New("--public-url must be an absolute http or https URL, such as https://ferrule.example.com")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("--public-url must have neither user, query nor fragment")
	}
	return nil
}
