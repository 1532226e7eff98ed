package links

// Ours reports whether a link is one that this maker makes, whoever wrote it.
func (m *Maker) Ours(link string) bool {
	if _, ours := m.cutPublic(link); !ours {
		return false
	}
	_, err := m.Open(link)
	return err == nil
}
