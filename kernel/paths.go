package kernel

import (
	"slices"

	"switchyard/machine"
	"switchyard/step"
)

// Paths lists every path of this package, for all releases.
func Paths() []*step.Path {
	return slices.Concat(schedulePaths, contextSwitchPaths, finishPaths, wakeupPaths, forkPaths, spawnPaths, execPaths, exitPaths,
		refPaths, shootPaths, kthreadPaths, unmapPaths, hotplugPaths, membarrierPaths, membarrierGlobalPaths, crossCallPaths, userModePaths)
}

// override puts paths in the place of their namesakes.
func override(all, by []*step.Path) []*step.Path {
	keep := slices.DeleteFunc(slices.Clone(all), func(p *step.Path) bool {
		return slices.ContainsFunc(by, func(o *step.Path) bool { return o.Name == p.Name })
	})
	return append(keep, by...)
}

// Link makes the program of a machine: the paths of its release and port, with variations (seeded or
// historical bugs, or what somebody tries out) in the place of their namesakes.
func Link(c *machine.Config, port Port, variations ...*step.Path) (*step.Program, error) {
	// A variation of other releases must not take an intact path's place.
	variations = slices.DeleteFunc(slices.Clone(variations), func(p *step.Path) bool { return !p.Holds(c) })
	intact, err := intactPaths(c, port)
	if err != nil {
		return nil, err
	}
	return step.Link(c, override(intact, variations))
}

// intactPaths are the paths that hold for a machine of that shape, none of them changed.
func intactPaths(c *machine.Config, port Port) ([]*step.Path, error) {
	all := slices.Concat(Paths(), port.Paths())
	all = slices.DeleteFunc(all, func(p *step.Path) bool { return !p.Holds(c) })
	if c.Lazy == machine.LazyOff {
		all = override(all, lazyOffPaths(c))
	}
	if c.Registers || c.FPSIMD {
		changed, err := registersPaths(c, all)
		if err != nil {
			return nil, err
		}
		all = override(all, changed)
	}
	return all, nil
}
