package main

import (
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress is a bar on a terminal, and nothing anywhere else.
type progress struct {
	bar  *progressbar.ProgressBar
	name string
}

func newProgress(name string) *progress { return &progress{name: name} }

// update is told how many bytes of how many are done; total is 0 where nobody knows.
func (p *progress) update(done, total int64) {
	if p.bar == nil {
		if !term.IsTerminal(int(os.Stderr.Fd())) {
			return
		}
		if total == 0 {
			total = -1
		}
		p.bar = progressbar.NewOptions64(total, progressbar.OptionSetDescription(p.name), progressbar.OptionShowBytes(true),
			progressbar.OptionSetWriter(os.Stderr), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())
	}
	// A bar that cannot be drawn is no reason to stop.
	_ = p.bar.Set64(done)
}

func (p *progress) done() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
