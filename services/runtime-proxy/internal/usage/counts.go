package usage

import (
	"math/bits"
	"time"
)

const (
	// Times below 2^minExponent microseconds share a bucket of the histogram, and
	// so do those from 2^maxExponent on, 18 minutes: longer than any call. Between
	// them are four buckets for each doubling, so that a percentile is within an
	// eighth of the truth.
	minExponent = 8
	maxExponent = 30
	perDoubling = 4
	numBuckets  = 1 + (maxExponent-minExponent)*perDoubling + 1
)

// counts adds up calls.
type counts struct {
	classes        [len(classes)]uint64
	latency        time.Duration
	buckets        [numBuckets]uint32
	sent, received uint64
	replayed       uint64
}

// add counts one call.
func (c *counts) add(class int, sample *Sample) {
	elapsed := max(sample.Elapsed, 0)
	c.classes[class]++
	c.latency += elapsed
	c.buckets[bucketOf(elapsed)]++
	c.sent += uint64(max(sample.RequestBytes, 0))
	c.received += uint64(max(sample.ResponseBytes, 0))
	if sample.Replayed {
		c.replayed++
	}
}

// merge adds the calls that others counted.
func (c *counts) merge(o *counts) {
	for i, n := range o.classes {
		c.classes[i] += n
	}
	for i, n := range o.buckets {
		c.buckets[i] += n
	}
	c.latency += o.latency
	c.sent += o.sent
	c.received += o.received
	c.replayed += o.replayed
}

// calls is the number of calls.
func (c *counts) calls() (n uint64) {
	for _, calls := range c.classes {
		n += calls
	}
	return n
}

// percentile returns the time within which a share of the calls ended, supposing
// that those in a bucket are evenly spread. It is 0 without calls.
func (c *counts) percentile(share float64) time.Duration {
	var all uint64
	for _, n := range c.buckets {
		all += uint64(n)
	}
	wanted, before := share*float64(all), 0.0
	for i, n := range c.buckets {
		if n > 0 && before+float64(n) >= wanted {
			low, high := border(i), border(i+1)
			return low + time.Duration(float64(high-low)*(wanted-before)/float64(n))
		}
		before += float64(n)
	}
	return 0
}

// bucketOf returns the bucket of a time.
func bucketOf(elapsed time.Duration) int {
	micros := uint64(elapsed / time.Microsecond)
	exponent := bits.Len64(micros) - 1
	switch {
	case exponent < minExponent:
		return 0
	case exponent >= maxExponent:
		return numBuckets - 1
	}
	return 1 + (exponent-minExponent)*perDoubling + int(micros>>(exponent-2))&(perDoubling-1)
}

// border returns where a bucket begins; the last one ends where it begins.
func border(bucket int) time.Duration {
	if bucket == 0 {
		return 0
	}
	doublings, part := (bucket-1)/perDoubling, (bucket-1)%perDoubling
	if doublings >= maxExponent-minExponent {
		return time.Microsecond << maxExponent
	}
	return time.Duration(perDoubling+part) << (minExponent - 2 + doublings) * time.Microsecond
}
