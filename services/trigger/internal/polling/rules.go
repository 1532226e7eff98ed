package polling

import (
	"reflect"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// Rules say how to read the answers of one trigger. They are kept with a
// subscription, so their JSON form must stay readable.
type Rules struct {
	// Protocol is the protocol's number in the connector model.
	Protocol connectorv1.PollingProtocol `json:"protocol"`
	// Items is the dot path of the list; empty if the body is the list.
	Items string `json:"items,omitempty"`
	// Key is the dot path of an item's key; empty means the whole item.
	Key string `json:"key,omitempty"`
	// NewestFirst is true if the list begins with the newest item, and OldestFirst if
	// it ends with it.
	NewestFirst bool `json:"newest_first,omitempty"`
	OldestFirst bool `json:"oldest_first,omitempty"`
	// Changed reports items that have changed too, and Version is the dot path of
	// what changes with them; empty means the whole item.
	Changed bool   `json:"changed,omitempty"`
	Version string `json:"version,omitempty"`
	// Pages is how many pages one poll follows; 0 means [DefaultPages].
	Pages int `json:"pages,omitempty"`
	// Paged is true if the operation's pages are asked for with inputs, so that
	// answers hold no link to the next.
	Paged bool `json:"paged,omitempty"`
	// Batch is true if an answer of a protocol with links holds several things.
	Batch bool `json:"batch,omitempty"`
	// Cursors are the inputs that carry a value of the last answer into the next
	// call.
	Cursors []Cursor `json:"cursors,omitempty"`
}

// Cursor is an input that carries a value of the last answer into the next call.
type Cursor struct {
	// Parameter is the input's name.
	Parameter string `json:"parameter"`
	// Items is the dot path of the list; empty means that of the rules.
	Items string `json:"items,omitempty"`
	// Value is the dot path of the value inside an item, or in the body where Take
	// says so.
	Value string `json:"value"`
	// Template is the text with "{value}" that the input is given; empty means the
	// value alone.
	Template string `json:"template,omitempty"`
	// Initial is the value before there is any, with "{now}" for the time of the
	// subscription's creation; empty means that the input is left as it is.
	Initial string `json:"initial,omitempty"`
	// Take is the number in the connector model of where the value comes from.
	Take connectorv1.CursorValue `json:"take,omitempty"`
}

// RulesOf returns the rules of a polling trigger.
func RulesOf(op *connectorv1.Operation) Rules {
	return rulesOf(op.GetTrigger().GetPolling(), op)
}

func rulesOf(p *connectorv1.PollingTrigger, op *connectorv1.Operation) Rules {
	r := Rules{
		Protocol: p.GetProtocol(), Items: p.GetItemsPath(), Key: p.GetKeyPath(),
		NewestFirst: p.GetOrder() == connectorv1.ListOrder_LIST_ORDER_NEWEST_FIRST,
		OldestFirst: p.GetOrder() == connectorv1.ListOrder_LIST_ORDER_OLDEST_FIRST,
		Changed:     p.GetReport() == connectorv1.ItemChange_ITEM_CHANGE_CREATED_OR_CHANGED,
		Version:     p.GetVersionPath(), Pages: int(p.GetMaxPages()),
		Paged: op.GetPagination().GetStyle() != nil, Batch: op.GetTrigger().GetBatch(),
	}
	for _, c := range p.GetCursors() {
		r.Cursors = append(r.Cursors, Cursor{
			Parameter: c.GetParameter(), Items: c.GetItemsPath(), Value: c.GetValuePath(),
			Template: c.GetTemplate(), Initial: c.GetInitial(), Take: c.GetValue(),
		})
	}
	return r
}

// Proto translates rules that were given on a subscription; nil for none.
func (r *Rules) Proto() *connectorv1.PollingTrigger {
	if r == nil {
		return nil
	}
	p := &connectorv1.PollingTrigger{
		Protocol: r.Protocol, ItemsPath: r.Items, KeyPath: r.Key, VersionPath: r.Version, MaxPages: int32(r.Pages),
	}
	switch {
	case r.NewestFirst:
		p.Order = connectorv1.ListOrder_LIST_ORDER_NEWEST_FIRST
	case r.OldestFirst:
		p.Order = connectorv1.ListOrder_LIST_ORDER_OLDEST_FIRST
	}
	if r.Changed {
		p.Report = connectorv1.ItemChange_ITEM_CHANGE_CREATED_OR_CHANGED
	}
	for _, c := range r.Cursors {
		p.Cursors = append(p.Cursors, &connectorv1.PollingCursor{
			Parameter: c.Parameter, ItemsPath: c.Items, ValuePath: c.Value, Template: c.Template, Initial: c.Initial, Value: c.Take,
		})
	}
	return p
}

// Equal reports whether both say the same.
func (r Rules) Equal(other Rules) bool { return reflect.DeepEqual(r, other) }

// MaxPages is how many pages one poll follows.
func (r Rules) MaxPages() int {
	if r.Pages == 0 {
		return DefaultPages
	}
	return min(r.Pages, MaxPages)
}
