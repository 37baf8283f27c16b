/* jsonl_write.c -- a history as JSON lines; see jsonl.c for what they hold. */
#include <inttypes.h>

#include "histories/write.h"

static void number_out(struct ord_buf *out, const char *name, int64_t number)
{
    ord_buf_text(out, name);
    ord_buf_int(out, number);
}

static void extras_out(const struct ord_history *history,
                       const struct ord_op *op, struct ord_buf *out)
{
    if (op->node != ORD_NODE_NONE) {
        ord_buf_text(out, ",\"node\":");
        ord_buf_json(out,
                     ord_bytes_of(ord_history_node_name(history, op->node)));
    }
    if (op->epoch != ORD_NONE)
        number_out(out, ",\"epoch\":", op->epoch);
    if (op->position != ORD_NONE)
        number_out(out, ",\"position\":", op->position);
    if (op->session != ORD_NONE)
        number_out(out, ",\"session\":", op->session);
    if (op->device != 0)
        number_out(out, ",\"device\":", op->device);
    if (op->is_final)
        ord_buf_text(out, ",\"final\":true");
    if (op->error != NULL) {
        ord_buf_text(out, ",\"error\":");
        ord_buf_json(out, ord_bytes_of(op->error));
    }
}

static void op_out(const struct ord_history *history, const struct ord_op *op,
                   struct ord_buf *out)
{
    number_out(out, "{\"index\":", op->index);
    number_out(out, ",\"time\":", op->time_ns);
    ord_buf_text(out, ",\"type\":\"");
    ord_buf_text(out, ord_op_type_name(op->type));
    ord_buf_text(out, "\",\"process\":");
    if (op->process == ORD_PROCESS_NEMESIS)
        ord_buf_text(out, "\"nemesis\"");
    else
        ord_buf_int(out, op->process);
    ord_buf_text(out, ",\"f\":");
    ord_buf_json(out, ord_bytes_of(op->name));
    if (op->key.kind != ORD_NIL) {
        ord_buf_text(out, ",\"key\":");
        ord_value_to_json(&op->key, out);
    }
    ord_buf_text(out, ",\"value\":");
    ord_value_to_json(&op->value, out);
    extras_out(history, op, out);
    ord_buf_text(out, "}\n");
}

int ord_history_write_jsonl(const struct ord_history *history, int fd,
                            struct ord_err *err)
{
    return ord_history_write_ops(history, fd, op_out, err);
}
