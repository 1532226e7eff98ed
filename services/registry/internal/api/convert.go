package api

import (
	"math"

	"google.golang.org/protobuf/types/known/timestamppb"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/diff"
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
		Publisher:         c.Publisher,
		Categories:        c.Categories,
		Authentication:    c.Authentication,
		HasIcon:           c.HasIcon,
		SourceUrl:         c.URL,
		Owner:             c.Owner,
		Editors:           c.Editors,
	}
}

func revisionTo(r core.Revision) *registryv1.Revision {
	return &registryv1.Revision{
		Name:            r.Name.String(),
		State:           stateTo(r.State),
		Format:          formatTo(r.Format),
		ActionCount:     number(r.Actions),
		TriggerCount:    number(r.Triggers),
		CreateTime:      timestamppb.New(r.Created),
		SourceBytes:     r.SourceBytes,
		Title:           r.Title,
		Edited:          r.Edited,
		Selection:       selectionTo(r.Selection),
		SourceUrl:       r.URL,
		DeprecationNote: r.Note,
	}
}

func stateTo(s core.State) registryv1.RevisionState {
	switch s {
	case core.Draft:
		return registryv1.RevisionState_REVISION_STATE_DRAFT
	case core.Published:
		return registryv1.RevisionState_REVISION_STATE_PUBLISHED
	case core.Deprecated:
		return registryv1.RevisionState_REVISION_STATE_DEPRECATED
	}
	return registryv1.RevisionState_REVISION_STATE_UNSPECIFIED
}

func selectionTo(s core.Selection) *registryv1.OperationSelection {
	if s.All() {
		return nil
	}
	return &registryv1.OperationSelection{Only: s.Only, Except: s.Except}
}

func selectionFrom(s *registryv1.OperationSelection) core.Selection {
	return core.Selection{Only: s.GetOnly(), Except: s.GetExcept()}
}

func diffTo(d *core.Diff) *registryv1.RevisionDiff {
	if d == nil {
		return nil
	}
	out := &registryv1.RevisionDiff{Base: d.Base.String(), BreakingCount: number(d.Breaking), ChangeCount: number(d.Total)}
	if d.Revision.ID != "" {
		out.Revision = d.Revision.String()
	}
	for _, c := range d.Changes {
		out.Changes = append(out.Changes, &registryv1.Change{
			Impact: impactTo(c.Impact), Code: c.Code, Message: c.Message, OperationId: c.OperationID, Subject: c.Subject,
		})
	}
	return out
}

func impactTo(i diff.Impact) registryv1.ChangeImpact {
	switch i {
	case diff.None:
		return registryv1.ChangeImpact_CHANGE_IMPACT_NONE
	case diff.Compatible:
		return registryv1.ChangeImpact_CHANGE_IMPACT_COMPATIBLE
	case diff.Risky:
		return registryv1.ChangeImpact_CHANGE_IMPACT_RISKY
	case diff.Breaking:
		return registryv1.ChangeImpact_CHANGE_IMPACT_BREAKING
	}
	return registryv1.ChangeImpact_CHANGE_IMPACT_UNSPECIFIED
}

func detailTo(d core.RevisionDetail) *registryv1.Revision {
	r := revisionTo(d.Revision)
	r.Findings = findingsTo(d.Findings)
	r.Definition = d.Definition
	return r
}

// outcomeTo is the revision that something was done with.
func outcomeTo(out core.Outcome) *registryv1.Revision {
	return detailTo(core.RevisionDetail{Revision: out.Revision, Findings: out.Findings})
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

// formats are the source formats as the interface has them.
var formats = map[registryv1.SourceFormat]format.ID{
	registryv1.SourceFormat_SOURCE_FORMAT_OPENAPI2:          format.OpenAPI2,
	registryv1.SourceFormat_SOURCE_FORMAT_OPENAPI3:          format.OpenAPI3,
	registryv1.SourceFormat_SOURCE_FORMAT_CONNECTOR_PACKAGE: format.ConnectorPackage,
	registryv1.SourceFormat_SOURCE_FORMAT_POSTMAN:           "postman",
	registryv1.SourceFormat_SOURCE_FORMAT_FERRULE:           "ferrule",
}

func formatTo(id format.ID) registryv1.SourceFormat {
	for f, known := range formats {
		if known == id {
			return f
		}
	}
	return registryv1.SourceFormat_SOURCE_FORMAT_UNSPECIFIED
}

// formatFrom returns "" for the format that is to be detected.
func formatFrom(f registryv1.SourceFormat) format.ID { return formats[f] }

// exportFrom returns "" for the format of the revision's own source.
func exportFrom(f registryv1.ExportFormat) core.ExportFormat {
	switch f {
	case registryv1.ExportFormat_EXPORT_FORMAT_CONNECTOR_PACKAGE:
		return core.ExportConnectorPackage
	case registryv1.ExportFormat_EXPORT_FORMAT_OPENAPI31:
		return core.ExportOpenAPI31
	case registryv1.ExportFormat_EXPORT_FORMAT_OPENAPI30:
		return core.ExportOpenAPI30
	case registryv1.ExportFormat_EXPORT_FORMAT_OPENAPI2:
		return core.ExportOpenAPI2
	case registryv1.ExportFormat_EXPORT_FORMAT_POSTMAN:
		return core.ExportPostman
	case registryv1.ExportFormat_EXPORT_FORMAT_FERRULE:
		return core.ExportFerrule
	case registryv1.ExportFormat_EXPORT_FORMAT_UNSPECIFIED:
	}
	return ""
}

func filesTo(files []format.File) []*registryv1.SourceFile {
	var list []*registryv1.SourceFile
	for _, f := range files {
		list = append(list, &registryv1.SourceFile{Path: f.Path, Content: f.Content, Url: f.URL})
	}
	return list
}

func filesFrom(files *registryv1.SourceFiles) []format.File {
	var list []format.File
	for _, f := range files.GetFiles() {
		list = append(list, format.File{Path: f.GetPath(), Content: f.GetContent(), URL: f.GetUrl()})
	}
	return list
}
