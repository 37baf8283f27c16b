#include "targets/refdb/members.h"

#include "harness/base/err.h"

/* No command of a client begins like that, see cmd.h. */
static const char MARK = 'M';
enum { HEAD_SIZE = 1 + 3 * 8, ROW_SIZE = 4 + 8 };

uint64_t rd_bit(uint32_t id)
{
    ORD_ASSERT(id >= 1 && id <= RD_NODE_MAX);
    return UINT64_C(1) << (id - 1);
}

bool rd_has(uint64_t nodes, uint32_t id)
{
    return (nodes & rd_bit(id)) != 0;
}

uint32_t rd_count(uint64_t nodes)
{
    return (uint32_t)__builtin_popcountll(nodes);
}

bool rd_is_members(struct ord_bytes data)
{
    return data.size >= HEAD_SIZE && data.at[0] == MARK;
}

void rd_members_encode(struct ord_buf *out, const struct rd_members *members)
{
    uint64_t all = members->voters | members->joining;

    ORD_ASSERT((members->voters & members->joining) == 0);
    ord_buf_char(out, MARK);
    rd_put_u64(out, members->cluster);
    rd_put_u64(out, members->voters);
    rd_put_u64(out, members->joining);
    for (uint32_t i = 1; i <= RD_NODE_MAX; i++)
        if (rd_has(all, i)) {
            rd_put_u32(out, members->ip[i]);
            rd_put_u64(out, members->identity[i]);
        }
}

bool rd_members_decode(struct ord_bytes data, struct rd_members *members)
{
    size_t at = HEAD_SIZE;
    uint64_t all;

    if (!rd_is_members(data))
        return false;
    *members = (struct rd_members){
        .cluster = rd_get_u64(data.at + 1),
        .voters = rd_get_u64(data.at + 9),
        .joining = rd_get_u64(data.at + 17),
    };
    all = members->voters | members->joining;
    if ((members->voters & members->joining) != 0 ||
        data.size != HEAD_SIZE + ROW_SIZE * (size_t)rd_count(all))
        return false;
    for (uint32_t i = 1; i <= RD_NODE_MAX; i++) {
        if (!rd_has(all, i))
            continue;
        members->ip[i] = rd_get_u32(data.at + at);
        members->identity[i] = rd_get_u64(data.at + at + 4);
        at += ROW_SIZE;
    }
    return true;
}

static void print_ids(struct ord_buf *out, uint64_t nodes)
{
    const char *comma = "";

    for (uint32_t i = 1; i <= RD_NODE_MAX; i++) {
        if (!rd_has(nodes, i))
            continue;
        ord_buf_printf(out, "%s%u", comma, i);
        comma = ",";
    }
}

void rd_members_print(struct ord_buf *out, const struct rd_members *members)
{
    ord_buf_text(out, "voters=");
    print_ids(out, members->voters);
    ord_buf_text(out, " joining=");
    print_ids(out, members->joining);
}
