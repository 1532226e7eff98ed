package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

func TestOfVeryManyUnknownNamesTheFirstGetAHint(t *testing.T) {
	var input strings.Builder
	input.WriteString(`{"color":"red"`)
	for i := range 20_000 {
		fmt.Fprintf(&input, `,"colour%d":1`, i)
	}
	input.WriteString("}")
	_, err := build(t, operation("/", &parameter{Name: "color", Location: inQuery}), input.String())
	list, hints := fault.From(err).Violations(), 0
	for _, v := range list {
		if strings.Contains(v.Description, "did you mean") {
			hints++
		}
	}
	if len(list) != 50 || hints != 8 || fault.ReasonOf(err) != fault.ReasonInputInvalid {
		t.Errorf("%d names are listed, %d with a hint: %v", len(list), hints, err)
	}
}
