/* log_read.c -- our own log back into a history, up to its last whole record.
 *
 * Why no real-time edge is invented.  Say A completed before B was invoked in
 * the history.  A stands at received_ns or where the controller read it, so
 * not before A's answer was there; B stands at sent_ns or where the controller
 * recorded it, so not after B was sent.  Equal times keep the order of the
 * log, which is the order in which the controller acted.  So A's answer was
 * there before B was sent.  A stamp counts only between what the controller
 * saw: the worst lie moves an operation's ends within its own window, and as
 * the windows of a process follow each other, so do its events.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "histories/build.h"
#include "histories/log_format.h"
#include "histories/read.h"

enum { SCRATCH_KEEP = 1 << 16 };

struct cursor {
    const unsigned char *at;
    const unsigned char *end;
    bool is_bad;
};

struct log_reader {
    struct ord_source *source;
    struct ord_history_builder *builder;
    struct ord_arena scratch; /* of one record */
    struct ord_arena names_arena;
    const char *names[ORD_LOG_NAMES_MAX + 1];
    uint8_t f[ORD_LOG_NAMES_MAX + 1];
    uint32_t name_count;
    int64_t last_ns;  /* as the record before said */
    int64_t clock_ns; /* the latest so far: the controller's never runs back */
    bool is_keyed;
};

static uint64_t get_varint(struct cursor *in)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        unsigned char byte;

        if (in->at == in->end)
            break;
        byte = *in->at++;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    in->is_bad = true;
    return 0;
}

static int64_t get_signed(struct cursor *in)
{
    return ord_log_unzigzag(get_varint(in));
}

static int64_t moved(int64_t from, int64_t by)
{
    return (int64_t)((uint64_t)from + (uint64_t)by);
}

/* Zero-terminated, in the arena. */
static struct ord_bytes get_text(struct cursor *in, struct ord_arena *arena)
{
    struct ord_bytes text = {.at = (const char *)in->at,
                             .size = (size_t)get_varint(in)};

    if (in->is_bad || text.size > (size_t)(in->end - in->at)) {
        in->is_bad = true;
        return (struct ord_bytes){.at = "", .size = 0};
    }
    text.at = ord_arena_copy(
        arena, (struct ord_bytes){(const char *)in->at, text.size});
    in->at += text.size;
    if (text.at == NULL) {
        in->is_bad = true;
        return (struct ord_bytes){.at = "", .size = 0};
    }
    return text;
}

static struct ord_value get_value(struct cursor *in, struct ord_arena *arena,
                                  int depth);

static struct ord_value get_list(struct cursor *in, struct ord_arena *arena,
                                 int depth)
{
    uint64_t count = get_varint(in);
    struct ord_value *items;

    /* An item takes a byte at least: a lie about the count ends here. */
    if (depth == ORD_VALUE_DEPTH_MAX || count > (size_t)(in->end - in->at)) {
        in->is_bad = true;
        return ord_value_nil();
    }
    items = ord_arena_zalloc(arena, (size_t)count, sizeof *items);
    in->is_bad |= items == NULL;
    for (uint64_t i = 0; i < count && !in->is_bad; i++)
        items[i] = get_value(in, arena, depth + 1);
    return ord_value_list(items, (uint32_t)count);
}

static struct ord_value get_value(struct cursor *in, struct ord_arena *arena,
                                  int depth)
{
    unsigned char tag = in->at == in->end ? UCHAR_MAX : *in->at++;
    struct ord_bytes text;

    switch (tag) {
    case ORD_LOG_NIL:
        return ord_value_nil();
    case ORD_LOG_FALSE:
    case ORD_LOG_TRUE:
        return (struct ord_value){.kind = ORD_BOOL,
                                  .as = {.number = tag == ORD_LOG_TRUE}};
    case ORD_LOG_INT:
        return ord_value_int(get_signed(in));
    case ORD_LOG_TEXT:
        text = get_text(in, arena);
        return (struct ord_value){.kind = ORD_TEXT,
                                  .count = (uint32_t)text.size,
                                  .as = {.text = text.at}};
    case ORD_LOG_LIST:
        return get_list(in, arena, depth);
    default:
        in->is_bad = true;
        return ord_value_nil();
    }
}

static void get_name(struct log_reader *r, struct cursor *in, struct ord_op *op)
{
    uint64_t id = get_varint(in);
    struct ord_bytes name;

    if (id > ORD_LOG_NAMES_MAX || id > (uint64_t)r->name_count + 1) {
        in->is_bad = true;
        return;
    }
    if (id != 0 && id <= r->name_count) {
        op->name = r->names[id];
        op->f = r->f[id];
        return;
    }
    name = get_text(in, id == 0 ? &r->scratch : &r->names_arena);
    op->name = name.at;
    op->f = (uint8_t)ord_f_of(name);
    if (id != 0 && !in->is_bad) {
        r->names[id] = op->name;
        r->f[id] = op->f;
        r->name_count++;
    }
}

struct stamps {
    int64_t sent_ns;
    int64_t received_ns;
};

static void get_op(struct log_reader *r, struct cursor *in, struct ord_op *op,
                   struct stamps *stamps)
{
    uint64_t bits = get_varint(in);
    uint64_t small;

    *op = ord_op_empty();
    *stamps = (struct stamps){ORD_NONE, ORD_NONE};
    in->is_bad |= (bits & ~(uint64_t)ORD_LOG_BITS) != 0;
    op->type = bits & ORD_LOG_TYPE_MASK;
    op->is_final = (bits & ORD_LOG_IS_FINAL) != 0;
    op->process = get_signed(in);
    op->time_ns = moved(r->last_ns, get_signed(in));
    if ((bits & ORD_LOG_HAS_SENT) != 0)
        stamps->sent_ns = moved(op->time_ns, get_signed(in));
    if ((bits & ORD_LOG_HAS_RECEIVED) != 0)
        stamps->received_ns = moved(op->time_ns, get_signed(in));
    if ((bits & ORD_LOG_HAS_NODE) != 0) {
        small = get_varint(in);
        in->is_bad |= small > ORD_NODES_MAX;
        op->node = (uint16_t)small;
    }
    if ((bits & ORD_LOG_HAS_SESSION) != 0)
        op->session = get_signed(in);
    if ((bits & ORD_LOG_HAS_EPOCH) != 0)
        op->epoch = get_signed(in);
    if ((bits & ORD_LOG_HAS_POSITION) != 0)
        op->position = get_signed(in);
    if ((bits & ORD_LOG_HAS_DEVICE) != 0) {
        small = get_varint(in);
        in->is_bad |= small > UINT8_MAX;
        op->device = (uint8_t)small;
    }
    get_name(r, in, op);
    if ((bits & ORD_LOG_HAS_KEY) != 0)
        op->key = get_value(in, &r->scratch, 0);
    if ((bits & ORD_LOG_HAS_VALUE) != 0)
        op->value = get_value(in, &r->scratch, 0);
    if ((bits & ORD_LOG_HAS_ERROR) != 0)
        op->error = get_text(in, &r->scratch).at;
    in->is_bad |= in->at != in->end;
}

/* Moves the ends of an operation to where its worker saw them, inside the
 * window between the controller's two stamps. */
static void narrow(struct ord_op *invoked, struct ord_op *completed,
                   const struct stamps *stamps)
{
    if (stamps->sent_ns >= invoked->time_ns &&
        stamps->sent_ns <= completed->time_ns)
        invoked->time_ns = stamps->sent_ns;
    if (stamps->received_ns >= invoked->time_ns &&
        stamps->received_ns <= completed->time_ns)
        completed->time_ns = stamps->received_ns;
}

static int add_record(struct log_reader *r, struct ord_bytes payload,
                      struct ord_err *err)
{
    struct ord_history *h = r->builder->history;
    struct cursor in = {.at = (const unsigned char *)payload.at};
    struct stamps stamps;
    struct ord_op op;
    struct ord_op *added;

    in.end = in.at + payload.size;
    if (r->scratch.taken_size > SCRATCH_KEEP)
        ord_arena_fini(&r->scratch);
    get_op(r, &in, &op, &stamps);
    if (in.is_bad)
        return ord_fail(err, ORD_EFORMAT,
                        "record %" PRId64 " at byte %" PRIu64
                        " is whole but makes no sense: written by another "
                        "version?",
                        h->count, ord_source_offset(r->source));
    r->last_ns = op.time_ns;
    if (op.time_ns < r->clock_ns)
        op.time_ns = r->clock_ns;
    r->clock_ns = op.time_ns;
    if (r->is_keyed && ord_split_key(&op, err) != ORD_OK)
        return err->rc;
    if (ord_history_add(r->builder, &op, err) != ORD_OK)
        return err->rc;
    added = &h->ops[h->count - 1];
    if (added->pair != ORD_NO_PAIR)
        narrow(&h->ops[added->pair], added, &stamps);
    return ORD_OK;
}

/* What is left is no record: counts what is not zero, for the room that a
 * killed writer had allocated is no loss. */
static uint64_t torn_size(struct ord_source *source)
{
    uint64_t from = ord_source_offset(source);
    uint64_t last = from;

    while (ord_source_need(source, 1) > 0) {
        for (; source->at < source->end; source->at++) {
            if (*source->at != 0)
                last = ord_source_offset(source) + 1;
        }
    }
    return last - from;
}

/* False: no further whole record. */
static bool next_record(struct ord_source *source, struct ord_bytes *payload,
                        size_t *whole)
{
    uint32_t size;
    uint32_t crc;

    if (ord_source_need(source, ORD_LOG_RECORD_HEAD) < ORD_LOG_RECORD_HEAD)
        return false;
    size = ord_log_get32(source->at);
    if (size == 0 || size > ORD_LOG_PAYLOAD_MAX)
        return false;
    /* The padding may be missing in a file that was cut. */
    *whole = ORD_LOG_RECORD_HEAD + ord_log_align(size);
    if (ord_source_need(source, *whole) < ORD_LOG_RECORD_HEAD + size)
        return false;
    if (*whole > (size_t)(source->end - source->at))
        *whole = (size_t)(source->end - source->at);
    payload->at = source->at + ORD_LOG_RECORD_HEAD;
    payload->size = size;
    crc = ord_log_get32(source->at + 4);
    return crc32_z(0, (const void *)payload->at, size) == crc;
}

static int read_nodes(struct log_reader *r, struct ord_bytes meta,
                      struct ord_err *err)
{
    struct ord_json in = {.at = meta.at, .end = meta.at + meta.size};
    struct ord_bytes key;
    struct ord_bytes raw;
    uint16_t node = 0;
    bool is_good = ord_json_enter(&in, '{');

    while (is_good && ord_json_member(&in, &key)) {
        if (!ord_bytes_is(key, "nodes") ||
            ord_json_peek(&in) != ORD_JSON_ARRAY) {
            is_good = ord_json_skip(&in);
            continue;
        }
        in.at++;
        while (is_good && ord_json_element(&in)) {
            is_good = ord_json_string(&in, &raw);
            if (!is_good)
                break;
            raw = ord_json_unescape(&r->scratch, raw);
            if (raw.at == NULL)
                return ord_fail(err, ORD_EFORMAT, "meta: a bad node name");
            node = (uint16_t)(node + 1);
            if (ord_builder_name_node(r->builder, node, raw, err) != ORD_OK)
                return ord_wrap(err, "meta");
        }
        is_good = is_good && ord_json_left(&in, ']');
    }
    if (!is_good || !ord_json_left(&in, '}'))
        return ord_fail(err, ORD_EFORMAT,
                        "meta: expected an object with a list of names as "
                        "its \"nodes\"");
    return ord_builder_meta(r->builder, meta, err);
}

static int read_header(struct log_reader *r, struct ord_err *err)
{
    struct ord_source *source = r->source;
    size_t have = ord_source_need(source, ORD_LOG_HEADER_SIZE);
    struct ord_bytes meta;
    size_t whole;
    uint32_t crc;

    if (have >= ORD_LOG_MAGIC_SIZE &&
        memcmp(source->at, ORD_LOG_MAGIC, ORD_LOG_MAGIC_SIZE) != 0)
        return ord_fail(err, ORD_EFORMAT, "not a log of ordeal");
    if (have < ORD_LOG_HEADER_SIZE)
        return ord_fail(err, ORD_EFORMAT,
                        "the header of the log is cut after %zu bytes", have);
    if (ord_log_get32(source->at + 8) != ORD_LOG_VERSION)
        return ord_fail(err, ORD_EFORMAT, "version %u of the log, expected %d",
                        ord_log_get32(source->at + 8), ORD_LOG_VERSION);
    meta.size = ord_log_get32(source->at + 16);
    if (meta.size > ORD_LOG_META_MAX)
        return ord_fail(err, ORD_EFORMAT, "the header of the log is damaged");
    whole = ORD_LOG_HEADER_SIZE + ord_log_align(meta.size);
    have = ord_source_need(source, whole);
    if (have < ORD_LOG_HEADER_SIZE + meta.size)
        return ord_fail(err, ORD_EFORMAT,
                        "the header of the log is cut after %zu bytes", have);
    meta.at = source->at + ORD_LOG_HEADER_SIZE;
    crc =
        (uint32_t)crc32_z(0, (const void *)source->at, ORD_LOG_HEADER_SIZE - 4);
    crc = (uint32_t)crc32_z(crc, (const void *)meta.at, meta.size);
    if (crc != ord_log_get32(source->at + 20))
        return ord_fail(err, ORD_EFORMAT, "the header of the log is damaged");
    if (ord_log_get32(source->at + 12) != 0)
        return ord_fail(err, ORD_EFORMAT,
                        "the log has flags of a newer version");
    if (read_nodes(r, meta, err) != ORD_OK)
        return err->rc;
    source->at += have < whole ? have : whole;
    return ORD_OK;
}

static int read_records(struct log_reader *r, struct ord_err *err)
{
    struct ord_bytes payload;
    size_t whole = 0;
    int rc = read_header(r, err);

    while (rc == ORD_OK && next_record(r->source, &payload, &whole)) {
        rc = add_record(r, payload, err);
        r->source->at += whole;
    }
    if (rc == ORD_OK)
        r->builder->history->torn_size = torn_size(r->source);
    return rc;
}

int ord_read_own(struct ord_source *source,
                 const struct ord_history_options *how,
                 struct ord_history **out, struct ord_err *err)
{
    struct log_reader *r = calloc(1, sizeof *r);
    int rc;

    if (r == NULL)
        return ord_fail(err, ORD_ENOMEM, "a reader");
    r->source = source;
    r->is_keyed = how->is_keyed;
    r->clock_ns = INT64_MIN;
    ord_arena_init(&r->scratch, ord_history_size_max(how));
    ord_arena_init(&r->names_arena, ord_history_size_max(how));
    rc = ord_history_builder_new(ord_history_size_max(how), &r->builder, err);
    if (rc == ORD_OK) {
        r->builder->pairs_at_once = true;
        rc = read_records(r, err);
    }
    if (rc == ORD_OK)
        rc = ord_source_check(source, err);
    if (rc == ORD_OK)
        rc = ord_builder_finish(&r->builder, ORD_ORDER_TIME_ADDED, out, err);
    ord_history_builder_free(&r->builder);
    ord_arena_fini(&r->scratch);
    ord_arena_fini(&r->names_arena);
    free(r);
    return rc;
}
