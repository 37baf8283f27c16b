#include "histories/source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "histories/gzip.h"

enum { WINDOW_SIZE = 1 << 17 };

/* A file that is no gzip is read without copying; of a pipe nobody
 * knows before. */
static bool is_plain(int fd)
{
    unsigned char magic[2];
    off_t at = lseek(fd, 0, SEEK_CUR);

    return at >= 0 && (pread(fd, magic, sizeof magic, at) < 2 ||
                       magic[0] != 0x1f || magic[1] != 0x8b);
}

int ord_source_open(struct ord_source *source, const char *path,
                    struct ord_err *err)
{
    struct stat st;
    int fd;

    *source = (struct ord_source){.line = 1, .fd = -1};
    if (strcmp(path, "-") == 0)
        fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    else
        fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ord_fail_errno(err, "open");
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        (void)close(fd);
        return ord_fail(err, ORD_EIO, "is a folder, expected a history");
    }
    source->window = malloc(WINDOW_SIZE);
    if (source->window != NULL && is_plain(fd))
        source->fd = fd;
    else if (source->window != NULL)
        source->gzip = ord_gzip_new(fd);
    if (source->gzip == NULL && source->fd < 0) {
        (void)close(fd);
        free(source->window);
        source->window = NULL;
        return ord_fail(err, ORD_ENOMEM, "a window of %d bytes", WINDOW_SIZE);
    }
    source->room = WINDOW_SIZE;
    source->at = source->end = source->window;
    return ORD_OK;
}

void ord_source_memory(struct ord_source *source, struct ord_bytes bytes)
{
    *source = (struct ord_source){
        .at = bytes.at,
        .end = bytes.at + bytes.size,
        .offset_end = bytes.size,
        .line = 1,
        .fd = -1,
        .is_ended = true,
    };
}

void ord_source_close(struct ord_source *source)
{
    ord_gzip_free(&source->gzip);
    if (source->fd >= 0)
        (void)close(source->fd);
    free(source->window);
    *source = (struct ord_source){.fd = -1, .is_ended = true};
}

int ord_source_check(const struct ord_source *source, struct ord_err *err)
{
    if (!source->has_failed)
        return ORD_OK;
    if (source->error == ENOMEM)
        return ord_fail(err, ORD_ENOMEM,
                        "line %" PRIu64
                        " is too long for the memory allowed (%zu bytes are "
                        "not enough)",
                        source->line, source->room);
    if (source->error != 0) {
        errno = source->error;
        return ord_fail_errno(err, "read");
    }
    return ord_gzip_trouble(source->gzip, err);
}

static ssize_t read_plain(struct ord_source *source, char *to, size_t size)
{
    ssize_t got;

    do {
        got = read(source->fd, to, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        source->error = errno;
    return got;
}

/* Reads what fits behind `end`. */
static void fill(struct ord_source *source)
{
    size_t used = (size_t)(source->end - source->window);
    size_t room = source->room - used;
    ssize_t got;

    got = source->fd >= 0
              ? read_plain(source, source->window + used, room)
              : ord_gzip_read(source->gzip, source->window + used, room);
    if (got > 0) {
        source->end += got;
        source->offset_end += (uint64_t)got;
        return;
    }
    source->is_ended = true;
    source->has_failed = got < 0;
}

size_t ord_source_need(struct ord_source *source, size_t size)
{
    size_t left = (size_t)(source->end - source->at);

    ORD_ASSERT(size <= ORD_LINE_SIZE_MAX);
    if (left >= size || source->is_ended)
        return left;
    if (size > source->room) {
        size_t room = source->room;
        char *window;

        while (room < size)
            room *= 2;
        if (source->window_max != 0 && room > source->window_max)
            room = source->window_max;
        window = room < size ? NULL : malloc(room);
        if (window == NULL) {
            source->is_ended = true;
            source->has_failed = true;
            source->error = ENOMEM;
            return left;
        }
        memcpy(window, source->at, left);
        free(source->window);
        source->window = window;
        source->room = room;
    } else if (left > 0) {
        memmove(source->window, source->at, left);
    }
    source->at = source->window;
    source->end = source->window + left;
    while ((size_t)(source->end - source->at) < size && !source->is_ended)
        fill(source);
    return (size_t)(source->end - source->at);
}

/* How long the line at the front is, with *has_newline, without it. */
static size_t line_size(struct ord_source *s, bool *has_newline)
{
    const size_t max = ord_source_max(s);
    size_t seen = 0;
    size_t want = 1;

    for (;;) {
        size_t have = ord_source_need(s, want);
        const char *newline =
            have == seen ? NULL : memchr(s->at + seen, '\n', have - seen);

        *has_newline = newline != NULL;
        if (newline != NULL)
            return (size_t)(newline - s->at);
        if (have < want || have >= max)
            return have; /* the input has ended, or the line never does */
        seen = have;
        want = have < max / 2 ? have * 2 : max;
    }
}

int ord_source_line(struct ord_source *source, struct ord_bytes *line,
                    struct ord_err *err)
{
    bool has_newline;
    size_t size = line_size(source, &has_newline);

    *line = (struct ord_bytes){0};
    if (!has_newline && !source->is_ended)
        return ord_fail(err, ORD_ELIMIT,
                        "line %" PRIu64 " is longer than %zu bytes",
                        source->line, ord_source_max(source));
    if (!has_newline && ord_source_check(source, err) != ORD_OK)
        return err->rc;
    if (has_newline || size > 0)
        *line = (struct ord_bytes){source->at, size};
    source->at += size + (has_newline ? 1 : 0);
    source->line++;
    source->line_offset = ord_source_offset(source);
    return ORD_OK;
}
