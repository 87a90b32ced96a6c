//go:build linux

package workload

import (
	"flag"
	"fmt"
	"io"
	"os/exec"
)

// Amounts is how much of each kind of work the mix does.
type Amounts struct {
	RingLaps     int // laps of two tokens in a ring of six processes
	Messages     int // messages of each of four senders, to three receivers
	ThreadRounds int // rounds of each of four pairs of threads
	Children     int // programs started in each of two lanes
	Litters      int // rounds of four forks
	LoopWrites   int // durable writes to a loop device
	Leavers      int // processes that end while their threads run
	SpinUnits    int // of each of three spinners

	DiskWrites int // durable writes to a disk
	Naps       int // of each of three sleepers
}

// Full is the mix at 100 percent: somewhat more than 200,000 switches on two CPUs.
var Full = Amounts{
	RingLaps:     1400,
	Messages:     25000,
	ThreadRounds: 2000,
	Children:     350,
	Litters:      250,
	LoopWrites:   3000,
	Leavers:      100,
	SpinUnits:    10000,

	DiskWrites: 2500,
	Naps:       3500,
}

// Percent scales the amounts; nothing falls below 1, so that every kind of work takes part.
func (a Amounts) Percent(p int) Amounts {
	for _, amount := range a.all() {
		*amount = max(1, *amount*p/100)
	}
	return a
}

func (a *Amounts) all() []*int {
	return []*int{&a.RingLaps, &a.Messages, &a.ThreadRounds, &a.Children, &a.Litters, &a.LoopWrites,
		&a.Leavers, &a.SpinUnits, &a.DiskWrites, &a.Naps}
}

// plan is what the conductor was asked for.
type plan struct {
	amounts    Amounts
	disk, loop string
	filters    int
	module     string
	loads      int
}

func parsePlan(args []string) (plan, error) {
	flags := flag.NewFlagSet("mix", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the caller prints the error
	percent := flags.Int("percent", 100, "amount of work")
	disk := flags.String("disk", "", "block device or file to write to")
	loop := flags.String("loop", "", "file to make a loop device of and to write to")
	filters := flags.Int("filters", 0, "packet filters to attach; 0: none")
	module := flags.String("module", "", "kernel module to load and to take out again")
	loads := flags.Int("loads", 1, "how often")
	if err := flags.Parse(args); err != nil {
		return plan{}, err
	}
	if flags.NArg() > 0 {
		return plan{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *percent < 1 {
		return plan{}, fmt.Errorf("-percent must be above 0, not %d", *percent)
	}
	return plan{amounts: Full.Percent(*percent), disk: *disk, loop: *loop, filters: *filters, module: *module, loads: *loads}, nil
}

// conduct plays two acts, each with all its parts at once: in the first there are always more tasks than CPUs, in the
// second the CPUs are often idle.
func conduct(self self, args []string) error {
	p, err := parsePlan(args)
	if err != nil {
		return err
	}
	busy, err := p.busy(self)
	if err != nil {
		return err
	}
	if err := play(busy); err != nil {
		return err
	}
	return play(p.quiet(self))
}

func play(parts []*exec.Cmd) error {
	var all crew
	for _, cmd := range parts {
		all.start(cmd)
	}
	return all.wait()
}

func (p plan) busy(self self) ([]*exec.Cmd, error) {
	a := p.amounts
	parts := []*exec.Cmd{
		self.command("mix-ring", 6, 2, a.RingLaps),
		self.command("mix-group", 4, 3, a.Messages),
		self.command("mix-threads", 4, a.ThreadRounds),
		self.command("mix-spawner", 2, a.Children),
		self.command("mix-forker", a.Litters, 4),
		self.command("mix-leavers", a.Leavers, 4),
	}
	for range 3 {
		parts = append(parts, self.command("mix-spinner", a.SpinUnits))
	}
	if p.filters > 0 {
		parts = append(parts, self.command("mix-filter", p.filters))
	}
	if p.module != "" {
		parts = append(parts, self.command("mix-module", p.module, p.loads))
	}
	if p.loop == "" {
		return parts, nil
	}
	device, err := attachLoop(p.loop, 8<<20)
	return append(parts, self.command("mix-writer", device, a.LoopWrites)), err
}

func (p plan) quiet(self self) []*exec.Cmd {
	var parts []*exec.Cmd
	for range 3 {
		parts = append(parts, self.command("mix-sleeper", p.amounts.Naps))
	}
	if p.disk != "" {
		parts = append(parts, self.command("mix-writer", p.disk, p.amounts.DiskWrites))
	}
	return parts
}
