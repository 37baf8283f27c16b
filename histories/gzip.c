#include "histories/gzip.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { IN_SIZE = 1 << 17, READ_MAX = 1 << 30, MAGIC_SIZE = 2 };

enum state { STATE_BEGIN, STATE_MEMBER, STATE_PLAIN, STATE_BEHIND };

struct ord_gzip {
    z_stream z; /* next_in, avail_in: what is read but not used, in any state */
    int fd;
    int error; /* errno of read() */
    enum state state;
    bool is_ended;   /* nothing is left to be read */
    const char *bad; /* what is wrong with the data */
    unsigned char in[IN_SIZE];
};

struct ord_gzip *ord_gzip_new(int fd)
{
    struct ord_gzip *gzip = calloc(1, sizeof *gzip);

    if (gzip == NULL)
        return NULL;
    if (inflateInit2(&gzip->z, MAX_WBITS + 16) != Z_OK) {
        free(gzip);
        return NULL;
    }
    gzip->fd = fd;
    return gzip;
}

void ord_gzip_free(struct ord_gzip **gzip)
{
    struct ord_gzip *g = *gzip;

    if (g == NULL)
        return;
    (void)inflateEnd(&g->z);
    (void)close(g->fd);
    free(g);
    *gzip = NULL;
}

/* More of the file behind what is left of it. */
static bool refill(struct ord_gzip *g)
{
    ssize_t got;

    if (g->z.avail_in > 0)
        memmove(g->in, g->z.next_in, g->z.avail_in);
    g->z.next_in = g->in;
    do {
        got = read(g->fd, g->in + g->z.avail_in, IN_SIZE - g->z.avail_in);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        g->error = errno;
        return false;
    }
    g->is_ended = got == 0;
    g->z.avail_in += (unsigned)got;
    return true;
}

/* What comes next: a member, the file itself, or nothing. */
static void look(struct ord_gzip *g)
{
    const unsigned char *at = g->z.next_in;

    if (g->z.avail_in >= MAGIC_SIZE && at[0] == 0x1f && at[1] == 0x8b) {
        (void)inflateReset(&g->z);
        g->state = STATE_MEMBER;
        return;
    }
    if (g->state == STATE_BEGIN) {
        g->state = STATE_PLAIN;
        return;
    }
    while (g->z.avail_in > 0 && *g->z.next_in == 0) {
        g->z.next_in++;
        g->z.avail_in--;
    }
    if (g->z.avail_in >= MAGIC_SIZE || (g->is_ended && g->z.avail_in > 0))
        g->bad = "something else behind the end of the gzip data";
}

static size_t copy_plain(struct ord_gzip *g, char *to, size_t size)
{
    if (size > g->z.avail_in)
        size = g->z.avail_in;
    if (size > 0)
        memcpy(to, g->z.next_in, size);
    g->z.next_in += size;
    g->z.avail_in -= (unsigned)size;
    return size;
}

static size_t unpack(struct ord_gzip *g, char *to, size_t size)
{
    int code;

    g->z.next_out = (unsigned char *)to;
    g->z.avail_out = (unsigned)size;
    code = inflate(&g->z, Z_NO_FLUSH);
    size -= g->z.avail_out;
    if (code == Z_STREAM_END)
        g->state = STATE_BEHIND;
    else if (code == Z_BUF_ERROR || code == Z_OK)
        g->bad = size == 0 && g->is_ended && g->z.avail_in == 0
                     ? "the gzip data is cut"
                     : NULL;
    else
        g->bad = "bad gzip data";
    return size;
}

ssize_t ord_gzip_read(struct ord_gzip *gzip, char *to, size_t size)
{
    size_t got = 0;

    if (size > READ_MAX)
        size = READ_MAX;
    while (got == 0 && gzip->bad == NULL) {
        size_t need = gzip->state == STATE_BEGIN || gzip->state == STATE_BEHIND
                          ? MAGIC_SIZE
                          : 1;

        if (gzip->z.avail_in < need && !gzip->is_ended) {
            if (!refill(gzip))
                return -1;
            continue;
        }
        if (gzip->state == STATE_MEMBER)
            got = unpack(gzip, to, size);
        else if (gzip->z.avail_in == 0)
            return 0;
        else if (gzip->state == STATE_PLAIN)
            got = copy_plain(gzip, to, size);
        else
            look(gzip);
    }
    return got > 0 ? (ssize_t)got : -1;
}

int ord_gzip_trouble(const struct ord_gzip *gzip, struct ord_err *err)
{
    if (gzip->error != 0) {
        errno = gzip->error;
        return ord_fail_errno(err, "read");
    }
    if (gzip->bad != NULL)
        return ord_fail(err, ORD_EFORMAT, "%s%s%s", gzip->bad,
                        gzip->z.msg != NULL ? ": " : "",
                        gzip->z.msg != NULL ? gzip->z.msg : "");
    return ORD_OK;
}
