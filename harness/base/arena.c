#include "harness/base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/err.h"

enum {
    BLOCK_SIZE_MIN = 1 << 14,
    BLOCK_SIZE_MAX = 1 << 24,
    CALLOC_SIZE_MIN = 1 << 20,
    ALIGN = 16
};

struct ord_arena_block {
    struct ord_arena_block *next;
    size_t size;
    size_t used;
    bool is_zero; /* beyond used */
    alignas(ALIGN) char data[];
};

void ord_arena_init(struct ord_arena *arena, size_t size_max)
{
    ORD_ASSERT(arena != NULL);
    ORD_ASSERT(size_max > 0);
    *arena = (struct ord_arena){.size_max = size_max};
}

void ord_arena_fini(struct ord_arena *arena)
{
    struct ord_arena_block *block = arena->block;

    while (block != NULL) {
        struct ord_arena_block *next = block->next;
        free(block);
        block = next;
    }
    *arena = (struct ord_arena){.size_max = arena->size_max};
}

void ord_arena_reset(struct ord_arena *arena)
{
    struct ord_arena_block *kept = arena->block;

    if (kept == NULL)
        return;
    arena->block = kept->next;
    kept->next = NULL;
    kept->used = 0;
    kept->is_zero = false;
    while (arena->block != NULL) {
        struct ord_arena_block *next = arena->block->next;
        free(arena->block);
        arena->block = next;
    }
    arena->block = kept;
    arena->taken_size = kept->size;
    arena->used_size = 0;
}

static struct ord_arena_block *grow(struct ord_arena *arena, size_t size,
                                    bool is_zero)
{
    size_t want = BLOCK_SIZE_MIN;
    struct ord_arena_block *block;

    if (arena->block != NULL && arena->block->size < BLOCK_SIZE_MAX)
        want = arena->block->size * 2;
    else if (arena->block != NULL)
        want = BLOCK_SIZE_MAX;
    if (want < size)
        want = size;
    if (want > arena->size_max - arena->taken_size)
        want = size; /* the last bit of the limit may still do */
    if (want > arena->size_max - arena->taken_size)
        return NULL;
    block = is_zero ? calloc(1, sizeof *block + want)
                    : malloc(sizeof *block + want);
    if (block == NULL)
        return NULL;
    *block = (struct ord_arena_block){
        .next = arena->block, .size = want, .is_zero = is_zero};
    arena->block = block;
    arena->taken_size += want;
    return block;
}

static void *take(struct ord_arena *arena, size_t size, bool wants_zero)
{
    struct ord_arena_block *block = arena->block;
    size_t whole;
    char *at;

    ORD_ASSERT(arena->size_max > 0);
    if (size > SIZE_MAX - ALIGN)
        return NULL;
    whole = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (block == NULL || whole > block->size - block->used) {
        /* Of much that stays zero, the kernel then never makes the pages. */
        block = grow(arena, whole, wants_zero && whole >= CALLOC_SIZE_MIN);
        if (block == NULL)
            return NULL;
    }
    at = block->data + block->used;
    if (wants_zero && !block->is_zero)
        memset(at, 0, size);
    block->used += whole;
    arena->used_size += whole;
    return at;
}

void *ord_arena_alloc(struct ord_arena *arena, size_t size)
{
    return take(arena, size, false);
}

void *ord_arena_zalloc(struct ord_arena *arena, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return take(arena, total, true);
}

char *ord_arena_copy(struct ord_arena *arena, struct ord_bytes bytes)
{
    char *copy = NULL;

    if (bytes.size < SIZE_MAX)
        copy = ord_arena_alloc(arena, bytes.size + 1);
    if (copy == NULL)
        return NULL;
    if (bytes.size > 0)
        memcpy(copy, bytes.at, bytes.size);
    copy[bytes.size] = '\0';
    return copy;
}

char *ord_arena_strdup(struct ord_arena *arena, const char *text)
{
    return ord_arena_copy(arena, ord_bytes_of(text));
}

char *ord_arena_printf(struct ord_arena *arena, const char *format, ...)
{
    va_list args;
    va_list again;
    char *text = NULL;
    int size;

    va_start(args, format);
    va_copy(again, args);
    size = vsnprintf(NULL, 0, format, args);
    if (size >= 0)
        text = ord_arena_alloc(arena, (size_t)size + 1);
    if (text != NULL)
        vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}
