/* pcapng.c -- see pcapng.h. */
#include "harness/control/pcapng.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"

enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 6,
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
    LINKTYPE_IPV4 = 228,
    OPTION_END = 0,
    OPTION_COMMENT = 1,
    OPTION_IF_NAME = 2,
    OPTION_IF_TSRESOL = 9,
    PACKET_OVERHEAD = 32 + 8 + 256, /* of a block, its options included */
    FLUSH_SIZE = 256 << 10,
    BUFFER_SIZE = 1 << 20,
};

static void put(struct ord_buf *buf, const void *data, size_t size)
{
    ord_buf_add(buf, (struct ord_bytes){.at = data, .size = size});
}

static void put16(struct ord_buf *buf, uint16_t value)
{
    put(buf, &value, sizeof value); /* our byte order; the magic says which */
}

static void put32(struct ord_buf *buf, uint32_t value)
{
    put(buf, &value, sizeof value);
}

static void pad(struct ord_buf *buf, size_t size)
{
    static const char zeros[4];

    put(buf, zeros, (4 - size % 4) % 4);
}

static void option(struct ord_buf *buf, uint16_t code, const void *data,
                   size_t size)
{
    put16(buf, code);
    put16(buf, (uint16_t)size);
    put(buf, data, size);
    pad(buf, size);
}

static size_t block_begin(struct ord_buf *buf, uint32_t type)
{
    size_t at = buf->size;

    put32(buf, type);
    put32(buf, 0);
    return at;
}

static void block_end(struct ord_buf *buf, size_t at)
{
    uint32_t size;

    if (buf->failed)
        return;
    size = (uint32_t)(buf->size - at) + 4;
    put32(buf, size);
    if (!buf->failed)
        memcpy(buf->at + at + 4, &size, sizeof size);
}

static void add_section(struct ord_buf *buf)
{
    size_t block = block_begin(buf, BLOCK_SECTION);
    static const int64_t unknown_size = -1;

    put32(buf, BYTE_ORDER_MAGIC);
    put16(buf, 1); /* version 1.0 */
    put16(buf, 0);
    put(buf, &unknown_size, sizeof unknown_size);
    block_end(buf, block);
}

static void add_interface(struct ord_buf *buf, const char *name)
{
    size_t block = block_begin(buf, BLOCK_INTERFACE);
    static const uint8_t nanoseconds = 9;

    put16(buf, LINKTYPE_IPV4);
    put16(buf, 0);
    put32(buf, 0); /* no snapshot limit */
    option(buf, OPTION_IF_NAME, name, strlen(name));
    option(buf, OPTION_IF_TSRESOL, &nanoseconds, 1);
    option(buf, OPTION_END, "", 0);
    block_end(buf, block);
}

int ord_pcapng_open(struct ord_pcapng *capture, const char *path,
                    uint64_t size_max, struct ord_err *err)
{
    struct timespec wall;

    *capture = ORD_PCAPNG_NONE;
    capture->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (capture->fd < 0)
        return ord_fail_errno(err, "create %s", path);
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    capture->epoch_ns =
        (int64_t)wall.tv_sec * ORD_S + wall.tv_nsec - ord_now_ns();
    capture->size_max = size_max;
    ord_buf_init(&capture->buf, BUFFER_SIZE);
    add_section(&capture->buf);
    add_interface(&capture->buf, "delivered");
    add_interface(&capture->buf, "dropped");
    capture->size = capture->buf.size;
    return ORD_OK;
}

void ord_pcapng_add(struct ord_pcapng *capture,
                    enum ord_pcapng_interface interface, int64_t time_ns,
                    struct ord_bytes packet, const char *comment)
{
    struct ord_buf *buf = &capture->buf;
    uint64_t stamp = (uint64_t)(time_ns + capture->epoch_ns);
    size_t block;

    if (capture->fd < 0 || capture->is_full)
        return;
    if (capture->size + packet.size + PACKET_OVERHEAD > capture->size_max) {
        capture->is_full = true;
        return;
    }
    block = block_begin(buf, BLOCK_PACKET);
    put32(buf, interface);
    put32(buf, (uint32_t)(stamp >> 32));
    put32(buf, (uint32_t)stamp);
    put32(buf, (uint32_t)packet.size);
    put32(buf, (uint32_t)packet.size);
    put(buf, packet.at, packet.size);
    pad(buf, packet.size);
    if (comment != NULL) {
        option(buf, OPTION_COMMENT, comment, strlen(comment));
        option(buf, OPTION_END, "", 0);
    }
    block_end(buf, block);
    capture->size += buf->size - block;
    if (buf->size >= FLUSH_SIZE)
        ord_pcapng_flush(capture);
}

bool ord_pcapng_has_unwritten(const struct ord_pcapng *capture)
{
    return capture->fd >= 0 && capture->buf.size > 0;
}

void ord_pcapng_flush(struct ord_pcapng *capture)
{
    struct ord_err err;

    if (!ord_pcapng_has_unwritten(capture))
        return;
    if (capture->buf.failed ||
        ord_write_all(capture->fd, ord_buf_bytes(&capture->buf), &err) !=
            ORD_OK)
        capture->is_full = true;
    ord_buf_clear(&capture->buf);
}

void ord_pcapng_close(struct ord_pcapng *capture)
{
    if (capture->fd < 0)
        return;
    ord_pcapng_flush(capture);
    ord_buf_fini(&capture->buf);
    (void)close(capture->fd);
    capture->fd = -1;
}
