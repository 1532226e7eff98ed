package lifetime_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/lifetime"
)

func plain(t *testing.T) *lifetime.Plain {
	return &lifetime.Plain{Context: context.WithValue(t.Context(), key{}, "value")}
}

func TestWhatHangsOnAPlainContextEndsWithIt(t *testing.T) {
	for _, row := range []struct {
		name string
		hang func(ctx context.Context) (ended <-chan struct{}, err func() error)
	}{
		{"its channel", func(ctx context.Context) (<-chan struct{}, func() error) { return ctx.Done(), ctx.Err }},
		{"a context of it", func(ctx context.Context) (<-chan struct{}, func() error) {
			child, cancel := context.WithTimeout(ctx, time.Hour)
			context.AfterFunc(child, cancel) // its parent ends it
			return child.Done(), func() error { return context.Cause(child) }
		}},
		{"a function", func(ctx context.Context) (<-chan struct{}, func() error) {
			called := make(chan struct{})
			context.AfterFunc(ctx, func() { close(called) })
			return called, ctx.Err
		}},
	} {
		for _, late := range []bool{false, true} {
			t.Run(row.name, func(t *testing.T) {
				ctx := plain(t)
				if ctx.Value(key{}) != "value" || ctx.Err() != nil {
					t.Fatal("it is not what it was made of")
				}
				if late {
					ctx.Finish(context.Canceled)
				}
				ended, err := row.hang(ctx)
				if !late {
					select {
					case <-ended:
						t.Fatal("it ended too early")
					default:
					}
					ctx.Finish(context.Canceled)
				}
				<-ended
				ctx.Finish(context.Canceled) // once more changes nothing
				if !errors.Is(err(), context.Canceled) {
					t.Errorf("it ended with %v", err())
				}
			})
		}
	}
}

func TestAFunctionThatWasStoppedIsNotCalled(t *testing.T) {
	ctx := plain(t)
	stop := context.AfterFunc(ctx, func() { t.Error("it was called") })
	if !stop() || stop() {
		t.Error("stop does not say that it was the one")
	}
	other, called := ctx.AfterFunc(func() { t.Error("it was called") }), make(chan struct{})
	if !other() || other() {
		t.Error("stop does not say that it was the one")
	}
	stop = ctx.AfterFunc(func() { close(called) })
	ctx.Finish(context.Canceled)
	<-called
	if stop() {
		t.Error("a function was stopped that was called")
	}
}

func TestAPlainContextEndsOnlyWhenItIsTold(t *testing.T) {
	parent, leave := context.WithTimeout(context.WithValue(t.Context(), key{}, "value"), time.Hour)
	ctx := &lifetime.Plain{Context: parent}
	leave()
	if _, has := ctx.Deadline(); has || ctx.Err() != nil || ctx.Value(key{}) != "value" {
		t.Error("it has more than values of the context in it")
	}
	if ctx.Value(lifetime.Key{}) != ctx {
		t.Error("it does not say that it can tell of its end")
	}
}

// A life within a plain context needs nothing of it but that it tells.
func TestALifeEndsWithThePlainContextInIt(t *testing.T) {
	ctx := plain(t)
	life, end := begin(ctx, time.Minute)
	defer end()
	told := 0
	if !life.Attach(func() { told++ }) || ctx.Attach(func() {}) {
		t.Error("the life has not asked the context to tell of its end")
	}
	ctx.Finish(context.Canceled)
	if told != 1 || !errors.Is(life.Err(), context.Canceled) {
		t.Errorf("it was told %d times; it ended with %v", told, life.Err())
	}
}

func TestManyMayAskAtOnce(t *testing.T) {
	ctx := plain(t)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			child, cancel := context.WithCancel(ctx)
			defer cancel()
			<-child.Done()
			<-ctx.Done()
		})
	}
	all.Go(func() { ctx.Finish(context.Canceled) })
	all.Wait()
}
