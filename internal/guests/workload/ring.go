//go:build linux

package workload

import "fmt"

// ring sends tokens round a ring of processes: nearly every step is a switch between two address spaces.
func ring(self self, args []string) error {
	n, err := numbers(args, "nodes", "tokens", "laps")
	if err != nil {
		return err
	}
	nodes, tokens, laps := n[0], n[1], n[2]
	links := make([]channel, nodes)
	for i := range links {
		if links[i], err = newChannel(); err != nil {
			return err
		}
		defer links[i].close()
	}
	var processes crew
	for i := range links {
		first := 1
		if i > 0 {
			first = 2
		}
		cmd := self.command("mix-node", first, tokens, laps)
		cmd.Stdin, cmd.Stdout = links[i].r, links[(i+1)%nodes].w
		processes.start(cmd)
	}
	return processes.wait()
}

// node is one process of a ring. The first puts the tokens into the ring and, in the last lap, takes them out.
func node(_ self, args []string) error {
	n, err := numbers(args, "position", "tokens", "laps")
	if err != nil {
		return err
	}
	first, tokens, passes := n[0] == 1, n[1], n[1]*n[2]
	message := make([]byte, messageSize)
	for i := 0; first && i < tokens; i++ {
		if err := writeMessage(1, message); err != nil {
			return err
		}
	}
	for i := range passes {
		if err := readMessage(0, message); err != nil {
			return fmt.Errorf("pass %d of %d: %w", i, passes, err)
		}
		if first && i >= passes-tokens {
			continue
		}
		if err := writeMessage(1, message); err != nil {
			return err
		}
	}
	return nil
}
