package intake

import "encoding/asn1"

const (
	// maxIterations bounds the work of opening PKCS#12. Programs that make it use
	// from 1 to 600,000.
	maxIterations = 2_000_000
	// maxDepth bounds how deep structures are looked into.
	maxDepth = 24
)

// cheap reports whether PKCS#12 can be opened with little work. Each of its
// passwords is derived as often as the file says, and a file may say 2^62. The
// number always follows the salt: an INTEGER behind an OCTET STRING.
func cheap(der []byte) bool {
	var outer asn1.RawValue
	rest, err := asn1.Unmarshal(der, &outer)
	return err == nil && len(rest) == 0 && outer.IsCompound && cheapIn(outer.Bytes, maxDepth)
}

func cheapIn(content []byte, depth int) bool {
	if depth == 0 {
		return false
	}
	salted := false
	for len(content) > 0 {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(content, &v)
		if err != nil {
			return true // these bytes are no structure, so they are no number either
		}
		content = rest
		octets := v.Class == asn1.ClassUniversal && v.Tag == asn1.TagOctetString
		if salted && v.Class == asn1.ClassUniversal && v.Tag == asn1.TagInteger && !few(v.FullBytes) {
			return false
		}
		if (v.IsCompound || octets) && !cheapIn(v.Bytes, depth-1) {
			return false
		}
		salted = octets
	}
	return true
}

// few reports whether a number is one of iterations that are bearable.
func few(der []byte) bool {
	var n int64
	_, err := asn1.Unmarshal(der, &n)
	return err == nil && n <= maxIterations
}
