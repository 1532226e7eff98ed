package core_test

import (
	"bytes"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/store"
)

const png = "\x89PNG\r\n\x1a\n"

func TestPicturesAreRecognisedByTheirContent(t *testing.T) {
	for _, row := range []struct {
		name, file string
		content    []byte
		want       string // media type; "" for none
	}{
		{"PNG", "icon.png", []byte(png + "…"), "image/png"},
		{"JPEG", "icon.png", []byte("\xff\xd8\xff\xe0"), "image/jpeg"},
		{"GIF", "icon.gif", []byte("GIF89a…"), "image/gif"},
		{"an old GIF", "icon.gif", []byte("GIF87a…"), "image/gif"},
		{"WebP", "icon", []byte("RIFF\x00\x00\x00\x00WEBPVP8 "), "image/webp"},
		{"another RIFF file", "icon.webp", []byte("RIFF\x00\x00\x00\x00WAVE"), ""},
		{"a short RIFF file", "icon.webp", []byte("RIFF"), ""},
		{"SVG, which could hold scripts, as plain bytes", "icon.svg", []byte("<svg xmlns='…'><script/></svg>"), "application/octet-stream"},
		{"SVG with a prologue", "icon.svg", []byte("\xef\xbb\xbf \n<?xml version='1.0'?>\n<!-- x --><svg/>"), "application/octet-stream"},
		{"HTML", "icon.svg", []byte("<html><script>"), ""},
		{"text that speaks of SVG", "icon.svg", []byte("this is <svg"), ""},
		{"nothing", "icon.png", nil, ""},
		{"a picture as large as it may be", "icon.png", append([]byte(png), make([]byte, core.MaxIconBytes-len(png))...), "image/png"},
		{"a picture that is too large", "icon.png", append([]byte(png), make([]byte, core.MaxIconBytes-len(png)+1)...), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t)
			name := r.withIcon(&connectorv1.Icon{Place: &connectorv1.Icon_File{File: row.file}}, format.File{Path: row.file, Content: row.content})
			icon, err := r.Icon(t.Context(), name)
			if row.want == "" {
				if fault.ReasonOf(err) != fault.ReasonIconNotFound || fault.CodeOf(err) != fault.CodeNotFound {
					t.Errorf("icon %q, %v", icon.ContentType, err)
				}
				return
			}
			if err != nil || icon.ContentType != row.want || !bytes.Equal(icon.Content, row.content) {
				t.Errorf("icon %q, %v", icon.ContentType, err)
			}
		})
	}
}

// withIcon stores a connector with a picture, as an importer that knows pictures
// would have made it.
func (r *rig) withIcon(icon *connectorv1.Icon, files ...format.File) resource.Revision {
	r.t.Helper()
	s := store.New(r.raw, r.announce)
	packed, err := s.Pack(core.Content{Definition: &connectorv1.Definition{Info: &connectorv1.Info{Title: "T", Icon: icon}}, Files: files})
	if err != nil {
		r.t.Fatal(err)
	}
	name := resource.Revision{Environment: "default", Connector: "crm", ID: "r1"}
	err = s.Update(r.t.Context(), func(tx core.Tx) error {
		if err := tx.PutConnector(core.Connector{Name: crm, Latest: "r1", Created: now}); err != nil {
			return err
		}
		return tx.PutRevision(core.Revision{Name: name, Sequence: 1, Files: len(files)}, packed)
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return name
}

func TestConnectorsWithoutAPicture(t *testing.T) {
	for name, icon := range map[string]*connectorv1.Icon{
		"none":                       nil,
		"elsewhere":                  {Place: &connectorv1.Icon_Url{Url: "https://h.example/icon.png"}},
		"a file that is not there":   {Place: &connectorv1.Icon_File{File: "other.png"}},
		"another file of the source": {Place: &connectorv1.Icon_File{File: "readme.md"}},
	} {
		r := newRig(t)
		rev := r.withIcon(icon, format.File{Path: "icon.png", Content: []byte(png)}, format.File{Path: "readme.md", Content: []byte("hello")})
		if _, err := r.Icon(t.Context(), rev); fault.ReasonOf(err) != fault.ReasonIconNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := newRig(t).Icon(t.Context(), latest); fault.ReasonOf(err) != fault.ReasonConnectorNotFound {
		t.Errorf("no connector: %v", err)
	}
}

func TestConnectorsSayWhetherTheyHaveAPicture(t *testing.T) {
	files := append(swagger("CRM", 1), format.File{Path: "icon.png", Content: []byte(png)}, format.File{Path: "readme.md", Content: []byte("hello")})
	for name, row := range map[string]struct {
		file string
		want bool
	}{
		"a picture":                {"icon.png", true},
		"one that is not there":    {"x.png", false},
		"something else":           {"readme.md", false},
		"nothing that has a place": {"", false},
	} {
		r := newRig(t)
		r.mustImport(core.ImportRequest{ID: "crm", Files: files})
		out, err := r.Update(t.Context(), core.UpdateRequest{
			Name: crm, Paths: []string{"info.icon"}, Intent: core.Intent{Publish: core.PublishAlways},
			Patch: &connectorv1.Definition{Info: &connectorv1.Info{Icon: &connectorv1.Icon{Place: &connectorv1.Icon_File{File: row.file}}}},
		})
		if err != nil || out.Connector.HasIcon != row.want || out.Revision.HasIcon != row.want {
			t.Errorf("%s: %t, %v", name, out.Connector.HasIcon, err)
		}
	}
}
