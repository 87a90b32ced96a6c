//go:build ignore

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Every context switch, with what it is about to do to address spaces, for a reader in user space.
 *
 * sched_switch fires before context_switch: prev's fields are those that it ran with, next's active_mm is not set yet,
 * counts are old. Nothing here follows a pointer that the scheduler does not hold at that moment.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "shelf.h"

char _license[] SEC("license") = "Dual BSD/GPL";

enum kind { SWITCH = 1, FORK, EXEC, EXIT, FREE, PREPARE_EXEC, EXIT_MMAP, RENAME, SNAPSHOT, READY, AGAIN = 0x80 };

struct task_view {
	__u32 pid, tgid, flags, state;
	__u64 mm, active_mm;
};

struct mm_view {
	__u64 mm;
	__s32 users, count;
	__u64 id;  /* x86 context.ctx_id, arm64 context.id */
	__u64 gen; /* x86 context.tlb_gen */
};

/*
 * After it: of a switch what this CPU keeps about address spaces, of all others the task's comm. turn is written last:
 * it says that the event is whole.
 */
struct event {
	__u64 time;
	__u32 cpu;
	__u8 kind, preempt, lazy, has;
	__u32 arg, turn;
	struct task_view prev, next;
	struct mm_view active, user; /* of prev->active_mm and next->mm */
};

struct named {
	struct event e;
	char comm[16];
};

/* Makes the types known to bpf2go, which writes them down in Go. */
const struct event *event_type __attribute__((unused));
const struct shelf *shelf_type __attribute__((unused));
const struct tlb_view *tlb_view_type __attribute__((unused));

enum has { HAS_TAIL = 1, HAS_LAZY = 2 };

/* What of cpu_tlbstate is behind a switch where it is read field by field. */
struct tlb_view {
	__u64 loaded_mm;
	__u16 loaded_mm_asid, next_asid;
	__u32 invalidate_other;
	struct {
		__u64 ctx_id, tlb_gen;
	} ctxs[6];
};

/* Set before loading. Offsets of per-CPU variables count from runqueues; 0: not to be had. */
const volatile __s64 tail_offset, lazy_offset, reserved_offset;
const volatile __u64 generation_address;
const volatile __u32 tail_size = 24;
const volatile __u32 slots_in_use = 1;
const volatile bool has_tail, has_lazy, by_field, is_arm64;

/*
 * Since 6.2. What it returns is read without a call, of which each touches pages that a switch has no other use for. The
 * address is that of a per-CPU variable: it is mapped.
 */
extern void *bpf_rdonly_cast(const void *obj, __u32 type) __ksym __attribute__((weak));
#define per_cpu(type, at) ((type *)bpf_rdonly_cast((void *)(at), bpf_core_type_id_kernel(type)))

static __always_inline void view_task(struct task_view *v, struct task_struct *t)
{
	v->pid = t->pid;
	v->tgid = t->tgid;
	v->flags = t->flags;
	v->state = t->__state;
	v->mm = (__u64)t->mm;
	v->active_mm = (__u64)t->active_mm;
}

static __always_inline void view_mm(struct mm_view *v, struct mm_struct *mm)
{
	v->mm = (__u64)mm;
	v->users = v->count = 0;
	v->id = v->gen = 0;
	if (!mm)
		return;
	v->users = mm->mm_users.counter;
	v->count = mm->mm_count.counter;
	if (bpf_core_field_exists(struct mm_struct___x86, context.ctx_id)) {
		v->id = ((struct mm_struct___x86 *)mm)->context.ctx_id;
		v->gen = ((struct mm_struct___x86 *)mm)->context.tlb_gen.counter;
	} else if (bpf_core_field_exists(struct mm_struct___arm64, context.id)) {
		v->id = ((struct mm_struct___arm64 *)mm)->context.id.counter;
	}
}

static __always_inline void view_no_task(struct task_view *v)
{
	v->pid = v->tgid = v->flags = v->state = 0;
	v->mm = v->active_mm = 0;
}

static __always_inline void begin(struct event *e, __u32 cpu, __u8 kind)
{
	e->time = bpf_ktime_get_ns();
	e->cpu = cpu;
	e->kind = kind;
	e->preempt = e->lazy = e->has = 0;
	e->arg = 0;
}

static __always_inline void view_tlb(struct event *e, __u64 rq)
{
	struct tlb_view *v = (struct tlb_view *)(e + 1);
	struct tlb_state *tlb = per_cpu(struct tlb_state, rq + tail_offset);

	v->loaded_mm = (__u64)tlb->loaded_mm;
	v->loaded_mm_asid = tlb->loaded_mm_asid;
	v->next_asid = tlb->next_asid;
	v->invalidate_other = tlb->invalidate_other;
#pragma unroll
	for (int i = 0; i < 6; i++) {
		if (i >= slots_in_use)
			break;
		v->ctxs[i].ctx_id = tlb->ctxs[i].ctx_id;
		v->ctxs[i].tlb_gen = tlb->ctxs[i].tlb_gen;
	}
	e->has |= HAS_TAIL;
	if (!has_lazy)
		return;
	e->lazy = per_cpu(struct tlb_state_shared, rq + lazy_offset)->is_lazy;
	e->has |= HAS_LAZY;
}

/* This CPU's runqueues is where prev's cfs_rq points; other per-CPU variables are at fixed distances. */
static __always_inline void view_cpu(struct event *e, struct task_struct *prev)
{
	__u64 rq = (__u64)prev->se.cfs_rq->rq;
	__u64 *tail = (__u64 *)(e + 1);

	if (!rq)
		return;
	if (by_field) {
		view_tlb(e, rq);
		return;
	}
	if (bpf_probe_read_kernel(tail, is_arm64 ? 8 : tail_size, (void *)(rq + tail_offset)))
		return;
	e->has |= HAS_TAIL;
	if (is_arm64) {
		bpf_probe_read_kernel(tail + 1, 8, (void *)(rq + reserved_offset));
		tail[2] = 0;
		if (generation_address)
			bpf_probe_read_kernel(tail + 2, 8, (void *)generation_address);
	}
	if (has_lazy && !bpf_probe_read_kernel(&e->lazy, 1, (void *)(rq + lazy_offset)))
		e->has |= HAS_LAZY;
}

/* The reader looks at turn first: it must be the last to become visible, which arm64 does not do by itself. */
static __always_inline void finish(struct event *e, __u32 turn)
{
	if (is_arm64)
		__sync_lock_test_and_set(&e->turn, turn);
	else
		*(volatile __u32 *)&e->turn = turn;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next, unsigned int prev_state)
{
	__u32 cpu = bpf_get_smp_processor_id(), turn;
	struct event *e = take(cpu, &turn);

	if (!e)
		return 0;
	begin(e, cpu, SWITCH);
	e->preempt = preempt;
	view_task(&e->prev, prev);
	e->prev.state = prev_state;
	view_task(&e->next, next);
	view_mm(&e->active, prev->active_mm);
	view_mm(&e->user, next->mm);
	if (has_tail)
		view_cpu(e, prev);
	/* How long looking took, in 1,024 ns: what was read is as old as time, or younger by up to this. */
	e->arg = (bpf_ktime_get_ns() - e->time) >> 10;
	finish(e, turn);
	return 0;
}

/* Also of a task that has no address space to look at any more. */
static __always_inline struct named *note_task(__u8 kind, struct task_struct *t, __u32 *turn)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct named *n = take(cpu, turn);

	if (!n)
		return 0;
	begin(&n->e, cpu, kind);
	view_task(&n->e.prev, t);
	view_no_task(&n->e.next);
	view_mm(&n->e.active, 0);
	view_mm(&n->e.user, 0);
	__builtin_memcpy(n->comm, t->comm, sizeof(n->comm));
	return n;
}

static __always_inline int note(__u8 kind, struct task_struct *t, struct task_struct *other, struct mm_struct *mm, __u32 arg)
{
	__u32 turn;
	struct named *n = note_task(kind, t, &turn);

	if (!n)
		return 0;
	n->e.arg = arg;
	view_mm(&n->e.active, t->active_mm);
	view_mm(&n->e.user, mm);
	if (other) {
		view_task(&n->e.next, other);
		__builtin_memcpy(n->comm, other->comm, sizeof(n->comm));
	}
	finish(&n->e, turn);
	return 0;
}

/* A task of which nothing but its name is of interest any more. */
static __always_inline int note_free(__u8 kind, struct task_struct *t)
{
	__u32 turn;
	struct named *n = note_task(kind, t, &turn);

	if (n)
		finish(&n->e, turn);
	return 0;
}

static __always_inline int note_rename(__u8 kind, struct task_struct *t, const char *comm)
{
	__u32 turn;
	struct named *n = note_task(kind, t, &turn);

	if (!n)
		return 0;
	if (bpf_probe_read_kernel_str(n->comm, sizeof(n->comm), comm) < 0)
		n->comm[0] = 0;
	finish(&n->e, turn);
	return 0;
}

/*
 * Where tracepoints can be preempted (7.3: SRCU around their calls, include/linux/tracepoint.h), a program may be
 * interrupted by a task that comes to the same tracepoint, for which it then is not run (__bpf_trace_run,
 * kernel/trace/bpf_trace.c). Hence all but sched_switch, where interrupts are off, have two programs: what one does not
 * see the other one does, and the reader leaves out what both saw.
 */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	return note(FORK, parent, child, child->mm, 0);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork_again, struct task_struct *parent, struct task_struct *child)
{
	return note(FORK | AGAIN, parent, child, child->mm, 0);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *t, int old_pid, struct linux_binprm *bprm)
{
	return note(EXEC, t, 0, t->mm, old_pid);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec_again, struct task_struct *t, int old_pid, struct linux_binprm *bprm)
{
	return note(EXEC | AGAIN, t, 0, t->mm, old_pid);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *t)
{
	return note(EXIT, t, 0, t->mm, 0);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit_again, struct task_struct *t)
{
	return note(EXIT | AGAIN, t, 0, t->mm, 0);
}

SEC("tp_btf/sched_process_free")
int BPF_PROG(on_free, struct task_struct *t)
{
	return note_free(FREE, t);
}

SEC("tp_btf/sched_process_free")
int BPF_PROG(on_free_again, struct task_struct *t)
{
	return note_free(FREE | AGAIN, t);
}

SEC("tp_btf/sched_prepare_exec")
int BPF_PROG(on_prepare_exec, struct task_struct *t, struct linux_binprm *bprm)
{
	return note(PREPARE_EXEC, t, 0, bprm->mm, 0);
}

SEC("tp_btf/sched_prepare_exec")
int BPF_PROG(on_prepare_exec_again, struct task_struct *t, struct linux_binprm *bprm)
{
	return note(PREPARE_EXEC | AGAIN, t, 0, bprm->mm, 0);
}

SEC("tp_btf/exit_mmap")
int BPF_PROG(on_exit_mmap, struct mm_struct *mm)
{
	return note(EXIT_MMAP, bpf_get_current_task_btf(), 0, mm, 0);
}

SEC("tp_btf/exit_mmap")
int BPF_PROG(on_exit_mmap_again, struct mm_struct *mm)
{
	return note(EXIT_MMAP | AGAIN, bpf_get_current_task_btf(), 0, mm, 0);
}

SEC("tp_btf/task_rename")
int BPF_PROG(on_rename, struct task_struct *t, const char *comm)
{
	return note_rename(RENAME, t, comm);
}

SEC("tp_btf/task_rename")
int BPF_PROG(on_rename_again, struct task_struct *t, const char *comm)
{
	return note_rename(RENAME | AGAIN, t, comm);
}

SEC("iter/task")
int snapshot(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;

	/* Called once more after the last task. */
	if (!t)
		return note(READY, bpf_get_current_task_btf(), 0, 0, 0);
	return note(SNAPSHOT, t, 0, t->mm, t->real_parent->pid);
}
