package stock

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func TestDraftsAreChecked(t *testing.T) {
	tests := []struct {
		name  string
		draft Draft
		want  []string // fields at fault
	}{
		{"a name is enough", Draft{Name: "bolt"}, nil},
		{"everything at its limit", Draft{
			Name: strings.Repeat("ü", MaxName), SKU: strings.Repeat("s", MaxSKU), Description: strings.Repeat("d", MaxDescription),
			Quantity: MaxQuantity, Tags: slices.Repeat([]string{strings.Repeat("t", MaxTag)}, MaxTags),
		}, nil},
		{"no name", Draft{}, []string{"name"}},
		{"a name of spaces", Draft{Name: " \t"}, []string{"name"}},
		{"a long name", Draft{Name: strings.Repeat("n", MaxName+1)}, []string{"name"}},
		{"a long SKU", Draft{Name: "n", SKU: strings.Repeat("s", MaxSKU+1)}, []string{"sku"}},
		{"a long description", Draft{Name: "n", Description: strings.Repeat("d", MaxDescription+1)}, []string{"description"}},
		{"fewer than nothing", Draft{Name: "n", Quantity: -1}, []string{"quantity"}},
		{"too many pieces", Draft{Name: "n", Quantity: MaxQuantity + 1}, []string{"quantity"}},
		{"too many tags", Draft{Name: "n", Tags: slices.Repeat([]string{"t"}, MaxTags+1)}, []string{"tags"}},
		{"an empty tag", Draft{Name: "n", Tags: []string{"a", ""}}, []string{"tags"}},
		{"a long tag", Draft{Name: "n", Tags: []string{strings.Repeat("t", MaxTag+1)}}, []string{"tags"}},
		{"several at once", Draft{Quantity: -1, Tags: []string{""}}, []string{"name", "quantity", "tags"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, fault := range tt.draft.Check() {
				got = append(got, fault.Field)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("fields at fault %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAChangeTouchesOnlyItsFields(t *testing.T) {
	before := Draft{Name: "bolt", SKU: "b-1", Description: "steel", Quantity: 5, Tags: []string{"metal"}}
	zero, empty, none := int64(0), "", []string{}
	if got := (Change{}).Apply(before); !reflect.DeepEqual(got, before) {
		t.Errorf("an empty change made %+v of %+v", got, before)
	}
	got := Change{SKU: &empty, Quantity: &zero, Tags: &none}.Apply(before)
	want := Draft{Name: "bolt", Description: "steel", Tags: []string{}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestCreationTimesNeverTie(t *testing.T) {
	store := newStore(10) // its clock stands still
	for i := range 3 {
		item := create(t, store, Draft{Name: "bolt"})
		if want := noon.Add(time.Duration(i) * tick); !item.CreatedAt.Equal(want) || !item.UpdatedAt.Equal(want) {
			t.Errorf("item %d was created at %v and updated at %v, want %v", i, item.CreatedAt, item.UpdatedAt, want)
		}
	}
}

func TestListing(t *testing.T) {
	store := newStore(10)
	create(t, store, Draft{Name: "steel bolt", SKU: "B-1", Tags: []string{"metal", "small"}})
	create(t, store, Draft{Name: "oak board", Description: "Planed", Tags: []string{"wood"}})
	create(t, store, Draft{Name: "steel beam", Tags: []string{"metal"}})
	create(t, store, Draft{Name: "box"})
	tests := []struct {
		name  string
		query Query
		want  []string
		total int
	}{
		{"all of them, newest first", Query{Limit: 10}, []string{"box", "steel beam", "oak board", "steel bolt"}, 4},
		{"the first page", Query{Limit: 2}, []string{"box", "steel beam"}, 4},
		{"the second page", Query{Limit: 2, Offset: 2}, []string{"oak board", "steel bolt"}, 4},
		{"beyond the last page", Query{Limit: 2, Offset: 4}, []string{}, 4},
		{"no limit is no item", Query{}, []string{}, 4},
		{"after the second item", Query{Limit: 10, CreatedAfter: noon.Add(tick)}, []string{"box", "steel beam"}, 2},
		{"after the last item", Query{Limit: 10, CreatedAfter: noon.Add(3 * tick)}, []string{}, 0},
		{"text in the name", Query{Limit: 10, Text: "STEEL"}, []string{"steel beam", "steel bolt"}, 2},
		{"text in the SKU", Query{Limit: 10, Text: "b-1"}, []string{"steel bolt"}, 1},
		{"text in the description", Query{Limit: 10, Text: "plane"}, []string{"oak board"}, 1},
		{"text nowhere", Query{Limit: 10, Text: "glass"}, []string{}, 0},
		{"one tag", Query{Limit: 10, Tags: []string{"metal"}}, []string{"steel beam", "steel bolt"}, 2},
		{"two tags", Query{Limit: 10, Tags: []string{"metal", "small"}}, []string{"steel bolt"}, 1},
		{"a tag in other letters", Query{Limit: 10, Tags: []string{"Metal"}}, []string{}, 0},
		{"text and tag, second page", Query{Limit: 1, Offset: 1, Text: "steel", Tags: []string{"metal"}}, []string{"steel bolt"}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page, total := store.List(tt.query)
			got := []string{}
			for _, item := range page {
				got = append(got, item.Name)
			}
			if page == nil || !slices.Equal(got, tt.want) || total != tt.total {
				t.Errorf("got %q of %d, want %q of %d", got, total, tt.want, tt.total)
			}
		})
	}
}

func TestTheStoreIsBounded(t *testing.T) {
	store := newStore(2)
	first := create(t, store, Draft{Name: "a"})
	create(t, store, Draft{Name: "b"})
	if _, err := store.Create(Draft{Name: "c"}); !errors.Is(err, ErrFull) {
		t.Errorf("a third item: %v, want ErrFull", err)
	}
	if err := store.Delete(first.ID); err != nil {
		t.Fatal(err)
	}
	create(t, store, Draft{Name: "c"})
	if got := store.Len(); got != 2 {
		t.Errorf("%d items, want 2", got)
	}
}

func TestUpdateAndDelete(t *testing.T) {
	store := newStore(10)
	item := create(t, store, Draft{Name: "bolt", Tags: []string{"a", "a", "b"}})
	if !slices.Equal(item.Tags, []string{"a", "b"}) {
		t.Errorf("tags %q, want each once", item.Tags)
	}
	refuse := errors.New("no")
	if _, err := store.Update(item.ID, func(d Draft) (Draft, error) { d.Tags[0] = "x"; return d, refuse }); !errors.Is(err, refuse) {
		t.Errorf("update: %v, want the editor's error", err)
	}
	if got, err := store.Get(item.ID); err != nil || !reflect.DeepEqual(got, item) {
		t.Errorf("after a refused update: %+v, %v, want %+v", got, err, item)
	}
	got, err := store.Update(item.ID, func(d Draft) (Draft, error) { d.Quantity = 7; d.Tags = nil; return d, nil })
	if err != nil || got.Quantity != 7 || got.Tags == nil || len(got.Tags) != 0 || !got.CreatedAt.Equal(item.CreatedAt) {
		t.Errorf("after the update: %+v, %v", got, err)
	}
	if err := store.Delete(item.ID); err != nil {
		t.Fatal(err)
	}
	_, getErr := store.Get(item.ID)
	_, updateErr := store.Update(item.ID, func(d Draft) (Draft, error) { return d, nil })
	for _, err := range []error{getErr, updateErr, store.Delete(item.ID)} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("on a deleted item: %v, want ErrNotFound", err)
		}
	}
}

func TestTheStoreSharesNoMemory(t *testing.T) {
	store := newStore(10)
	tags := []string{"a"}
	item := create(t, store, Draft{Name: "bolt", Tags: tags})
	page, _ := store.List(Query{Limit: 1})
	tags[0], item.Tags[0], page[0].Tags[0] = "x", "y", "z"
	if got, _ := store.Get(item.ID); got.Tags[0] != "a" {
		t.Errorf("the stored tag became %q", got.Tags[0])
	}
}

func TestManyCallersAtOnce(t *testing.T) {
	store := newStore(1000)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				item, err := store.Create(Draft{Name: "bolt"})
				if err != nil {
					t.Error(err)
				}
				store.List(Query{Limit: 5})
				if err := store.Delete(item.ID); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if got := store.Len(); got != 0 {
		t.Errorf("%d items are left", got)
	}
}

func newStore(limit int) *Store {
	var mu sync.Mutex
	var made int
	return New(Config{MaxItems: limit, Now: func() time.Time { return noon }, NewID: func(kind string) string {
		mu.Lock()
		defer mu.Unlock()
		made++
		return fmt.Sprintf("%s_%d", kind, made)
	}})
}

func create(t *testing.T, store *Store, draft Draft) Item {
	t.Helper()
	item, err := store.Create(draft)
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	return item
}
