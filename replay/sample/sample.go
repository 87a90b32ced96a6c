// Package sample is a real recording of a mixed load on two CPUs, bundled so that there is always
// something to run. Its README says where it comes from.
package sample

import (
	"bytes"
	_ "embed"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// Name is the recording's file in this directory.
const Name = "mixed-6.12-amd64-2cpu.perf.data.zst"

//go:embed mixed-6.12-amd64-2cpu.perf.data.zst
var compressed []byte

// Open returns the recording as perf wrote it.
func Open() (*bytes.Reader, error) {
	d, err := zstd.NewReader(nil)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	plain, err := d.DecodeAll(compressed, nil)
	if err != nil {
		return nil, fmt.Errorf("the bundled recording %s is damaged: %w", Name, err)
	}
	return bytes.NewReader(plain), nil
}
