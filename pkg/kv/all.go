package kv

import "iter"

// All yields every pair whose key starts with prefix, in ascending order,
// reading page pairs at a time (1..MaxScan; at most one page is in memory). An
// error is yielded once, with a zero pair, and ends the sequence.
//
// It pages by key, so the loop's body may delete what it is given and may write
// elsewhere; what it writes further on under the same prefix is yielded too.
func All(r Reader, prefix []byte, page int) iter.Seq2[Pair, error] {
	return func(yield func(Pair, error) bool) {
		var after []byte
		for {
			pairs, err := r.Scan(prefix, after, page)
			if err != nil {
				yield(Pair{}, err)
				return
			}
			// The cursor is a copy, because a yielded pair belongs to the
			// loop's body, which may change its bytes.
			if len(pairs) > 0 {
				after = append(after[:0], pairs[len(pairs)-1].Key...)
			}
			for _, p := range pairs {
				if !yield(p, nil) {
					return
				}
			}
			if len(pairs) < page {
				return
			}
		}
	}
}
