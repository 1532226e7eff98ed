package sandbox

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// probeVariable marks a copy of the test that confines itself and tries what a
// worker must not be able to do.
const probeVariable = "FERRULE_SANDBOX_PROBE"

// TestProbe is no test but the other program that this one can be.
func TestProbe(t *testing.T) {
	if os.Getenv(probeVariable) == "" {
		t.Skip("runs within TestAWorkerCannotReachAnything only")
	}
	if err := openPoller(); err != nil {
		t.Fatal(err)
	}
	isolation := confine(strconv.Itoa(2 << 30))
	attempts := map[string]func() error{
		"open a file to read": func() error { _, err := os.Open("/etc/hostname"); return err },
		"open its own memory": func() error { _, err := os.Open("/proc/self/mem"); return err },
		"create a file":       func() error { _, err := os.Create("/tmp/ferrule-sandbox-probe"); return err },
		"list a directory":    func() error { _, err := os.ReadDir("/"); return err },
		"remove a file":       func() error { return syscall.Unlink("/tmp/ferrule-sandbox-none") },
		"connect by TCP":      func() error { _, err := net.Dial("tcp", "127.0.0.1:9"); return err },
		"listen":              func() error { _, err := net.Listen("tcp", "127.0.0.1:0"); return err },
		"send by UDP":         func() error { _, err := net.Dial("udp", "127.0.0.1:9"); return err },
		"use a local socket":  func() error { _, err := net.Dial("unix", "/tmp/none"); return err },
		"start a program":     func() error { return exec.Command("/bin/true").Run() },
		"signal another":      func() error { return syscall.Kill(os.Getppid(), 0) },
		"make a pipe":         func() error { _, _, err := os.Pipe(); return err },
		"map runnable memory": func() error {
			_, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_EXEC, syscall.MAP_PRIVATE|syscall.MAP_ANON)
			return err
		},
	}
	results := map[string]string{}
	for name, attempt := range attempts {
		results[name] = "succeeded"
		if err := attempt(); err != nil {
			results[name] = "failed: " + err.Error()
			if !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EACCES) {
				results[name] = "failed for another reason: " + err.Error()
			}
		}
	}
	text, err := json.Marshal(map[string]any{"isolation": isolation, "results": results})
	if err != nil {
		t.Fatal(err)
	}
	// Nothing but the standard files is open to tell it to.
	if _, err := os.Stdout.WriteString("probe:" + string(text) + "\n"); err != nil {
		t.Fatal(err)
	}
}

func TestAWorkerCannotReachAnything(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("this system has no filter for system calls")
	}
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), path, "-test.run=^TestProbe$", "-test.v")
	command.Env = []string{probeVariable + "=1"}
	out, _ := command.CombinedOutput()
	_, after, found := strings.Cut(string(out), "probe:")
	if !found {
		t.Fatalf("the probe said:\n%s", out)
	}
	line, _, _ := strings.Cut(after, "\n")
	var told struct {
		Isolation Isolation
		Results   map[string]string
	}
	if err := json.Unmarshal([]byte(line), &told); err != nil {
		t.Fatal(err)
	}
	if !told.Isolation.Seccomp {
		t.Skip("this kernel takes no filter for system calls")
	}
	if !told.Isolation.Limits || !told.Isolation.NoNewPrivileges {
		t.Errorf("%+v", told.Isolation)
	}
	if len(told.Results) != 13 {
		t.Errorf("%d attempts were made", len(told.Results))
	}
	for name, result := range told.Results {
		if !strings.HasPrefix(result, "failed: ") {
			t.Errorf("%s %s", name, result)
		}
	}
}
