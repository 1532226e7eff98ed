package e2e_test

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// trail reads what "ferrule audit export" writes.
func (s *suite) trail(t *testing.T, flags ...string) (records []map[string]any) {
	t.Helper()
	for line := range strings.Lines(s.do(t, nil, append([]string{"audit", "export"}, flags...)...)) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		records = append(records, record)
	}
	return records
}

// anchorLine is what a verification says for the next one.
var anchorLine = regexp.MustCompile(`(?m)^anchor: (\S+)$`)

func TestTheTrailTellsOfEveryUseAndCannotBeChangedUnnoticed(t *testing.T) {
	t.Parallel()
	const calls = 7
	shop, s := startInventory(t, apiKey), up(t, suiteOptions{data: t.TempDir()})
	c := s.overREST()
	c.connect(t, "shop", shop.url, apiKey)
	for range calls {
		if res, err := c.invoke(t, "shop", "ListItems", `{"limit": 1}`); err != nil || res.GetStatusCode() != 200 {
			t.Fatalf("%v, %v", res, err)
		}
	}
	_ = s.request(t, "GET", "/v1/"+connectionName("shop")+"/proxy/items?limit=1", s.token, "")

	used := map[string]int{}
	testkit.Await(t, "the uses to be reported, within ten seconds", func() bool {
		clear(used)
		for _, r := range s.trail(t, "--action", "used") {
			if r["connection"] != connectionName("shop") || r["principal"] != "admin" || r["host"] == nil || !strings.HasSuffix(shop.url, fmt.Sprint(r["host"])) {
				t.Errorf("a use is recorded as %v; the API is at %s", r, shop.url)
			}
			n, err := strconv.Atoi(fmt.Sprint(cmp.Or(r["count"], any("1"))))
			if err != nil {
				t.Error(err)
			}
			used[fmt.Sprint(cmp.Or(r["operationId"], any("")))] += n
		}
		return len(used) > 0
	})
	if want := map[string]int{"ListItems": calls, "": 1}; !maps.Equal(used, want) {
		t.Errorf("the uses are %v, want %v", used, want)
	}
	all := s.trail(t)
	if newest := fmt.Sprint(all[0]["sequence"]); newest != fmt.Sprint(len(all)) || all[0]["proof"] == nil {
		t.Errorf("there are %d records and the newest is %v", len(all), all[0])
	}
	s.do(t, []string{"ListItems", "created", "resolved"}, "audit", "list", "--connection", "shop", "--since", "1h")
	verified := s.do(t, []string{"intact: ", "anchor: "}, "audit", "verify")
	anchor := anchorLine.FindStringSubmatch(verified)
	if anchor == nil {
		t.Fatalf("there is no anchor:\n%s", verified)
	}
	s.do(t, []string{"intact"}, "audit", "verify", "--anchor", anchor[1])
	for _, command := range []string{"list", "export", "verify"} {
		s.as(t, "mia", "maker").fail(t, 1, []string{"PERMISSION_DENIED"}, "audit", command)
	}

	// One byte of one record.
	if code := s.terminate(t); code != 0 {
		t.Fatalf("it ended with %d", code)
	}
	const broken = 2
	tamper(t, s.data, broken)
	s = up(t, s.again(t, suiteOptions{}))
	where := fmt.Sprintf("at record %d", broken)
	s.fail(t, 1, []string{"not as they were written", where}, "audit", "verify")
	s.fail(t, 1, []string{"not as they were written", where}, "audit", "verify", "--anchor", anchor[1])
	s.kill()
	tamper(t, s.data, broken)
	s = up(t, s.again(t, suiteOptions{}))
	s.do(t, []string{"intact"}, "audit", "verify", "--anchor", anchor[1])
}

// tamper changes one bit of the record with a sequence; a second time changes it
// back.
func tamper(t *testing.T, dir string, sequence uint64) {
	t.Helper()
	key := binary.BigEndian.AppendUint64([]byte("a/default/"), ^sequence)
	inStore(t, dir, func(tx kv.Tx) error {
		record, err := tx.Get(key)
		if err != nil {
			return err
		}
		record[len(record)-1] ^= 1
		return tx.Put(key, record)
	})
}

// TestABackupWithoutTheKeyGivesNothing: a copy of everything but the key file does
// not start, holds no secret, and is complete when the key is put back.
func TestABackupWithoutTheKeyGivesNothing(t *testing.T) {
	t.Parallel()
	shop, s := startInventory(t, canary), up(t, suiteOptions{data: t.TempDir()})
	s.overREST().connect(t, "shop", shop.url, canary)
	if code := s.terminate(t); code != 0 {
		t.Fatalf("it ended with %d", code)
	}
	backup := filepath.Join(t.TempDir(), "backup")
	if err := os.CopyFS(backup, os.DirFS(s.data)); err != nil {
		t.Fatal(err)
	}
	private(t, backup)
	file := filepath.Join(backup, "credential-vault", "kek.json")
	key, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if found := filesWith(t, backup, canary); len(found) != 0 {
		t.Errorf("the secret is in %v", found)
	}
	lost := begin(t, suiteOptions{data: backup})
	if code, text := lost.exit(t), lost.out.String(); code != 1 || !strings.Contains(text, file+" is missing") || !strings.Contains(text, "put it back from its backup") {
		t.Errorf("it ended with %d:\n%s", code, text)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Error("another key was made in place of the one that is missing")
	}
	write(t, file, string(key))
	again := up(t, suiteOptions{data: backup})
	if res, err := again.overREST().invoke(t, "shop", "ListItems", `{"limit": 1}`); err != nil || res.GetStatusCode() != 200 {
		t.Errorf("with its key the backup gives %v, %v", res, err)
	}
}

// private takes the rights to files away from others, as they were where the files
// came from.
func private(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}
