/* edn_write.c -- a history as Jepsen, Knossos and elle-cli read it.
 *
 * One map a line.  A key goes into the value as the tuple [k v], the way
 * Jepsen's independent tests have it.  In a transaction the names of the
 * micro-operations ([:append 1 6]) become keywords again, for Elle.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "histories/write.h"

/* A byte that may stand in a keyword; '/' and ':' only within it. */
static bool is_keyword_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-_.?!*+<>=&$%", c) != NULL);
}

static bool is_keyword(struct ord_bytes name)
{
    int slashes = 0;

    for (size_t i = 0; i < name.size; i++) {
        if (name.at[i] == '/' && i > 0 && i + 1 < name.size)
            slashes++;
        else if (!is_keyword_byte(name.at[i]))
            return false;
    }
    return name.size > 0 && slashes <= 1;
}

static void name_out(struct ord_buf *out, struct ord_bytes name)
{
    if (!is_keyword(name)) {
        ord_buf_json(out, name);
        return;
    }
    ord_buf_char(out, ':');
    ord_buf_add(out, name);
}

static bool is_micro_op(const struct ord_value *value)
{
    return value->kind == ORD_LIST && value->count >= 2 &&
           value->as.items[0].kind == ORD_TEXT;
}

static void txn_out(const struct ord_value *txn, struct ord_buf *out)
{
    ord_buf_char(out, '[');
    for (uint32_t i = 0; i < txn->count; i++) {
        const struct ord_value *micro = &txn->as.items[i];

        if (i > 0)
            ord_buf_char(out, ' ');
        if (!is_micro_op(micro)) {
            ord_value_to_edn(micro, out);
            continue;
        }
        ord_buf_char(out, '[');
        name_out(out, (struct ord_bytes){micro->as.items[0].as.text,
                                         micro->as.items[0].count});
        for (uint32_t j = 1; j < micro->count; j++) {
            ord_buf_char(out, ' ');
            ord_value_to_edn(&micro->as.items[j], out);
        }
        ord_buf_char(out, ']');
    }
    ord_buf_char(out, ']');
}

static void value_out(const struct ord_op *op, struct ord_buf *out)
{
    if (op->key.kind != ORD_NIL) {
        ord_buf_char(out, '[');
        ord_value_to_edn(&op->key, out);
        ord_buf_char(out, ' ');
    }
    if (op->f == ORD_F_TXN && op->value.kind == ORD_LIST)
        txn_out(&op->value, out);
    else
        ord_value_to_edn(&op->value, out);
    if (op->key.kind != ORD_NIL)
        ord_buf_char(out, ']');
}

static void extras_out(const struct ord_history *history,
                       const struct ord_op *op, struct ord_buf *out)
{
    if (op->node != ORD_NODE_NONE) {
        ord_buf_text(out, ", :node ");
        ord_buf_json(out,
                     ord_bytes_of(ord_history_node_name(history, op->node)));
    }
    if (op->epoch != ORD_NONE)
        ord_buf_printf(out, ", :epoch %" PRId64, op->epoch);
    if (op->position != ORD_NONE)
        ord_buf_printf(out, ", :position %" PRId64, op->position);
    if (op->session != ORD_NONE)
        ord_buf_printf(out, ", :session %" PRId64, op->session);
    if (op->device != 0)
        ord_buf_printf(out, ", :device %u", op->device);
    if (op->is_final)
        ord_buf_text(out, ", :final? true");
    if (op->error != NULL) {
        ord_buf_text(out, ", :error ");
        ord_buf_json(out, ord_bytes_of(op->error));
    }
}

static void op_out(const struct ord_history *history, const struct ord_op *op,
                   struct ord_buf *out)
{
    ord_buf_text(out, "{:index ");
    ord_buf_int(out, op->index);
    ord_buf_text(out, ", :time ");
    ord_buf_int(out, op->time_ns);
    ord_buf_text(out, ", :type :");
    ord_buf_text(out, ord_op_type_name(op->type));
    ord_buf_text(out, ", :process ");
    if (op->process == ORD_PROCESS_NEMESIS)
        ord_buf_text(out, ":nemesis");
    else
        ord_buf_int(out, op->process);
    ord_buf_text(out, ", :f ");
    name_out(out, ord_bytes_of(op->name));
    ord_buf_text(out, ", :value ");
    value_out(op, out);
    extras_out(history, op, out);
    ord_buf_text(out, "}\n");
}

int ord_history_write_edn(const struct ord_history *history, int fd,
                          struct ord_err *err)
{
    return ord_history_write_ops(history, fd, op_out, err);
}
