#include "targets/refdb/cmd.h"

#include "harness/base/err.h"
#include "targets/refdb/msg.h"

enum { PRINT_SIZE_MAX = 64 }; /* bytes of one argument in a log line */

const struct rd_cmd_spec *rd_cmd_spec(enum rd_cmd_kind kind)
{
    static const struct rd_cmd_spec specs[RD_CMD_KINDS] = {
        [RD_CMD_SET] = {"SET", 2},       [RD_CMD_CAS] = {"CAS", 3},
        [RD_CMD_CASNIL] = {"CASNIL", 2}, [RD_CMD_SADD] = {"SADD", 2},
        [RD_CMD_RPUSH] = {"RPUSH", 2},   [RD_CMD_INCRBY] = {"INCRBY", 2},
    };

    ORD_ASSERT(kind > 0 && kind < RD_CMD_KINDS);
    return &specs[kind];
}

void rd_cmd_encode(struct ord_buf *out, const struct rd_cmd *cmd)
{
    ORD_ASSERT(cmd->count == rd_cmd_spec(cmd->kind)->count);
    ord_buf_char(out, (char)cmd->kind);
    for (uint32_t i = 0; i < cmd->count; i++) {
        rd_put_u32(out, (uint32_t)cmd->arg[i].size);
        ord_buf_add(out, cmd->arg[i]);
    }
}

bool rd_cmd_decode(struct ord_bytes data, struct rd_cmd *cmd)
{
    uint8_t kind = data.size > 0 ? (uint8_t)data.at[0] : 0;
    size_t at = 1;

    if (kind == 0 || kind >= RD_CMD_KINDS)
        return false;
    *cmd = (struct rd_cmd){.kind = kind, .count = rd_cmd_spec(kind)->count};
    for (uint32_t i = 0; i < cmd->count; i++) {
        uint32_t size;

        if (data.size - at < 4)
            return false;
        size = rd_get_u32(data.at + at);
        at += 4;
        if (data.size - at < size)
            return false;
        cmd->arg[i] = (struct ord_bytes){.at = data.at + at, .size = size};
        at += size;
    }
    return at == data.size;
}

void rd_cmd_print(struct ord_buf *out, struct ord_bytes data)
{
    struct rd_cmd cmd;

    if (!rd_cmd_decode(data, &cmd)) {
        ord_buf_text(out, "(no command)");
        return;
    }
    ord_buf_text(out, rd_cmd_spec(cmd.kind)->name);
    for (uint32_t i = 0; i < cmd.count; i++) {
        struct ord_bytes arg = cmd.arg[i];

        ord_buf_char(out, ' ');
        for (size_t j = 0; j < arg.size && j < PRINT_SIZE_MAX; j++)
            ord_buf_char(out,
                         arg.at[j] > 32 && arg.at[j] < 127 ? arg.at[j] : '?');
    }
}

bool rd_parse_int(struct ord_bytes text, int64_t *value)
{
    bool is_negative = text.size > 0 && text.at[0] == '-';
    size_t at = is_negative ? 1 : 0;
    int64_t sum = 0;

    if (at == text.size || text.size > 20)
        return false;
    for (; at < text.size; at++) {
        int digit = text.at[at] - '0';

        if (digit < 0 || digit > 9 || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_sub_overflow(sum, digit, &sum))
            return false;
    }
    if (!is_negative && __builtin_sub_overflow(INT64_C(0), sum, &sum))
        return false;
    *value = sum;
    return true;
}
