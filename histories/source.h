/* source.h -- bytes from a file, standard input, gzip or memory; internal.
 *
 * A window [at, end) slides over the input; line and column are kept for
 * those who read texts.  Blocks while the input does.
 */
#ifndef ORD_HISTORIES_SOURCE_H
#define ORD_HISTORIES_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/bytes.h"
#include "harness/base/err.h"

enum { ORD_LINE_SIZE_MAX = 1 << 26 }; /* bytes of one line or record */

struct ord_source {
    const char *at;
    const char *end;
    uint64_t line;        /* from 1 */
    uint64_t line_offset; /* offset of the line's first byte */
    uint64_t offset_end;  /* offset of `end` in the (unpacked) input */
    char *window;         /* owned; NULL: memory */
    size_t room;
    size_t window_max;     /* `room` may grow to this; 0: ORD_LINE_SIZE_MAX */
    struct ord_gzip *gzip; /* owned; NULL: memory, or a plain file */
    int fd;                /* owned; a plain file, else -1 */
    int error;             /* errno of reading it */
    bool is_ended;
    bool has_failed; /* the input ended because it could not be read */
};

/* "-" is standard input. Blocks. */
int ord_source_open(struct ord_source *source, const char *path,
                    struct ord_err *err);
/* Borrows the bytes. */
void ord_source_memory(struct ord_source *source, struct ord_bytes bytes);
void ord_source_close(struct ord_source *source);
/* Why the input ended early; ORD_OK if it did not. */
int ord_source_check(const struct ord_source *source, struct ord_err *err);

/* Bytes that the window may have. */
static inline size_t ord_source_max(const struct ord_source *source)
{
    size_t max = source->window_max;

    if (max == 0 || max > ORD_LINE_SIZE_MAX)
        max = ORD_LINE_SIZE_MAX;
    return max < source->room ? source->room : max;
}

/* Tries to have `size` bytes (at most ORD_LINE_SIZE_MAX) in the window; fewer
 * only at the end of the input. Returns how many there are. */
size_t ord_source_need(struct ord_source *source, size_t size);

/* The next line without its newline, lent until the next call; at == NULL at
 * the end of the input.  ORD_ELIMIT names a line of ord_source_max() bytes. */
int ord_source_line(struct ord_source *source, struct ord_bytes *line,
                    struct ord_err *err);

static inline uint64_t ord_source_offset(const struct ord_source *source)
{
    return source->offset_end - (uint64_t)(source->end - source->at);
}

static inline uint64_t ord_source_column(const struct ord_source *source)
{
    return ord_source_offset(source) - source->line_offset + 1;
}

/* The next byte, which stays; -1 at the end. */
static inline int ord_source_peek(struct ord_source *source)
{
    if (source->at == source->end && ord_source_need(source, 1) == 0)
        return -1;
    return (unsigned char)*source->at;
}

/* Moves over the byte that was peeked. */
static inline void ord_source_skip(struct ord_source *source)
{
    if (*source->at++ == '\n') {
        source->line++;
        source->line_offset = ord_source_offset(source);
    }
}

#endif
