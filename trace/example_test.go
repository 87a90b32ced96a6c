package trace_test

import (
	"errors"
	"fmt"
	"io"
	"log"

	"switchyard/trace"
)

func Example() {
	r, err := trace.Open("testdata/perf/one-task.data")
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()

	var e trace.Event
	switches := 0
	for {
		err := r.Next(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		if e.Kind == trace.Switch {
			switches++
		}
	}
	fmt.Println(r.Meta().Format, r.Meta().Arch, switches, "switches, lost:", r.Losses().Total())
	// Output: perf.data x86_64 16 switches, lost: 0
}
