/* arena.h -- memory that is freed all at once.
 *
 * One arena per run, per checker, per report.  Not for several threads.
 * Allocation is O(1); blocks double up to 16 MiB.
 */
#ifndef ORD_BASE_ARENA_H
#define ORD_BASE_ARENA_H

#include <stddef.h>

#include "harness/base/bytes.h"

struct ord_arena_block;

struct ord_arena {
    struct ord_arena_block *block; /* owned; newest first */
    size_t used_size;              /* bytes handed out so far */
    size_t size_max;               /* limit on bytes taken from malloc */
    size_t taken_size;
};

/* size_max bounds what the arena takes from the system, in bytes. */
void ord_arena_init(struct ord_arena *arena, size_t size_max);
void ord_arena_fini(struct ord_arena *arena);
/* Forgets all that was handed out; keeps the newest block for what comes. */
void ord_arena_reset(struct ord_arena *arena);

/* 16-byte aligned; NULL when size_max or memory is used up. */
void *ord_arena_alloc(struct ord_arena *arena, size_t size);
/* count * size zeroed bytes; NULL also when the product overflows. */
void *ord_arena_zalloc(struct ord_arena *arena, size_t count, size_t size);
/* A zero-terminated copy; NULL as above. */
char *ord_arena_strdup(struct ord_arena *arena, const char *text);
char *ord_arena_copy(struct ord_arena *arena, struct ord_bytes bytes);
char *ord_arena_printf(struct ord_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
