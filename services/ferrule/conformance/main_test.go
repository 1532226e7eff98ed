package conformance_test

import (
	"os"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Main() // does not return in a process that runs custom code
	os.Exit(m.Run())
}
