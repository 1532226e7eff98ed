package suite_test

import (
	"os"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Main() // the suite under test starts this program again to run custom code
	os.Exit(m.Run())
}
