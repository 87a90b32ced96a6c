//go:build linux

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"

	"switchyard/internal/guests/debian"
)

// provenance is where a recording comes from, as its README tells it.
type provenance struct {
	File    string
	Size    int
	SHA256  string
	Kernel  debian.Package
	Perf    debian.Package
	Release string
	Arch    string
	CPUs    int
	Command string
	Percent int
	Date    time.Time
	Counts  counts
}

// series is the first two numbers of a kernel release.
func series(release string) string {
	parts := strings.SplitN(release, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

func (p provenance) readme() string {
	var text strings.Builder
	if err := readmeTemplate.Execute(&text, p); err != nil {
		panic(fmt.Sprintf("the README's template does not fit its data: %v", err)) // a mistake in this file
	}
	return text.String()
}

// Rows come out in the same order every time, so that two READMEs can be compared.
var readmeTemplate = template.Must(template.New("README").Funcs(template.FuncMap{
	"series": series,
	"events": func(c counts) []string { return slices.Sorted(maps.Keys(c.Events)) },
	"cpus":   func(c counts) []int { return slices.Sorted(maps.Keys(c.Switches)) },
	"join":   func(names []string) string { return "`" + strings.Join(names, "`, `") + "`" },
}).Parse(`# A real recording, bundled

` + "`{{.File}}`" + ` is a recording of a real Linux kernel under a mixed load, compressed with zstd. It is here so that the
project can be tried, tested and measured at once, on any machine. It was recorded inside a guest (QEMU, emulated
CPUs), so it names nothing but the guest's own tasks and the kernel's. This file is written by the command below,
together with the recording; do not edit it.

| | |
|---|---|
| context switches | {{.Counts.Total}}{{range cpus .Counts}}; CPU {{.}}: {{index $.Counts.Switches .}}{{end}} |
| events lost | {{.Counts.Lost}} |
| breaks, where a CPU switches away from another task than it switched to before | {{len .Counts.Breaks}} |
| kernel | {{.Release}}, from Debian's package ` + "`{{.Kernel.Name}}`" + ` {{.Kernel.Version}} |
| CPUs | {{.CPUs}}, {{.Arch}}, emulated by QEMU (TCG, one host thread a CPU) |
| recorded by | perf {{.Perf.Version}} (Debian's ` + "`{{.Perf.Name}}`" + `), in the guest |
| date | {{.Date.Format "2006-01-02"}} |
| size | {{.Size}} bytes |
| sha256 | ` + "`{{.SHA256}}`" + ` |
| licence | the project's own (see LICENSE); a recording of the project's own program holds no code of the kernel |

## Make it again

` + "```" + `
go run ./internal/guests record-sample --kernel {{.Kernel.Name}} --arch {{.Arch}} --cpus {{.CPUs}} --percent {{.Percent}}
` + "```" + `

` + "`go run ./internal/guests check-sample FILE`" + ` has perf read a recording and repeats the checks that were made of this one.
The work is the same each time, the schedule is not, so the bytes differ. When Debian has replaced that kernel
package, name a series instead (` + "`--kernel {{series .Release}}`" + `).

## What ran

` + "```" + `
{{.Command}}
` + "```" + `

` + "`mix`" + ` is ` + "`internal/guests/workload`" + `. In its first act, a ring of processes and a crowded pipe pass messages; pairs of threads
pass them through pipes and futexes; programs are started by vfork and exec and end at once; children are forked that
never exec; durable writes to a loop device keep kernel workers busy; processes end while their threads run; and three
tasks compute, so that the timer has to preempt. In its second act the CPUs are often idle: three tasks
doze and one writes to a disk.

The recording begins and ends on one CPU after the other, within milliseconds: in its last moments a task may come onto a
CPU without having been seen to leave another.

Tasks: {{join .Counts.Names}}.

| event | records |
|---|---|
{{range events .Counts}}| {{.}} | {{index $.Counts.Events .}} |
{{end}}
Beside the events, the file holds perf's side-band records (comm, fork, exit, mmap2), from which a reader can tell
processes, threads and address spaces.
`))
