/* log_row.c -- rows of the recorder: bytes, and their places in the history.
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
#include "histories/log_row.h"

#include <inttypes.h>
#include <stdlib.h>
#include <zlib.h>

#include "histories/pair.h"

enum {
    FIXED_MAX = 16 * ORD_VARINT_MAX, /* all of a row but text and values */
    ROWS_MIN = 64,
};

void ord_row_state_fini(struct ord_row_state *state)
{
    for (uint32_t id = 1; id <= state->name_count; id++)
        free(state->names[id]);
    *state = (struct ord_row_state){0};
}

/* ---- encoding ------------------------------------------------------------ */

static uint32_t bits_of(const struct ord_op *op, const struct ord_row *row)
{
    uint32_t bits = op->type;

    bits |= op->is_final ? ORD_LOG_IS_FINAL : 0;
    bits |= op->key.kind != ORD_NIL ? ORD_LOG_HAS_KEY : 0;
    bits |= op->value.kind != ORD_NIL ? ORD_LOG_HAS_VALUE : 0;
    bits |= op->node != ORD_NODE_NONE ? ORD_LOG_HAS_NODE : 0;
    bits |= op->session != ORD_NONE ? ORD_LOG_HAS_SESSION : 0;
    bits |= op->epoch != ORD_NONE ? ORD_LOG_HAS_EPOCH : 0;
    bits |= op->position != ORD_NONE ? ORD_LOG_HAS_POSITION : 0;
    bits |= op->device != 0 ? ORD_LOG_HAS_DEVICE : 0;
    bits |= op->error != NULL ? ORD_LOG_HAS_ERROR : 0;
    bits |= row->sent_ns != ORD_NONE ? ORD_LOG_HAS_SENT : 0;
    bits |= row->received_ns != ORD_NONE ? ORD_LOG_HAS_RECEIVED : 0;
    bits |= row->is_placed ? ORD_LOG_IS_PLACED : 0;
    return bits;
}

static const char *name_of(const struct ord_op *op)
{
    return op->f != ORD_F_OTHER ? ord_f_name((enum ord_f)op->f) : op->name;
}

/* The id under which f's name was defined; 0: not yet, or no id left. */
static uint8_t name_id(const struct ord_row_state *state,
                       const struct ord_op *op)
{
    if (op->f != ORD_F_OTHER)
        return state->f_ids[op->f];
    for (uint32_t id = 1; id <= state->name_count; id++) {
        if (strcmp(state->names[id], op->name) == 0)
            return (uint8_t)id;
    }
    return 0;
}

static unsigned char *put_signed(unsigned char *at, int64_t value)
{
    return ord_put_varint(at, ord_zigzag(value));
}

/* Bits, process, f, times and numbers: what has a bounded size. */
static void add_fixed(const struct ord_row_state *state,
                      const struct ord_op *op, const struct ord_row *row,
                      uint8_t id, struct ord_buf *out)
{
    uint32_t bits = bits_of(op, row);
    unsigned char *first = (unsigned char *)ord_buf_reserve(out, FIXED_MAX);
    unsigned char *at = first;

    if (first == NULL)
        return;
    at = ord_put_varint(at, bits);
    at = put_signed(at, op->process);
    at = put_signed(at, ord_distance(state->last_ns, op->time_ns));
    if ((bits & ORD_LOG_HAS_SENT) != 0)
        at = put_signed(at, ord_distance(op->time_ns, row->sent_ns));
    if ((bits & ORD_LOG_HAS_RECEIVED) != 0)
        at = put_signed(at, ord_distance(op->time_ns, row->received_ns));
    if ((bits & ORD_LOG_HAS_NODE) != 0)
        at = ord_put_varint(at, op->node);
    if ((bits & ORD_LOG_HAS_SESSION) != 0)
        at = put_signed(at, op->session);
    if ((bits & ORD_LOG_HAS_EPOCH) != 0)
        at = put_signed(at, op->epoch);
    if ((bits & ORD_LOG_HAS_POSITION) != 0)
        at = put_signed(at, op->position);
    if ((bits & ORD_LOG_HAS_DEVICE) != 0)
        at = ord_put_varint(at, op->device);
    at = ord_put_varint(at, id);
    ord_buf_commit(out, (size_t)(at - first));
}

int ord_row_encode(const struct ord_row_state *state, const struct ord_op *op,
                   const struct ord_row *row, struct ord_buf *out,
                   uint8_t *defines, struct ord_err *err)
{
    uint8_t id = name_id(state, op);
    bool is_flat = true;

    *defines = 0;
    if (id == 0 && state->name_count < ORD_LOG_NAMES_MAX)
        *defines = (uint8_t)(state->name_count + 1);
    ord_buf_clear(out);
    add_fixed(state, op, row, id == 0 ? *defines : id, out);
    if (id == 0)
        ord_add_text(out, ord_bytes_of(name_of(op)));
    if (op->key.kind != ORD_NIL)
        is_flat = ord_add_value(out, &op->key);
    if (op->value.kind != ORD_NIL)
        is_flat = ord_add_value(out, &op->value) && is_flat;
    if (op->error != NULL)
        ord_add_text(out, ord_bytes_of(op->error));
    if (!is_flat)
        return ord_fail(err, ORD_ELIMIT, "%s: a value nested more than %d deep",
                        name_of(op), ORD_VALUE_DEPTH_MAX);
    if (out->failed)
        return ord_fail(err, ORD_ELIMIT, "%s: a record of over %d bytes",
                        name_of(op), ORD_LOG_PAYLOAD_MAX);
    return ORD_OK;
}

int ord_row_written(struct ord_row_state *state, const struct ord_op *op,
                    uint8_t defines, struct ord_err *err)
{
    if (defines != 0) {
        state->names[defines] = strdup(name_of(op));
        if (state->names[defines] == NULL)
            return ord_fail(err, ORD_ENOMEM, "the name %s", name_of(op));
        state->name_count = defines;
        if (op->f != ORD_F_OTHER)
            state->f_ids[op->f] = defines;
    }
    state->last_ns = op->time_ns;
    return ORD_OK;
}

/* ---- decoding ------------------------------------------------------------ */

static void get_name(struct ord_row_state *state, struct ord_cursor *in,
                     struct ord_arena *arena, struct ord_op *op)
{
    uint64_t id = ord_get_varint(in);
    struct ord_bytes name;

    if (id > ORD_LOG_NAMES_MAX || id > (uint64_t)state->name_count + 1) {
        in->is_bad = true;
        return;
    }
    if (id != 0 && id <= state->name_count) {
        op->name = state->names[id];
        op->f = state->f[id];
        return;
    }
    name = ord_get_text(in, arena);
    op->name = name.at;
    op->f = (uint8_t)ord_f_of(name);
    if (id != 0 && !in->is_bad) {
        state->names[id] = (char *)(uintptr_t)op->name; /* the arena's */
        state->f[id] = op->f;
        state->name_count++;
    }
}

static void get_numbers(uint64_t bits, struct ord_cursor *in, struct ord_op *op)
{
    uint64_t small;

    if ((bits & ORD_LOG_HAS_NODE) != 0) {
        small = ord_get_varint(in);
        in->is_bad |= small > ORD_NODES_MAX;
        op->node = (uint16_t)small;
    }
    if ((bits & ORD_LOG_HAS_SESSION) != 0)
        op->session = ord_get_signed(in);
    if ((bits & ORD_LOG_HAS_EPOCH) != 0)
        op->epoch = ord_get_signed(in);
    if ((bits & ORD_LOG_HAS_POSITION) != 0)
        op->position = ord_get_signed(in);
    if ((bits & ORD_LOG_HAS_DEVICE) != 0) {
        small = ord_get_varint(in);
        in->is_bad |= small > UINT8_MAX;
        op->device = (uint8_t)small;
    }
}

static void get_row(struct ord_row_state *state, struct ord_cursor *in,
                    struct ord_arena *arena, struct ord_op *op,
                    struct ord_row *row)
{
    uint64_t bits = ord_get_varint(in);

    *op = ord_op_empty();
    *row = (struct ord_row){.sent_ns = ORD_NONE, .received_ns = ORD_NONE};
    in->is_bad |= (bits & ~(uint64_t)ORD_LOG_BITS) != 0;
    op->type = bits & ORD_LOG_TYPE_MASK;
    op->is_final = (bits & ORD_LOG_IS_FINAL) != 0;
    row->is_placed = (bits & ORD_LOG_IS_PLACED) != 0;
    op->process = ord_get_signed(in);
    in->is_bad |= op->process < ORD_PROCESS_NEMESIS;
    op->time_ns = ord_moved(state->last_ns, ord_get_signed(in));
    state->last_ns = op->time_ns;
    if ((bits & ORD_LOG_HAS_SENT) != 0)
        row->sent_ns = ord_moved(op->time_ns, ord_get_signed(in));
    if ((bits & ORD_LOG_HAS_RECEIVED) != 0)
        row->received_ns = ord_moved(op->time_ns, ord_get_signed(in));
    get_numbers(bits, in, op);
    get_name(state, in, arena, op);
    if ((bits & ORD_LOG_HAS_KEY) != 0)
        op->key = ord_get_value(in, arena);
    if ((bits & ORD_LOG_HAS_VALUE) != 0)
        op->value = ord_get_value(in, arena);
    if ((bits & ORD_LOG_HAS_ERROR) != 0)
        op->error = ord_get_text(in, arena).at;
    in->is_bad |= in->at != in->end;
}

/* False: no further whole record. */
static bool next_record(struct ord_bytes rest, struct ord_bytes *payload,
                        size_t *whole)
{
    uint32_t size;

    if (rest.size < ORD_LOG_RECORD_HEAD)
        return false;
    size = ord_get32(rest.at);
    if (size == 0 || size > ORD_LOG_PAYLOAD_MAX ||
        size > rest.size - ORD_LOG_RECORD_HEAD)
        return false;
    *payload = (struct ord_bytes){rest.at + ORD_LOG_RECORD_HEAD, size};
    /* The padding may be missing in a file that was cut. */
    *whole = ORD_LOG_RECORD_HEAD + ord_log_align(size);
    if (*whole > rest.size)
        *whole = rest.size;
    return crc32_z(0, (const void *)payload->at, size) ==
           ord_get32(rest.at + 4);
}

static bool grow(struct ord_rows *rows)
{
    int64_t room = rows->room < ROWS_MIN ? ROWS_MIN : 2 * rows->room;
    struct ord_op *ops =
        ord_arena_alloc(rows->arena, (size_t)room * sizeof *ops);
    struct ord_row *more =
        ord_arena_alloc(rows->arena, (size_t)room * sizeof *more);

    if (ops == NULL || more == NULL)
        return false;
    if (rows->count > 0) {
        memcpy(ops, rows->ops, (size_t)rows->count * sizeof *ops);
        memcpy(more, rows->rows, (size_t)rows->count * sizeof *more);
    }
    rows->ops = ops;
    rows->rows = more;
    rows->room = room;
    return true;
}

int ord_rows_read(struct ord_bytes bytes, struct ord_arena *arena,
                  struct ord_rows *out, struct ord_err *err)
{
    struct ord_row_state state = {0};
    struct ord_bytes payload;
    size_t whole = 0;

    *out = (struct ord_rows){.arena = arena};
    while (next_record(
        (struct ord_bytes){bytes.at + out->size, bytes.size - out->size},
        &payload, &whole)) {
        struct ord_cursor in = {.at = (const unsigned char *)payload.at};

        in.end = in.at + payload.size;
        if (out->count == out->room && !grow(out))
            return ord_fail(err, ORD_ENOMEM, "%" PRId64 " records", out->count);
        get_row(&state, &in, arena, &out->ops[out->count],
                &out->rows[out->count]);
        if (in.is_full)
            return ord_fail(err, ORD_ENOMEM, "a record of %zu bytes",
                            payload.size);
        if (in.is_bad)
            return ord_fail(err, ORD_EFORMAT,
                            "record %" PRId64 " at byte %zu is whole but makes "
                            "no sense: written by another version?",
                            out->count, out->size);
        out->ops[out->count].index = out->count;
        out->count++;
        out->size += whole;
    }
    return ORD_OK;
}

uint64_t ord_torn_size(struct ord_bytes bytes)
{
    size_t size = bytes.size;

    while (size > 0 && bytes.at[size - 1] == '\0')
        size--;
    return size;
}

/* ---- placing ------------------------------------------------------------- */

/* Moves the ends of an operation to where its worker saw them, inside the
 * window between the controller's two stamps. */
static void narrow(struct ord_rows *rows, int64_t invoked, int64_t completed)
{
    struct ord_op *begin = &rows->ops[invoked];
    struct ord_op *end = &rows->ops[completed];
    const struct ord_row *row = &rows->rows[completed];

    if (!rows->rows[invoked].is_placed && row->sent_ns >= begin->time_ns &&
        row->sent_ns <= end->time_ns)
        begin->time_ns = row->sent_ns;
    if (!row->is_placed && row->received_ns >= begin->time_ns &&
        row->received_ns <= end->time_ns)
        end->time_ns = row->received_ns;
}

/* The invocation already has its place, somewhere up to the frontier. */
static void narrow_end(struct ord_rows *rows, int64_t completed,
                       int64_t frontier_ns)
{
    struct ord_op *end = &rows->ops[completed];
    const struct ord_row *row = &rows->rows[completed];

    if (!row->is_placed && row->received_ns >= frontier_ns &&
        row->received_ns <= end->time_ns)
        end->time_ns = row->received_ns;
}

int ord_rows_place(struct ord_rows *rows, int64_t frontier_ns,
                   struct ord_err *err)
{
    struct ord_process_map map = {0};
    int64_t clock_ns = INT64_MIN;
    int rc = ORD_OK;

    for (int64_t i = 0; i < rows->count && rc == ORD_OK; i++) {
        struct ord_op *op = &rows->ops[i];
        struct ord_process_slot *slot;

        /* The controller's clock never runs back. */
        if (op->time_ns < clock_ns)
            op->time_ns = clock_ns;
        clock_ns = op->time_ns;
        if (op->process == ORD_PROCESS_NEMESIS)
            continue;
        slot = ord_process_slot(&map, op->process);
        if (slot == NULL) {
            rc = ord_fail(err, ORD_ENOMEM, "%zu processes", map.count);
            break;
        }
        rows->rows[i].is_open = op->type == ORD_OP_INVOKE;
        if (op->type != ORD_OP_INVOKE && slot->event == 0) {
            narrow_end(rows, i, frontier_ns);
        } else if (op->type != ORD_OP_INVOKE && slot->type == ORD_OP_INVOKE) {
            narrow(rows, slot->event - 1, i);
            rows->rows[slot->event - 1].is_open = false;
        }
        slot->event = i + 1;
        slot->type = op->type;
    }
    ord_process_map_fini(&map);
    return rc;
}
