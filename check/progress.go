package check

import (
	"sync"
	"time"
)

func (s *search) watch() (stop func()) {
	if s.opt.Progress == nil {
		return func() {}
	}
	every := s.opt.Every
	if every == 0 {
		every = time.Second
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				s.opt.Progress(s.progress())
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

func (s *search) progress() Progress {
	p := Progress{Distinct: s.distinct.Load(), Generated: s.generated.Load(), Depth: int(s.depth.Load()),
		Elapsed: time.Since(s.begun), Bytes: s.peak.Load(), Memory: s.opt.Memory, Disk: s.onDisk.Load(),
		Frontier: uint64(max(0, s.frontier.Load()))}
	return p
}
