/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the recorder needs to know of the kernel's types, and no more. Offsets are those of the running kernel: every
 * access is relocated when the program is loaded, by the names below. A flavour (the part after ___) is a type of one
 * architecture or of some releases; the loader looks for it under the name before the underscores.
 */
#ifndef SWITCHYARD_KERNEL_H
#define SWITCHYARD_KERNEL_H

typedef unsigned char __u8;
typedef signed short __s16;
typedef unsigned short __u16;
typedef signed int __s32;
typedef unsigned int __u32;
typedef signed long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;


#define relocated __attribute__((preserve_access_index))

typedef struct {
	int counter;
} relocated atomic_t;

typedef struct {
	__s64 counter;
} relocated atomic64_t;

struct mm_struct {
	atomic_t mm_users;
	atomic_t mm_count;
} relocated;

struct mm_context___x86 {
	__u64 ctx_id;
	atomic64_t tlb_gen;
} relocated;

struct mm_struct___x86 {
	struct mm_context___x86 context;
} relocated;

struct tlb_context {
	__u64 ctx_id;
	__u64 tlb_gen;
} relocated;

struct tlb_state {
	struct mm_struct *loaded_mm;
	__u16 loaded_mm_asid;
	__u16 next_asid;
	bool invalidate_other;
	struct tlb_context ctxs[6];
} relocated;

struct tlb_state_shared {
	bool is_lazy;
} relocated;

struct mm_context___arm64 {
	atomic64_t id;
} relocated;

struct mm_struct___arm64 {
	struct mm_context___arm64 context;
} relocated;

struct rq;

struct cfs_rq {
	struct rq *rq;
} relocated;

struct sched_entity {
	struct cfs_rq *cfs_rq;
} relocated;

struct task_struct {
	int pid;
	int tgid;
	unsigned int flags;
	unsigned int __state;
	struct mm_struct *mm;
	struct mm_struct *active_mm;
	struct task_struct *real_parent;
	struct sched_entity se;
	char comm[16];
} relocated;

struct linux_binprm {
	struct mm_struct *mm;
} relocated;

struct bpf_iter_meta;

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} relocated;

#endif
