package core

import "context"

// Who owns a connection is told when it is lost, once for each change of its state:
// every write that may put one into error goes through here.

// replace stores what a connection has become, with the notice of it.
func (v *Vault) replace(ctx context.Context, before Connection, w Write) error {
	w.Notice = before.noticeOf(w.Connection)
	if err := v.store.Replace(ctx, w); err != nil {
		return err
	}
	v.logLoss(ctx, w.Connection, w.Notice)
	return nil
}

// writeGrant stores what a grant has become. The notice of the writer comes before
// that of the state: there is never more than one.
func (v *Vault) writeGrant(ctx context.Context, w GrantWrite) error {
	if w.Becomes != nil && w.Notice == NoticeNone {
		w.Notice = w.Of.noticeOf(*w.Becomes)
	}
	if err := v.store.WriteGrant(ctx, w); err != nil {
		return err
	}
	if w.Becomes != nil {
		v.logLoss(ctx, *w.Becomes, w.Notice)
	}
	return nil
}

// noticeOf returns what the owner has to be told of a change.
func (c Connection) noticeOf(after Connection) Notice {
	if after.State == StateError && c.State != StateError {
		return NoticeFailed
	}
	return NoticeNone
}

// logLoss tells whoever runs the process that a connection was lost. The reason is a
// sentence for its owner, without secrets.
func (v *Vault) logLoss(ctx context.Context, conn Connection, n Notice) {
	if n == NoticeFailed || n == NoticeNeedsAuthorization {
		v.log.WarnContext(ctx, "a connection was lost",
			"connection", conn.Name.String(), "owner", conn.Owner, "state", conn.State.String(), "reason", conn.StateReason)
	}
}
