// Package stock keeps the items of the inventory in memory.
//
// A [Store] hands out copies of [Item] values, newest first, and never holds
// more than it was told to. What callers may set of an item is a [Draft]; its
// rules are checked by [Draft.Check], which names every field at fault.
package stock

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of an item. Lengths count characters.
const (
	MaxName        = 200
	MaxSKU         = 64
	MaxDescription = 2000
	MaxTags        = 20
	MaxTag         = 50
	MaxQuantity    = 1_000_000_000
)

// Item is one thing on the shelf, as the API shows it.
type Item struct {
	// ID is chosen by the store and never used twice.
	ID string `json:"id"`
	Draft
	// CreatedAt is in UTC and differs between any two items, so that it can
	// serve as a cursor.
	CreatedAt time.Time `json:"createdAt"`
	// UpdatedAt is in UTC and equals CreatedAt until the first change.
	UpdatedAt time.Time `json:"updatedAt"`
}

// Draft is the part of an item that callers write.
type Draft struct {
	// Name is what people call the item; required.
	Name string `json:"name"`
	// SKU is the stock keeping unit; it need not be unique.
	SKU string `json:"sku"`
	// Description is free text.
	Description string `json:"description"`
	// Quantity is the number on the shelf, never negative.
	Quantity int64 `json:"quantity"`
	// Tags are labels to search by, without repetition; never nil in a stored
	// item, so that JSON shows a list.
	Tags []string `json:"tags"`
}

// Change is a partial draft: a nil field stays as it is.
type Change struct {
	Name        *string   `json:"name"`
	SKU         *string   `json:"sku"`
	Description *string   `json:"description"`
	Quantity    *int64    `json:"quantity"`
	Tags        *[]string `json:"tags"`
}

// Apply returns the draft with the change made.
func (c Change) Apply(draft Draft) Draft {
	set(&draft.Name, c.Name)
	set(&draft.SKU, c.SKU)
	set(&draft.Description, c.Description)
	set(&draft.Quantity, c.Quantity)
	set(&draft.Tags, c.Tags)
	return draft
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// Fault is one rule that a field breaks.
type Fault struct {
	// Field is the JSON name of the field.
	Field string `json:"field"`
	// Detail says what is accepted.
	Detail string `json:"detail"`
}

// Check returns the rules that the draft breaks, in the order of the fields.
func (d Draft) Check() []Fault {
	var faults []Fault
	longest := func(field, value string, limit int) {
		if utf8.RuneCountInString(value) > limit {
			faults = append(faults, Fault{field, fmt.Sprintf("must have at most %d characters", limit)})
		}
	}
	if strings.TrimSpace(d.Name) == "" {
		faults = append(faults, Fault{"name", "must not be empty"})
	}
	longest("name", d.Name, MaxName)
	longest("sku", d.SKU, MaxSKU)
	longest("description", d.Description, MaxDescription)
	if d.Quantity < 0 || d.Quantity > MaxQuantity {
		faults = append(faults, Fault{"quantity", fmt.Sprintf("must be between 0 and %d", MaxQuantity)})
	}
	if len(d.Tags) > MaxTags {
		faults = append(faults, Fault{"tags", fmt.Sprintf("must have at most %d entries", MaxTags)})
	}
	for _, tag := range d.Tags {
		if tag == "" || utf8.RuneCountInString(tag) > MaxTag {
			return append(faults, Fault{"tags", fmt.Sprintf("must each have between 1 and %d characters", MaxTag)})
		}
	}
	return faults
}

// clone returns an item that shares no memory with i.
func (i Item) clone() Item {
	i.Tags = distinct(i.Tags)
	return i
}

// distinct copies tags without repetition, in their order; never nil.
func distinct(tags []string) []string {
	list := make([]string, 0, len(tags))
	for _, tag := range tags {
		if !slices.Contains(list, tag) {
			list = append(list, tag)
		}
	}
	return list
}
