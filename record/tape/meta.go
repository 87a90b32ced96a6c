package tape

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// Meta is what a recording says about itself.
type Meta struct {
	Release string            // uname -r
	Arch    string            // uname -m
	CPUs    int               // possible
	Online  int               // when the recording began
	Clock   string            // what Time counts
	Tool    string            // the recorder and its version
	Command string            // what was run meanwhile
	Config  map[string]string // kernel options and settings that change what a switch does
	Missing []string          // probes that this kernel does not have
}

const (
	formatKey  = "switchyard.format"
	format     = "1"
	configPart = "config."
)

func (m *Meta) metadata() arrow.Metadata {
	all := map[string]string{
		formatKey: format, "kernel.release": m.Release, "kernel.arch": m.Arch, "cpus": strconv.Itoa(m.CPUs),
		"cpus.online": strconv.Itoa(m.Online), "clock": m.Clock, "tool": m.Tool, "command": m.Command,
		"missing": strings.Join(m.Missing, " "),
	}
	for k, v := range m.Config {
		all[configPart+k] = v
	}
	keys := slices.Sorted(maps.Keys(all))
	values := make([]string, len(keys))
	for i, k := range keys {
		values[i] = all[k]
	}
	return arrow.NewMetadata(keys, values)
}

// maxCPUs is more than any kernel can have: CONFIG_NR_CPUS ends at 8192.
const maxCPUs = 8192

func parseMeta(md arrow.Metadata) (Meta, error) {
	m := Meta{Config: map[string]string{}}
	all := md.ToMap()
	switch v, ours := all[formatKey]; {
	case !ours:
		return m, fmt.Errorf("is an Arrow stream, but not of `switchyard record`: it has no %s in its schema", formatKey)
	case v != format:
		return m, fmt.Errorf("is a recording of format %q, and this program reads format %s: use a newer switchyard", v, format)
	}
	m.Release, m.Arch, m.Clock, m.Tool, m.Command = all["kernel.release"], all["kernel.arch"], all["clock"], all["tool"], all["command"]
	m.Missing = strings.Fields(all["missing"])
	for k, v := range all {
		if name, ok := strings.CutPrefix(k, configPart); ok {
			m.Config[name] = v
		}
	}
	var err error
	if m.CPUs, err = count(all, "cpus"); err != nil {
		return m, err
	}
	m.Online, err = count(all, "cpus.online")
	return m, err
}

func count(all map[string]string, key string) (int, error) {
	n, err := strconv.Atoi(all[key])
	if err != nil || n < 1 || n > maxCPUs {
		return 0, fmt.Errorf("its schema says %s = %q, which is no number of CPUs", key, all[key])
	}
	return n, nil
}
