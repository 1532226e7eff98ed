package postman

import (
	"strconv"
	"strings"
	"unicode"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// addFolder keeps a folder in the order in which folders are shown.
func (t *translation) addFolder(f *folder) *folder {
	f.name = shorten(t.prose(f.node, strings.TrimSpace(f.name)))
	f.description = t.prose(f.node, f.description)
	t.col.folders = append(t.col.folders, f)
	return f
}

// tags makes one tag of each folder. A folder with the name of an earlier one is
// called after its path, or gets a number.
func (t *translation) tags() {
	taken := map[string]bool{}
	for _, f := range t.col.folders {
		name := f.name
		if name == "" {
			name = "Folder"
		}
		if taken[name] && f.parent != nil {
			name = shorten(f.parent.tag + " / " + name)
		}
		f.tag = name
		for i := 2; taken[f.tag]; i++ {
			f.tag = name + " " + strconv.Itoa(i)
		}
		taken[f.tag] = true
		tag := &connectorv1.Tag{Name: f.tag, Description: f.description}
		if f.parent != nil {
			tag.Parent = f.parent.tag
		}
		t.def.Tags = append(t.def.Tags, tag)
	}
}

// operationIDs returns the ids of the operations, unique whatever their case. A
// name that several requests have gets the folder's in front, and what is still
// taken gets a number, in the order of the collection.
func (t *translation) operationIDs() []string {
	fold := strings.ToLower
	if t.col.native {
		fold = strings.Clone // they were unique as they are
	}
	base := make([]string, len(t.col.requests))
	count := map[string]int{}
	for i, r := range t.col.requests {
		if base[i] = t.baseID(r); base[i] != "" {
			count[fold(base[i])]++
		}
	}
	taken, next := map[string]bool{}, map[string]int{}
	ids := make([]string, len(base))
	for i, r := range t.col.requests {
		id := base[i]
		if count[fold(id)] > 1 && r.folder != nil && !t.col.native {
			id = pascal(r.folder.name) + id
		}
		low := fold(id)
		for n := max(next[low], 2); taken[fold(id)]; n++ {
			id = base[i] + strconv.Itoa(n)
			if count[fold(base[i])] > 1 && r.folder != nil && !t.col.native {
				id = pascal(r.folder.name) + id
			}
			next[low] = n
		}
		taken[fold(id)] = true
		ids[i] = id
	}
	return ids
}

// baseID is the id that a request would have if it were alone: its name, or else
// its method and path.
func (t *translation) baseID(r *request) string {
	if t.col.native && r.id != "" {
		return r.id
	}
	if id := pascal(r.name); id != "" {
		return id
	}
	method := strings.ToLower(r.method)
	if method == "" {
		method = "get"
	}
	_, path := cutPath(strings.TrimPrefix(strings.TrimPrefix(r.address.base, "https://"), "http://"))
	if id := pascal(method + " " + path); id != "" {
		return id
	}
	return "Request"
}

// pascal writes the words of a name together, each with a capital letter.
func pascal(name string) string {
	var b strings.Builder
	start := true
	for _, r := range name {
		if b.Len() > maxNameBytes {
			break
		}
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			start = start || r != '\''
			continue
		}
		if start {
			r = unicode.ToUpper(r)
		}
		b.WriteRune(r)
		start = false
	}
	return b.String()
}
