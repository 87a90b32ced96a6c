/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Where events wait for the reader: every CPU has a shelf of segments, and every segment holds equally many slots.
 *
 * A CPU fills one segment after the other and always takes the free one with the lowest number, so that with a reader
 * that keeps up it uses the same few again and again, and those stay in its caches. That, and touching two pages instead
 * of the four of a BPF ring buffer, is most of what an event costs: where there is no PCID, every page that a switch
 * touches is a miss in the TLB. CPUs share nothing, and nobody is woken: the reader comes by itself.
 *
 * A program may be interrupted by another one on its CPU, when a task that takes a snapshot is switched away from say.
 * Hence what is taken is taken by atomic operations, though no other CPU does.
 */
#ifndef SWITCHYARD_SHELF_H
#define SWITCHYARD_SHELF_H

enum { BPF_MAP_TYPE_ARRAY = 2, BPF_F_MMAPABLE = 1024 };
enum { SEGMENTS = 256, FREE_WORDS = SEGMENTS / 64 };

struct shelf {
	/* Turn, segment and next slot, see at(); turns count the segments that were begun. */
	__u64 at;
	__u64 lost, spare[6];
	/* A bit for every segment that is free: set by the reader, cleared here. */
	__u64 free[FREE_WORDS];
	/* Which segment a turn was given: turn << 32 | segment, at turn % SEGMENTS. */
	__u64 given[SEGMENTS];
};

struct slot {
	__u64 words[32];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct shelf);
} shelves SEC(".maps");

/* The number and the size of slots are set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

const volatile __u32 segments = 1, segment_slots = 1;

#define TURN(at) ((__u32)((at) >> 32))
#define SEGMENT(at) ((__u32)(at) >> 20)
#define SLOT(at) ((__u32)(at) & 0xfffff)
#define AT(turn, segment, slot) ((__u64)(turn) << 32 | (__u64)(segment) << 20 | (slot))

static __always_inline int index_of_bit(__u64 bit)
{
	return (bit & 0xffffffff00000000 ? 32 : 0) + (bit & 0xffff0000ffff0000 ? 16 : 0) + (bit & 0xff00ff00ff00ff00 ? 8 : 0) +
	       (bit & 0xf0f0f0f0f0f0f0f0 ? 4 : 0) + (bit & 0xcccccccccccccccc ? 2 : 0) + (bit & 0xaaaaaaaaaaaaaaaa ? 1 : 0);
}

/* The lowest free segment, which is free no more; SEGMENTS: there is none. */
static __always_inline __u32 free_segment(struct shelf *s)
{
	for (int i = 0; i < FREE_WORDS; i++) {
		__u64 bit = s->free[i] & -s->free[i];

		if (bit && __sync_fetch_and_and(&s->free[i], ~bit) & bit)
			return 64 * i + index_of_bit(bit);
	}
	return SEGMENTS;
}

static __always_inline void give_back(struct shelf *s, __u32 segment)
{
	if (segment < SEGMENTS)
		__sync_fetch_and_or(&s->free[segment / 64], 1ull << (segment & 63));
}

/* Begins the next segment after the one of at. */
static __always_inline void next_segment(struct shelf *s, __u64 at)
{
	__u32 segment = free_segment(s), turn = TURN(at) + 1;

	if (segment == SEGMENTS)
		return;
	if (__sync_val_compare_and_swap(&s->at, at, AT(turn, segment, 0)) != at)
		/* Whoever interrupted this has begun one. */
		give_back(s, segment);
	else
		s->given[turn % SEGMENTS] = (__u64)turn << 32 | segment;
}

/* A slot to write an event into, and the turn to finish it with. */
static __always_inline void *take(__u32 cpu, __u32 *turn)
{
	struct shelf *s = bpf_map_lookup_elem(&shelves, &cpu);
	__u64 at;
	__u32 i;

	if (!s)
		return 0;
	for (int attempt = 0; attempt < 2; attempt++) {
		at = s->at;
		if (SLOT(at) >= segment_slots) {
			next_segment(s, at);
			at = s->at;
			if (SLOT(at) >= segment_slots)
				break;
		}
		at = __sync_fetch_and_add(&s->at, 1);
		if (SLOT(at) < segment_slots) {
			*turn = TURN(at);
			i = (cpu * segments + SEGMENT(at)) * segment_slots + SLOT(at);
			return bpf_map_lookup_elem(&slots, &i);
		}
	}
	__sync_fetch_and_add(&s->lost, 1);
	return 0;
}

#endif
