package replay

import (
	"strings"

	"switchyard/trace"
)

// kthreaddPID is the parent of all kernel threads but itself.
const kthreaddPID = 2

// classify says what a task is that existed before the recording, and how that is known.
func (t *task) classify() (kind, Fact) {
	switch {
	case t.kind != someTask:
		return t.kind, Derived
	case t.pid == kthreaddPID, t.ppid == kthreaddPID:
		return kernelTask, Derived
	case t.ppid != trace.Unknown, t.tgid != trace.Unknown && t.tgid != t.pid:
		return userTask, Derived
	case looksLikeKernel(t.comm.String()):
		return kernelTask, Derived
	}
	return userTask, Unknown
}

// kernelNames are how the names of kernel threads begin. Any user task may call itself so too,
// hence they count only where nothing better is known.
var kernelNames = []string{
	"kthreadd", "kworker/", "ksoftirqd/", "migration/", "rcu_", "rcuo", "rcub/", "rcuc/", "rcuog/", "cpuhp/",
	"idle_inject/", "irq/", "watchdog", "kswapd", "kcompactd", "khugepaged", "khungtaskd", "kdevtmpfs", "kauditd", "ksmd",
	"oom_reaper", "jbd2/", "xfs-", "xfsaild/", "scsi_eh_", "scsi_tmf_", "napi/", "kintegrityd", "kblockd", "writeback",
	"pool_workqueue_", "netns", "ktimers/", "ktimersoftd/", "btrfs-", "ext4-rsv-conver", "dmcrypt_write/", "nvme", "loop",
	"md_thread", "kthrotld", "cryptd", "events/", "kthread", "psimon", "vhost-", "kvm-pit/", "kvm-nx-lpage-re", "usb-storage", "kpsmoused", "hwrng",
}

func looksLikeKernel(comm string) bool {
	for _, prefix := range kernelNames {
		if strings.HasPrefix(comm, prefix) {
			return true
		}
	}
	return false
}
