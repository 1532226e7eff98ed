package definition_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

func TestHowTriggersWorkIsChecked(t *testing.T) {
	const polling, webhook = "POLLING", "WEBHOOK"
	for _, row := range []struct {
		name, kind, member string
		want               []string // pointers below the trigger's protocol
	}{
		{"everything that polling may say", polling, `"protocol": "LIST", "itemsPath": "a.b", "keyPath": "id", "order": "NEWEST_FIRST", "report": "CREATED_OR_CHANGED", "versionPath": "t", "maxPages": 100,
			"cursors": [{"parameter": "since", "itemsPath": "a.b", "valuePath": "t", "template": "t > {value}", "initial": "{now}", "value": "LARGEST"}]`, nil},
		{"paths that lead nowhere", polling, `"protocol": "LIST", "itemsPath": ".a", "keyPath": "a..b", "report": "CREATED_OR_CHANGED", "versionPath": "a."`, []string{"/itemsPath", "/keyPath", "/versionPath"}},
		{"a version that nobody looks at", polling, `"protocol": "LIST", "versionPath": "t"`, []string{"/versionPath"}},
		{"too many pages", polling, `"protocol": "LIST", "maxPages": 101`, []string{"/maxPages"}},
		{"fewer pages than none", polling, `"protocol": "LIST", "maxPages": -1`, []string{"/maxPages"}},
		{"a cursor without a parameter and with a template for nothing", polling, `"cursors": [{"template": "t > value", "valuePath": "."}]`, []string{"/cursors/0/parameter", "/cursors/0/valuePath", "/cursors/0/template"}},
		{"a notification that is not there", polling, `"notificationOperationId": "Lost"`, []string{"/notificationOperationId"}},

		{"everything that a webhook may say", webhook, `"callbackPointer": "/body/a~1b", "unsubscribeOperationId": "Other", "listOperationId": "Other", "getOperationId": "Other", "itemsPath": "value",
			"unsubscribeInputs": [{"inputPointer": "/id", "answerPointer": "/data/id"}], "handshakes": ["slack", "probe"],
			"renewal": {"operationId": "Other", "inputs": [{"inputPointer": "/id", "answerPointer": ""}], "expirePointer": "/expires", "inputExpirePointer": "/body/expires", "lifetime": "3600s"},
			"signature": {"scheme": "github", "secretPointer": "/body/secret", "encoding": "base64", "algorithm": "sha512", "timestampFormat": "rfc3339", "headerFormat": "words", "keyEncoding": "hex", "tolerance": "86400s"}`, nil},
		{
			"operations that are not there", webhook, `"unsubscribeOperationId": "Lost", "listOperationId": "Lost", "getOperationId": "Lost", "renewal": {"operationId": "Lost"}`,
			[]string{"/unsubscribeOperationId", "/listOperationId", "/getOperationId", "/renewal/operationId"},
		},
		{
			"pointers that are none", webhook, `"callbackPointer": "body", "unsubscribeInputs": [{"inputPointer": "/a~2", "answerPointer": "id"}, {"answerPointer": "/id"}], "renewal": {"expirePointer": "a", "inputExpirePointer": "b"}`,
			[]string{"/callbackPointer", "/unsubscribeInputs/0/inputPointer", "/unsubscribeInputs/0/answerPointer", "/unsubscribeInputs/1/inputPointer", "/renewal/expirePointer", "/renewal/inputExpirePointer"},
		},
		{"a handshake that nobody knows", webhook, `"handshakes": ["slack", "wink"]`, []string{"/handshakes/1"}},
		{"a life of nothing", webhook, `"renewal": {"lifetime": "0s"}`, []string{"/renewal/lifetime"}},
		{"a scheme that nobody knows", webhook, `"signature": {"scheme": "seal"}`, []string{"/signature/scheme"}},
		{"no scheme", webhook, `"signature": {"header": "X-Sig"}`, []string{"/signature/scheme"}},
		{
			"words that mean nothing", webhook, `"signature": {"scheme": "hmac", "secretPointer": "s", "encoding": "hex64", "algorithm": "md5", "timestampFormat": "iso", "headerFormat": "list", "keyEncoding": "b64", "tolerance": "86401s"}`,
			[]string{"/signature/secretPointer", "/signature/encoding", "/signature/algorithm", "/signature/timestampFormat", "/signature/headerFormat", "/signature/keyEncoding", "/signature/tolerance"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			member := map[string]string{polling: "polling", webhook: "webhook"}[row.kind]
			text := fmt.Sprintf(`{"ferrule": "1", "info": {"title": "T"}, "parameterSets": [{"name": "default"}], "operations": [
				{"operationId": "On", "kind": "%s_TRIGGER", "method": "GET", "path": "/on", "trigger": {%q: {%s}}},
				{"operationId": "Other", "kind": "ACTION", "method": "GET", "path": "/other"}]}`, row.kind, member, row.member)
			def, err := definition.Unmarshal([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			if f := new(fault.Error); errors.As(definition.Validate(def), &f) {
				for _, v := range f.Violations() {
					got = append(got, v.Field)
				}
			}
			var want []string
			for _, pointer := range row.want {
				want = append(want, "/operations/0/trigger/"+member+pointer)
			}
			if !slices.Equal(got, want) {
				t.Errorf("wrong are %q, want %q", got, want)
			}
		})
	}
}
