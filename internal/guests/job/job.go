// Package job is what a guest is asked to do and how it answers. Both sides of it use this package: the command that
// builds the guest, and the init that runs in it.
package job

import "encoding/json"

// Path is where init finds its job.
const Path = "/etc/job.json"

// Recorder is the program that records the guest's kernel.
const Recorder = "/bin/recorder"

// Outbox and Scratch are the serial numbers of the guest's disks: one to bring files out on, one to be written to by a
// load. A serial number holds whatever the order in which the disks appear.
const (
	Outbox  = "outbox"
	Scratch = "scratch"
)

// Job is what a guest does before it powers off.
type Job struct {
	Modules []string `json:"modules"` // module files, in the order in which they are loaded
	Steps   []Step   `json:"steps"`
	Bring   []string `json:"bring"` // files to bring out
}

// Step is a program to run. A step that fails ends the job.
type Step struct {
	Argv   []string `json:"argv"`
	Output string   `json:"output,omitempty"` // file for both its outputs; without one they go to the console
}

// Result is the guest's own account of the job, and the last file it brings out: whoever has it has everything.
type Result struct {
	Kernel string       `json:"kernel"`
	CPUs   int          `json:"cpus"`
	Steps  []StepResult `json:"steps"`
	Error  string       `json:"error,omitempty"`
}

// StepResult is what became of a step.
type StepResult struct {
	Argv    []string `json:"argv"`
	Seconds float64  `json:"seconds"`
	Error   string   `json:"error,omitempty"`
}

// Marshal writes a job as init reads it.
func (j Job) Marshal() ([]byte, error) { return json.MarshalIndent(j, "", "  ") }

// Unmarshal reads a job.
func Unmarshal(data []byte) (Job, error) {
	var j Job
	err := json.Unmarshal(data, &j)
	return j, err
}
