package postman

import connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"

// folders are the tags of a definition as folders.
type folders struct {
	w      *writer
	byName map[string]*item
}

// folders makes a folder of each tag, in the folder of its parent.
func (w *writer) folders() *folders {
	f := &folders{w: w, byName: map[string]*item{}}
	tags := map[string]*connectorv1.Tag{}
	for _, t := range w.def.GetTags() {
		if tags[t.GetName()] == nil {
			tags[t.GetName()] = t
		}
	}
	for _, t := range w.def.GetTags() {
		f.folder(t.GetName(), tags, 0)
	}
	return f
}

// maxFolderDepth is the number of folders inside each other; tags below it, and
// tags that hold themselves, go to the top.
const maxFolderDepth = 16

func (f *folders) folder(name string, tags map[string]*connectorv1.Tag, depth int) *item {
	if known := f.byName[name]; known != nil {
		return known
	}
	tag := tags[name]
	made := &item{Name: name, Description: tag.GetDescription(), Item: []*item{}}
	f.byName[name] = made
	if parent := tag.GetParent(); tags[parent] != nil && depth < maxFolderDepth && !holds(tags, name, parent) {
		above := f.folder(parent, tags, depth+1)
		above.Item = append(above.Item, made)
	} else {
		f.w.col.Item = append(f.w.col.Item, made)
	}
	return made
}

// holds reports whether the tag is one of those above the other.
func holds(tags map[string]*connectorv1.Tag, name, below string) bool {
	for range maxFolderDepth {
		if below == name {
			return true
		}
		if below = tags[below].GetParent(); tags[below] == nil {
			return false
		}
	}
	return true
}

// add puts a request into the folder of its first tag.
func (f *folders) add(op *connectorv1.Operation, it *item) {
	if len(op.GetTags()) == 0 || op.GetTags()[0] == "" {
		f.w.col.Item = append(f.w.col.Item, it)
		return
	}
	folder := f.folder(op.GetTags()[0], nil, 0)
	folder.Item = append(folder.Item, it)
}
