package api

import (
	"math"

	"google.golang.org/protobuf/types/known/timestamppb"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// number returns a count as the interface has it. None comes near the limit.
func number(n int) int32 {
	if n < 0 || n > math.MaxInt32 {
		return math.MaxInt32
	}
	return int32(n)
}

func connectorTo(c core.Connector) *registryv1.Connector {
	revision := func(id string) string {
		if id == "" {
			return ""
		}
		return resource.Revision{Environment: c.Name.Environment, Connector: c.Name.ID, ID: id}.String()
	}
	return &registryv1.Connector{
		Name:              c.Name.String(),
		Title:             c.Title,
		Description:       c.Description,
		Format:            formatTo(c.Format),
		PublishedRevision: revision(c.Published),
		LatestRevision:    revision(c.Latest),
		ActionCount:       number(c.Actions),
		TriggerCount:      number(c.Triggers),
		CreateTime:        timestamppb.New(c.Created),
		UpdateTime:        timestamppb.New(c.Updated),
		Etag:              c.Etag(),
	}
}

func revisionTo(r core.Revision) *registryv1.Revision {
	state := registryv1.RevisionState_REVISION_STATE_DRAFT
	if r.State == core.Published {
		state = registryv1.RevisionState_REVISION_STATE_PUBLISHED
	}
	return &registryv1.Revision{
		Name:         r.Name.String(),
		State:        state,
		Format:       formatTo(r.Format),
		ActionCount:  number(r.Actions),
		TriggerCount: number(r.Triggers),
		CreateTime:   timestamppb.New(r.Created),
		SourceBytes:  r.SourceBytes,
	}
}

func detailTo(d core.RevisionDetail) *registryv1.Revision {
	r := revisionTo(d.Revision)
	r.Findings = findingsTo(d.Findings)
	r.Definition = d.Definition
	return r
}

func findingsTo(list []format.Finding) []*registryv1.Finding {
	out := make([]*registryv1.Finding, len(list))
	for i, f := range list {
		out[i] = &registryv1.Finding{
			Severity: severityTo(f.Severity),
			Code:     f.Code,
			Message:  f.Message,
			Remedy:   f.Remedy,
			Path:     f.Path,
			Pointer:  f.Pointer,
			Line:     number(f.Line),
			Column:   number(f.Column),
		}
	}
	return out
}

func severityTo(s format.Severity) registryv1.Severity {
	switch s {
	case format.Info:
		return registryv1.Severity_SEVERITY_INFO
	case format.Warning:
		return registryv1.Severity_SEVERITY_WARNING
	case format.Error:
		return registryv1.Severity_SEVERITY_ERROR
	}
	return registryv1.Severity_SEVERITY_UNSPECIFIED
}

func formatTo(id format.ID) registryv1.SourceFormat {
	switch id {
	case format.OpenAPI2:
		return registryv1.SourceFormat_SOURCE_FORMAT_OPENAPI2
	case format.ConnectorPackage:
		return registryv1.SourceFormat_SOURCE_FORMAT_CONNECTOR_PACKAGE
	}
	return registryv1.SourceFormat_SOURCE_FORMAT_UNSPECIFIED
}

func formatFrom(f registryv1.SourceFormat) format.ID {
	switch f {
	case registryv1.SourceFormat_SOURCE_FORMAT_OPENAPI2:
		return format.OpenAPI2
	case registryv1.SourceFormat_SOURCE_FORMAT_CONNECTOR_PACKAGE:
		return format.ConnectorPackage
	case registryv1.SourceFormat_SOURCE_FORMAT_UNSPECIFIED:
	}
	return ""
}

func filesFrom(files *registryv1.SourceFiles) []format.File {
	var list []format.File
	for _, f := range files.GetFiles() {
		list = append(list, format.File{Path: f.GetPath(), Content: f.GetContent()})
	}
	return list
}
