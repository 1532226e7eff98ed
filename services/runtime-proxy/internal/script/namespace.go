package script

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
)

// What code has kept is there for whatever code comes after it, which may have been
// written because nobody trusts the former author any more. So code can declare a
// namespace, in a line of its own:
//
//	//# state=2026-02-11-orchid
//
// It sees what was kept by code with the same line, and nothing else. Digests of code
// would do the same, but an edit must not lose the cursor of a poll.

// namespaceOf returns the namespace that code declares; "" for none. A line that is not
// well formed, and a second one with another name, is SCRIPT_INVALID: who mistypes it must
// not get the state of the former author.
func namespaceOf(p sandbox.Program) (namespace string, err error) {
	form, meant := regexp.MustCompile(`^//# state=([A-Za-z0-9._-]{1,64})$`), regexp.MustCompile(`(?i)^//\s*#\s*state\b`)
	number := 0
	for line := range strings.Lines(p.Source) {
		number++
		if line = strings.TrimSpace(line); !meant.MatchString(line) {
			continue
		}
		found := form.FindStringSubmatch(line)
		if len(found) == 0 || namespace != "" && namespace != found[1] {
			return "", fault.Precondition(fault.ReasonScriptInvalid,
				"the custom code cannot be used: %s:%d: a namespace of state is declared once, as //# state=NAME, with 1 to 64 letters, digits, \".\", \"_\" and \"-\"; the connector has to be mended",
				p.Name, number).With("line", strconv.Itoa(number)).With("column", "1")
		}
		namespace = found[1]
	}
	return namespace, nil
}
