package trace

import (
	"fmt"
	"io"

	"switchyard/trace/internal/perffile"
)

// Limits on what a header may claim, each far above what perf writes.
const (
	maxAttrSize    = 4 << 10
	maxAttrs       = 16 << 20
	maxIDs         = 64 << 20
	maxFeature     = 16 << 20
	attrIDsSection = 16
)

// openFile reads header, attributes and features. The features stand at the end of the file, and the
// formats are among them: without them, a file that was cut short has samples that cannot be named.
func (p *perf) openFile(s stream, h *perffile.Header) error {
	if s.at == nil {
		return fmt.Errorf("is a perf.data in file mode, which cannot be read from a pipe: save it, or record with `perf record -o -`")
	}
	if err := p.readAttrs(s.at, h); err != nil {
		return err
	}
	end, ok := h.Data.End()
	if !ok || int64(h.Data.Offset) > s.at.Size() {
		return &DamageError{Format: perffile.FormatName, Offset: 40,
			What: fmt.Sprintf("the header places %d bytes of records at byte %d, in a file of %d", h.Data.Size, h.Data.Offset, s.at.Size())}
	}
	size := int64(h.Data.Size)
	if size > 0 {
		p.dataEnd = end
		p.readFeatures(s.at, h, end)
	} else {
		// perf fills in the size when it is done.
		size = max(0, s.size-int64(h.Data.Offset))
		p.lost.FormatProblems = append(p.lost.FormatProblems,
			"the header states no records, as perf leaves it when it is killed; all that follows is taken for records, and the formats are missing")
	}
	data := io.NewSectionReader(s.at, int64(h.Data.Offset), size)
	p.in = perffile.NewInput(data, int64(h.Data.Offset), &p.pool, false)
	return nil
}

func (p *perf) readAttrs(at perffile.File, h *perffile.Header) error {
	if h.AttrSize <= attrIDsSection || h.AttrSize > maxAttrSize {
		return &DamageError{Format: perffile.FormatName, Offset: 16,
			What: fmt.Sprintf("the header states %d bytes for each event attribute", h.AttrSize)}
	}
	b, err := perffile.ReadSection(at, h.Attrs, maxAttrs, "attributes")
	if err != nil {
		return err
	}
	for n := int(h.AttrSize); len(b) >= n; b = b[n:] {
		a, err := perffile.ParseAttr(b[:n-attrIDsSection])
		if err != nil {
			return &DamageError{Format: perffile.FormatName, Offset: int64(h.Attrs.Offset), What: err.Error()}
		}
		ids, err := perffile.ReadSection(at, perffile.ParseSection(b[n-attrIDsSection:]), maxIDs, "event ids")
		if err != nil {
			return err
		}
		a.IDs = perffile.ParseWords(ids)
		p.addAttr(a)
	}
	return nil
}

// readFeatures takes what is readable: records make sense without most of them.
func (p *perf) readFeatures(at perffile.File, h *perffile.Header, table int64) {
	problem := func(err error) {
		p.lost.FormatProblems = append(p.lost.FormatProblems, err.Error())
	}
	present := h.Present()
	b, err := perffile.ReadSection(at, perffile.Section{Offset: uint64(table), Size: uint64(16 * len(present))}, maxFeature, "table of features")
	if err != nil {
		problem(err)
	}
	for _, number := range present {
		if len(b) < 16 {
			return
		}
		section := perffile.ParseSection(b)
		b = b[16:]
		limit := uint64(maxFeature)
		if number == perffile.FeatureTracingData {
			limit = maxTracingData
		}
		if !perffile.Wanted(number) {
			continue
		}
		data, err := perffile.ReadSection(at, section, limit, fmt.Sprintf("feature %d", number))
		if err != nil {
			problem(err)
			continue
		}
		p.feature(number, data, int64(section.Offset))
	}
}
