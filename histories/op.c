#include "histories/op.h"

#include <inttypes.h>

#include "harness/base/err.h"

static const char *const f_names[] = {
    [ORD_F_OTHER] = "other",     [ORD_F_READ] = "read",
    [ORD_F_WRITE] = "write",     [ORD_F_CAS] = "cas",
    [ORD_F_ADD] = "add",         [ORD_F_REMOVE] = "remove",
    [ORD_F_APPEND] = "append",   [ORD_F_ENQUEUE] = "enqueue",
    [ORD_F_DEQUEUE] = "dequeue", [ORD_F_PUSH] = "push",
    [ORD_F_POP] = "pop",         [ORD_F_ACQUIRE] = "acquire",
    [ORD_F_RELEASE] = "release", [ORD_F_GENERATE] = "generate",
    [ORD_F_TXN] = "txn",         [ORD_F_PUT] = "put",
    [ORD_F_GET] = "get",         [ORD_F_CONTAINS] = "contains",
    [ORD_F_DRAIN] = "drain",     [ORD_F_TRANSFER] = "transfer",
};
_Static_assert(sizeof f_names / sizeof *f_names == ORD_F_COUNT,
               "every function has its name");

static const char *const type_names[] = {
    [ORD_OP_INVOKE] = "invoke",
    [ORD_OP_OK] = "ok",
    [ORD_OP_FAIL] = "fail",
    [ORD_OP_INFO] = "info",
};

enum ord_f ord_f_of(struct ord_bytes name)
{
    /* The word "other" is a name like any other unknown one. */
    for (int f = ORD_F_OTHER + 1; f < ORD_F_COUNT; f++) {
        if (ord_bytes_is(name, f_names[f]))
            return (enum ord_f)f;
    }
    return ORD_F_OTHER;
}

const char *ord_f_name(enum ord_f f)
{
    ORD_ASSERT(f < ORD_F_COUNT);
    return f_names[f];
}

const char *ord_op_type_name(enum ord_op_type type)
{
    ORD_ASSERT(type <= ORD_OP_INFO);
    return type_names[type];
}

bool ord_op_type_of(struct ord_bytes name, uint8_t *type)
{
    for (uint8_t i = 0; i <= ORD_OP_INFO; i++) {
        if (ord_bytes_is(name, type_names[i])) {
            *type = i;
            return true;
        }
    }
    return false;
}

struct ord_op ord_op_empty(void)
{
    return (struct ord_op){
        .time_ns = ORD_NONE,
        .pair = ORD_NO_PAIR,
        .session = ORD_NONE,
        .epoch = ORD_NONE,
        .position = ORD_NONE,
        .name = "",
    };
}

static void print_extras(const struct ord_op *op, struct ord_buf *out)
{
    if (op->node != ORD_NODE_NONE)
        ord_buf_printf(out, " n%u", op->node);
    if (op->epoch != ORD_NONE)
        ord_buf_printf(out, " e%" PRId64, op->epoch);
    if (op->position != ORD_NONE)
        ord_buf_printf(out, " p%" PRId64, op->position);
    if (op->session != ORD_NONE)
        ord_buf_printf(out, " u%" PRId64, op->session);
    if (op->device != 0)
        ord_buf_printf(out, " d%u", op->device);
    if (op->is_final)
        ord_buf_text(out, " final");
    if (op->error != NULL) {
        ord_buf_text(out, " !");
        ord_buf_json(out, ord_bytes_of(op->error));
    }
}

void ord_op_print(const struct ord_op *op, struct ord_buf *out)
{
    ORD_ASSERT(op->name != NULL);
    ord_buf_int(out, op->index);
    if (op->time_ns < 0)
        ord_buf_text(out, " -");
    else
        ord_buf_printf(out, " %" PRId64 ".%06" PRId64,
                       op->time_ns / INT64_C(1000000000),
                       op->time_ns % INT64_C(1000000000) / 1000);
    if (op->process == ORD_PROCESS_NEMESIS)
        ord_buf_text(out, " nemesis");
    else
        ord_buf_printf(out, " %" PRId64, op->process);
    ord_buf_printf(out, " %s %s", ord_op_type_name(op->type), op->name);
    if (op->key.kind != ORD_NIL) {
        ord_buf_text(out, " k");
        ord_value_to_edn(&op->key, out);
    }
    if (op->value.kind != ORD_NIL ||
        (op->type == ORD_OP_OK && op->process != ORD_PROCESS_NEMESIS)) {
        ord_buf_char(out, ' ');
        ord_value_to_edn(&op->value, out);
    }
    print_extras(op, out);
}
