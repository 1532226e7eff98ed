package cache

// Settle waits until what is too much is gone.
func (c *Cache) Settle() { c.answers.CleanUp() }
