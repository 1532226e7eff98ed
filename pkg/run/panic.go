package run

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// errGoexit is the error of a part that ended its goroutine instead of returning.
var errGoexit = errors.New("ended by runtime.Goexit")

// PanicError is a panic of a part or of a stop function. It does not unwrap to
// the value: a panic with an expected error is still a defect.
type PanicError struct {
	// Value is what was given to panic.
	Value any
	// Stack is the stack of the goroutine at the panic, as text.
	Stack []byte
}

// Error returns the value and the stack: whoever reads the log needs the place.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.Value, e.Stack) }

// launch calls f in a goroutine and reports exactly once how it ended, whatever
// way it ends. report must not block.
func launch(ctx context.Context, f func(context.Context) error, report func(error)) {
	go func() {
		err := errGoexit // stays only when f neither returns nor panics
		defer func() { report(err) }()
		err = guarded(ctx, f)
	}()
}

// guarded calls f and turns a panic into a [PanicError].
func guarded(ctx context.Context, f func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return f(ctx)
}
