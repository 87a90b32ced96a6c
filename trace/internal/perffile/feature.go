package perffile

import "bytes"

// Feature numbers, which are bits of the header's bitmap as well.
const (
	FeatureTracingData = 1
	FeatureOSRelease   = 4
	FeatureVersion     = 5
	FeatureArch        = 6
	FeatureNRCPUs      = 7
	FeatureCmdline     = 11
	FeatureEventDesc   = 12
	lastFeature        = 255
)

// Wanted says whether anybody looks at a feature.
func Wanted(feature int) bool {
	switch feature {
	case FeatureTracingData, FeatureOSRelease, FeatureVersion, FeatureArch, FeatureNRCPUs, FeatureCmdline, FeatureEventDesc:
		return true
	}
	return false
}

// Present lists the features that the header announces, in the order of their sections.
func (h *Header) Present() []int {
	var list []int
	for f := 0; f <= lastFeature; f++ {
		if h.Features[f/64]&(1<<(f%64)) != 0 {
			list = append(list, f)
		}
	}
	return list
}

// FeatureString reads a counted string.
func FeatureString(b []byte) string {
	s, _ := cutString(b)
	return s
}

// FeatureStrings reads a counted list of counted strings.
func FeatureStrings(b []byte) []string {
	if len(b) < 4 {
		return nil
	}
	n := le.Uint32(b)
	b = b[4:]
	var list []string
	for ; n > 0 && len(b) >= 4; n-- {
		var s string
		s, b = cutString(b)
		list = append(list, s)
	}
	return list
}

func cutString(b []byte) (string, []byte) {
	if len(b) < 4 {
		return "", nil
	}
	n := min(uint64(le.Uint32(b)), uint64(len(b)-4))
	s, rest := b[4:4+n], b[4+n:]
	if i := bytes.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	return string(s), rest
}

// FeatureCPUs gives the number of CPUs configured and on line.
func FeatureCPUs(b []byte) (configured, online int) {
	if len(b) < 8 {
		return 0, 0
	}
	return int(le.Uint32(b)), int(le.Uint32(b[4:]))
}

// EventNames reads names and ids out of EVENT_DESC.
func EventNames(b []byte, name func(name string, ids []uint64)) {
	if len(b) < 8 {
		return
	}
	events, attrSize := le.Uint32(b), uint64(le.Uint32(b[4:]))
	b = b[8:]
	for ; events > 0 && uint64(len(b)) >= attrSize+8; events-- {
		nr := uint64(le.Uint32(b[attrSize:]))
		text, rest := cutString(b[attrSize+4:])
		if nr > uint64(len(rest)/8) {
			return
		}
		ids := make([]uint64, nr)
		for i := range ids {
			ids[i] = le.Uint64(rest[8*i:])
		}
		name(text, ids)
		b = rest[8*nr:]
	}
}
