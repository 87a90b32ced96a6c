package x86_test

import (
	"strings"
	"testing"

	"switchyard/arch/x86"
	"switchyard/machine"
)

// there and back again is enough for most.
func there(r *rig) {
	p, _ := r.process(0)
	q, _ := r.process(0)
	for _, next := range []machine.TaskID{p, q, p, r.S.CPUs[0].Idle, p, q} {
		if len(r.Violations) > 0 {
			return
		}
		r.must(r.Switch(0, next, false))
	}
}

// registerBugs are schedules that show a bug of the register switch.
var registerBugs = map[string]func(r *rig){
	"x86-fpu-by-owner-alone": func(r *rig) {
		// P computes on CPU 1 and comes back to CPU 0, where nobody was loaded since.
		p, _ := r.process(0)
		r.sw(0, p)
		r.sw(0, r.S.CPUs[0].Idle)
		r.sw(1, p)
		r.sw(1, r.S.CPUs[1].Idle)
		r.sw(0, p)
	},
}

func TestRegisterBugsShow(t *testing.T) {
	n := 0
	for _, v := range (x86.Port{}).Variations() {
		for _, rel := range machine.Releases() {
			c := machine.Config{Release: rel, CPUs: 2, Tasks: 12, MMs: 8, Registers: true}
			off := c
			off.Registers = false
			if !v.Holds(&c) || v.Holds(&off) {
				continue
			}
			n++
			t.Run(v.Name+"/"+rel.String(), func(t *testing.T) {
				c.Arch = machine.X86
				paths, err := v.Paths(&c, x86.Port{})
				if err != nil {
					t.Fatal(err)
				}
				shows := registerBugs[v.Name]
				if shows == nil {
					shows = there
				}
				r := boot(t, c, paths...)
				shows(r)
				if len(r.Violations) == 0 || r.Violations[0].Rule != v.Breaks {
					t.Errorf("%v, want %s first", r.Violations, v.Breaks)
				}
				intact := boot(t, c)
				shows(intact)
				intact.intact()
			})
		}
	}
	if n < 30 {
		t.Errorf("only %d variations of releases were tried", n)
	}
}

// The register switch as it is told: our own bytes, in the order of each release.
func TestSequences(t *testing.T) {
	for rel, want := range map[machine.Release]string{
		machine.V2_6_32: "push %r15|push %r14|push %r13|push %r12|push %rbx|pushfq|push %rbp|mov %rsi,%rbp|mov %rsp,0x508(%rdi)|mov 0x508(%rsi),%rsp",
		machine.V4_4:    "push %r15|push %r14|push %r13|push %r12|push %rbx|push %rbp|mov %rsi,%rbp|mov %rsp,0x508(%rdi)|mov 0x508(%rsi),%rsp",
		machine.V6_12:   "push %rbp|push %rbx|push %r12|push %r13|push %r14|push %r15|mov %rsp,0x508(%rdi)|mov 0x508(%rsi),%rsp",
	} {
		r := boot(t, machine.Config{Release: rel, CPUs: 1, Tasks: 4, MMs: 2, Registers: true})
		name := "__switch_to_asm"
		if rel < machine.V5_0 {
			name = "switch_to"
		}
		var got []string
		for _, p := range r.Prog.Paths() {
			if p.Name != name {
				continue
			}
			for _, l := range p.Lines() {
				got = append(got, l.Label)
			}
		}
		if all := strings.Join(got, "|"); !strings.Contains(all, want) {
			t.Errorf("%s: %s", rel, all)
		}
	}
}
