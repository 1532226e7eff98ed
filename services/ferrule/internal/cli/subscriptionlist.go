package cli

import (
	"encoding/json"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// listHelp says what --list takes.
const listHelp = "items=…,key=…,order=newest-first|oldest-first,changed,version=…,cursor=PARAMETER:PATH,pages=N; or a PollingTrigger as JSON or @FILE"

// message reads a message that is given as JSON, as @FILE or on standard input.
func (a *app) message(flag, text string, into proto.Message) error {
	data, err := a.readInput(text)
	if err != nil {
		return err
	}
	if err := protojson.Unmarshal(data, into); err != nil {
		// protojson varies the spacing of its errors on purpose; people get one form.
		return usage("--%s is not what it should be: %s", flag, strings.ReplaceAll(err.Error(), "\u00a0", " "))
	}
	return nil
}

// written reports whether a value is a message, rather than the short form.
func written(text string) bool {
	text = strings.TrimSpace(text)
	return text == "-" || strings.HasPrefix(text, "@") || strings.HasPrefix(text, "{")
}

// list reads how the new items of a list are told from the old ones.
func (a *app) list(text string) (*connectorv1.PollingTrigger, error) {
	rules := &connectorv1.PollingTrigger{Protocol: connectorv1.PollingProtocol_POLLING_PROTOCOL_LIST}
	if written(text) {
		err := a.message("list", text, rules)
		if rules.GetProtocol() == 0 {
			rules.Protocol = connectorv1.PollingProtocol_POLLING_PROTOCOL_LIST
		}
		return rules, err
	}
	for rule := range strings.SplitSeq(text, ",") {
		name, value, given := strings.Cut(rule, "=")
		if given != (name != "changed") || given && value == "" {
			return nil, usage("--list %q is no rule; it takes %s", rule, listHelp)
		}
		if err := setRule(rules, name, value); err != nil {
			return nil, err
		}
	}
	// The items can be named after the cursor that is taken from them.
	for _, cursor := range rules.GetCursors() {
		cursor.ItemsPath = rules.GetItemsPath()
	}
	return rules, nil
}

func setRule(rules *connectorv1.PollingTrigger, name, value string) error {
	switch name {
	case "items":
		rules.ItemsPath = value
	case "key":
		rules.KeyPath = value
	case "order":
		return setOrder(rules, value)
	case "changed":
		rules.Report = connectorv1.ItemChange_ITEM_CHANGE_CREATED_OR_CHANGED
	case "version":
		rules.VersionPath = value
		rules.Report = connectorv1.ItemChange_ITEM_CHANGE_CREATED_OR_CHANGED
	case "cursor":
		parameter, path, ok := strings.Cut(value, ":")
		if !ok || parameter == "" {
			return usage("--list cursor=%s names no path; write cursor=PARAMETER:PATH, such as cursor=since:updated_at", value)
		}
		rules.Cursors = append(rules.Cursors, &connectorv1.PollingCursor{Parameter: parameter, ValuePath: path})
	case "pages":
		pages, err := strconv.ParseInt(value, 10, 32)
		if err != nil {
			return usage("--list pages=%s is no number; write pages=10", value)
		}
		rules.MaxPages = int32(pages)
	default:
		return usage("--list knows no rule %q; it takes %s", name, listHelp)
	}
	return nil
}

func setOrder(rules *connectorv1.PollingTrigger, value string) error {
	switch value {
	case "newest-first":
		rules.Order = connectorv1.ListOrder_LIST_ORDER_NEWEST_FIRST
	case "oldest-first":
		rules.Order = connectorv1.ListOrder_LIST_ORDER_OLDEST_FIRST
	default:
		return usage("--list order=%s is unknown; it is newest-first or oldest-first, and left out where neither holds", value)
	}
	return nil
}

// signature reads how notifications are signed: the name of a preset or scheme, or
// all of it.
func (a *app) signature(text string) (*connectorv1.WebhookSignature, error) {
	if !written(text) {
		return &connectorv1.WebhookSignature{Scheme: text}, nil
	}
	signature := &connectorv1.WebhookSignature{}
	err := a.message("signature", text, signature)
	return signature, err
}

// jsonObject reads the text of one JSON object, as JSON, @FILE or on standard input.
func (a *app) jsonObject(flag, text string) (string, error) {
	data, err := a.readInput(text)
	if err != nil || len(data) == 0 {
		return "", err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil || object == nil {
		return "", usage("--%s is not a JSON object; write one, such as '{\"body\": {\"title\": \"${event.data.name}\"}}'", flag)
	}
	return string(data), nil
}
