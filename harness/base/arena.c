#include "harness/base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/err.h"

enum { BLOCK_SIZE_MIN = 1 << 14, BLOCK_SIZE_MAX = 1 << 24, ALIGN = 16 };

struct ord_arena_block {
    struct ord_arena_block *next;
    size_t size;
    size_t used;
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
    while (arena->block != NULL) {
        struct ord_arena_block *next = arena->block->next;
        free(arena->block);
        arena->block = next;
    }
    arena->block = kept;
    arena->taken_size = kept->size;
    arena->used_size = 0;
}

static struct ord_arena_block *grow(struct ord_arena *arena, size_t size)
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
    block = malloc(sizeof *block + want);
    if (block == NULL)
        return NULL;
    *block = (struct ord_arena_block){.next = arena->block, .size = want};
    arena->block = block;
    arena->taken_size += want;
    return block;
}

void *ord_arena_alloc(struct ord_arena *arena, size_t size)
{
    struct ord_arena_block *block = arena->block;
    void *at;

    ORD_ASSERT(arena->size_max > 0);
    if (size > SIZE_MAX - ALIGN)
        return NULL;
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (block == NULL || size > block->size - block->used) {
        block = grow(arena, size);
        if (block == NULL)
            return NULL;
    }
    at = block->data + block->used;
    block->used += size;
    arena->used_size += size;
    return at;
}

void *ord_arena_zalloc(struct ord_arena *arena, size_t count, size_t size)
{
    size_t total;
    void *at;

    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    at = ord_arena_alloc(arena, total);
    if (at != NULL)
        memset(at, 0, total);
    return at;
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
