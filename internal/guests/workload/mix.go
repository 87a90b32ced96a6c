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
	DiskWrites   int
	LoopWrites   int
	Leavers      int // processes that end while their threads run
	SpinUnits    int // of each of three spinners
}

// Full is the mix at 100 percent: somewhat more than 200,000 switches on two CPUs.
var Full = Amounts{
	RingLaps:     3500,
	Messages:     25000,
	ThreadRounds: 7000,
	Children:     350,
	Litters:      250,
	DiskWrites:   2500,
	LoopWrites:   4000,
	Leavers:      100,
	SpinUnits:    10000,
}

// Percent scales the amounts; nothing falls below 1, so that every kind of work takes part.
func (a Amounts) Percent(p int) Amounts {
	for _, amount := range a.all() {
		*amount = max(1, *amount*p/100)
	}
	return a
}

func (a *Amounts) all() []*int {
	return []*int{&a.RingLaps, &a.Messages, &a.ThreadRounds, &a.Children, &a.Litters, &a.DiskWrites, &a.LoopWrites,
		&a.Leavers, &a.SpinUnits}
}

// conduct runs everything at once.
func conduct(self self, args []string) error {
	flags := flag.NewFlagSet("mix", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the caller prints the error
	percent := flags.Int("percent", 100, "amount of work")
	disk := flags.String("disk", "", "block device or file to write to")
	loop := flags.String("loop", "", "file to make a loop device of and to write to")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *percent < 1 {
		return fmt.Errorf("-percent must be above 0, not %d", *percent)
	}
	a := Full.Percent(*percent)
	commands := a.commands(self)
	if *disk != "" {
		commands = append(commands, self.command("mix-writer", *disk, a.DiskWrites))
	}
	if *loop != "" {
		device, err := attachLoop(*loop, 8<<20)
		if err != nil {
			return err
		}
		commands = append(commands, self.command("mix-writer", device, a.LoopWrites))
	}
	var all crew
	for _, cmd := range commands {
		all.start(cmd)
	}
	return all.wait()
}

func (a Amounts) commands(self self) []*exec.Cmd {
	commands := []*exec.Cmd{
		self.command("mix-ring", 6, 2, a.RingLaps),
		self.command("mix-group", 4, 3, a.Messages),
		self.command("mix-threads", 4, a.ThreadRounds),
		self.command("mix-spawner", 2, a.Children),
		self.command("mix-forker", a.Litters, 4),
		self.command("mix-leavers", a.Leavers, 4),
	}
	for range 3 {
		commands = append(commands, self.command("mix-spinner", a.SpinUnits))
	}
	return commands
}
