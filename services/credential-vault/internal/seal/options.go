package seal

import (
	"errors"
	"io"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// Option changes what a [Keyring] is made of.
type Option func(*options)

type options struct {
	previous KEK
	clock    clock.Clock
	source   Source
}

// WithPrevious adds the key-encryption key that keysets may still be encrypted
// with, while they are moved to another one: it decrypts and never encrypts.
func WithPrevious(kek KEK) Option { return func(o *options) { o.previous = kek } }

// WithClock replaces the system's clock.
func WithClock(clk clock.Clock) Option { return func(o *options) { o.clock = clk } }

// WithSource says what [Unlock] needs beside the URI to open the key.
func WithSource(s Source) Option { return func(o *options) { o.source = s } }

func configured(list []Option) options {
	o := options{clock: clock.System()}
	for _, option := range list {
		option(&o)
	}
	return o
}

// Close ends the connections to key management services, the previous key's
// too. The keyring is not used any more.
func (k *Keyring) Close() error {
	k.unwrapped.clear()
	return errors.Join(CloseKEK(k.kek), CloseKEK(k.previous))
}

// CloseKEK closes a key that has something to close, for who opened it and made no keyring
// of it.
func CloseKEK(kek KEK) error {
	if closer, ok := kek.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}
