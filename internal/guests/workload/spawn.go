//go:build linux

package workload

import "errors"

// spawn starts short programs one after the other, in several lanes at once: vfork, exec, exit.
func spawn(self self, args []string) error {
	n, err := numbers(args, "lanes", "children")
	if err != nil {
		return err
	}
	done := make(chan error, n[0])
	for range n[0] {
		go func() { done <- lane(self, n[1]) }()
	}
	for range n[0] {
		err = errors.Join(err, <-done)
	}
	return err
}

func lane(self self, children int) error {
	for range children {
		if err := self.command("mix-child").Run(); err != nil {
			return err
		}
	}
	return nil
}

// child is the program that is started most often, and does nothing: what there is to see is its beginning and its end.
func child(_ self, args []string) error {
	_, err := numbers(args)
	return err
}
