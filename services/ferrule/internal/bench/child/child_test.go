package child_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/child"
)

// role makes this test binary play a program.
const role = "CHILD_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "server":
		fmt.Print("starting\nready at ")
		fmt.Println("127.0.0.1:4711")
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	case "broken":
		fmt.Fprintln(os.Stderr, "no disk")
		os.Exit(3)
	case "echo":
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		fmt.Print(strings.ToUpper(line))
		os.Exit(0)
	case "silent":
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "filter":
		text, _ := io.ReadAll(os.Stdin)
		fmt.Print(strings.ToUpper(string(text)))
		os.Exit(0)
	}
}

func spec(t *testing.T, name string) child.Spec {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return child.Spec{Program: self, Env: []string{role + "=" + name}, Ready: regexp.MustCompile(`ready at (\S+)\n`)}
}

func TestAProgramSaysWhereItServesAndStops(t *testing.T) {
	c, err := child.Start(t.Context(), spec(t, "server"))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Said) != 2 || c.Said[1] != "127.0.0.1:4711" || c.Pid() <= 0 {
		t.Errorf("said %q as process %d", c.Said, c.Pid())
	}
	// Its end by a signal is what was asked for; a second time changes nothing.
	first, second := c.Stop(), c.Stop()
	if fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("Stop() = %v, then %v", first, second)
	}
}

func TestProgramsThatDoNotServe(t *testing.T) {
	var errs bytes.Buffer
	broken := spec(t, "broken")
	broken.Stderr = &errs
	if _, err := child.Start(t.Context(), broken); err == nil || !strings.Contains(err.Error(), "before it was ready") || !strings.Contains(errs.String(), "no disk") {
		t.Errorf("a program that ends: %v, %q", err, errs.String())
	}
	if _, err := child.Start(t.Context(), child.Spec{Program: t.TempDir() + "/nothing"}); err == nil {
		t.Error("a program that does not exist: no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := child.Start(ctx, spec(t, "silent")); err == nil {
		t.Error("a program that says nothing: no error after the end of the context")
	}
}

func TestAProgramThatEndsByItself(t *testing.T) {
	echo := spec(t, "echo")
	echo.Input = []byte("hello\n")
	if got, err := child.Result(t.Context(), echo); err != nil || string(got) != "HELLO\n" {
		t.Errorf("Result() = %q, %v", got, err)
	}
	if _, err := child.Result(t.Context(), spec(t, "broken")); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("a program that fails: %v", err)
	}
	if _, err := child.Result(t.Context(), child.Spec{Program: t.TempDir() + "/nothing"}); err == nil {
		t.Error("a program that does not exist: no error")
	}
}

func TestAProgramThatReadsItsInputToTheEnd(t *testing.T) {
	filter := spec(t, "filter")
	filter.Input = []byte("hello\nworld")
	if got, err := child.Filter(t.Context(), filter); err != nil || string(got) != "HELLO\nWORLD" {
		t.Errorf("Filter() = %q, %v", got, err)
	}
	if _, err := child.Filter(t.Context(), spec(t, "broken")); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("a program that fails: %v", err)
	}
}
