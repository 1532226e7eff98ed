package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// inventory is the demonstration's API, running as a process of its own.
type inventory struct {
	*process
	url, key string
}

// item is the part of an item that the tests look at.
type item struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Quantity int    `json:"quantity"`
}

// startInventory starts the API behind the given key.
func startInventory(t *testing.T, key string) *inventory {
	t.Helper()
	file := filepath.Join(t.TempDir(), "addr")
	p := launch(t, []string{"INVENTORY_API_KEY=" + key}, programs(t).inventory, "-addr", "127.0.0.1:0", "-addr-file", file)
	var addr []byte
	testkit.Await(t, "the inventory to listen", func() bool {
		addr, _ = os.ReadFile(file)
		return len(addr) > 0 || p.gone()
	})
	if p.gone() {
		t.Fatalf("the inventory did not start:\n%s", p.out)
	}
	return &inventory{process: p, url: "http://" + strings.TrimSpace(string(addr)), key: key}
}

// call sends a request behind the suite's back and reads the answer into out,
// unless that is nil.
func (i *inventory) call(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, i.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("X-Api-Key", i.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := plain.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("the inventory answered %s: %s", res.Status, data)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}

// create adds an item.
func (i *inventory) create(ctx context.Context, name string) (item, error) {
	var made item
	err := i.call(ctx, http.MethodPost, "/items", map[string]any{"name": name}, &made)
	return made, err
}

// webhooks returns how many callbacks are registered.
func (i *inventory) webhooks(t *testing.T) int {
	t.Helper()
	var list struct{ Webhooks []struct{ ID string } }
	if err := i.call(t.Context(), http.MethodGet, "/webhooks", nil, &list); err != nil {
		t.Fatal(err)
	}
	return len(list.Webhooks)
}

// items returns how many items there are.
func (i *inventory) items(t *testing.T) int {
	t.Helper()
	var page struct{ Total int }
	if err := i.call(t.Context(), http.MethodGet, "/items?limit=1", nil, &page); err != nil {
		t.Fatal(err)
	}
	return page.Total
}
