#include "histories/history.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "histories/build.h"

void ord_history_free(struct ord_history **history)
{
    struct ord_history *h = *history;

    if (h == NULL)
        return;
    ord_wide_free(&h->wide);
    for (uint32_t i = 0; i < h->block_count; i++) {
        if (h->map == NULL && h->bytes == NULL)
            free((void *)(uintptr_t)h->blocks[i].at);
    }
    free(h->blocks);
    free(h->bytes);
    if (h->map != NULL)
        (void)munmap(h->map, h->map_size);
    ord_arena_fini(&h->arena);
    free(h);
    *history = NULL;
}

int ord_history_seal(struct ord_history *history, struct ord_err *err)
{
    ORD_ASSERT(history->wide == NULL);
    return ord_wide_new(history, &history->wide, err);
}

void ord_history_release(const struct ord_history *history,
                         const struct ord_block *block)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = (uintptr_t)block->at / page * page;
    uintptr_t to = ((uintptr_t)block->at + block->size) / page * page;

    if (history->map != NULL && to > from)
        (void)madvise((void *)from, to - from, MADV_DONTNEED);
}

int64_t ord_history_count(const struct ord_history *history)
{
    return history->count;
}

const struct ord_op *ord_history_pair(const struct ord_history *history,
                                      const struct ord_op *op)
{
    if (op->pair == ORD_NO_PAIR)
        return NULL;
    ORD_ASSERT(op->pair >= 0);
    ORD_ASSERT(op->pair < history->count);
    return ord_history_op(history, op->pair);
}

const char *ord_history_node_name(const struct ord_history *history,
                                  uint16_t node)
{
    if (node == ORD_NODE_NONE || node > history->node_count ||
        history->nodes[node] == NULL)
        return "-";
    return history->nodes[node];
}

uint16_t ord_history_node_count(const struct ord_history *history)
{
    return history->node_count;
}

uint16_t ord_history_member_count(const struct ord_history *history)
{
    static const char key[] = "\"start_with\":"; /* no text: these escape " */
    const char *at = history->meta == NULL ? NULL : strstr(history->meta, key);
    unsigned long count =
        at == NULL ? 0 : strtoul(at + sizeof key - 1, NULL, 10);

    return count == 0 || count > history->node_count ? history->node_count
                                                     : (uint16_t)count;
}

const char *ord_history_meta(const struct ord_history *history)
{
    return history->meta;
}

uint64_t ord_history_torn_size(const struct ord_history *history)
{
    return history->torn_size;
}

static void add_kind(const struct ord_kind *kind, struct ord_history_facts *out)
{
    uint32_t bits = kind->bits;

    if ((bits & ORD_KIND_NEMESIS) != 0) {
        out->has_nemesis = true;
        return;
    }
    out->fs |= UINT64_C(1) << kind->f;
    out->has_final |= (bits & ORD_KIND_FINAL) != 0;
    out->has_keys |= ord_kind_field(bits, ORD_KIND_KEY_SHIFT) != ORD_KF_NONE;
    out->has_nodes |= ord_kind_field(bits, ORD_KIND_NODE_SHIFT) != ORD_KF_NONE;
    out->reads_ask |= kind->f == ORD_F_READ && ord_kind_is_call(kind) &&
                      ord_kind_value(bits) >= ORD_KV_PAIR;
    out->has_sessions |=
        ord_kind_field(bits, ORD_KIND_SESSION_SHIFT) != ORD_KF_NONE;
}

_Static_assert(ORD_F_COUNT <= 64, "a bit for each function");

int ord_history_facts(const struct ord_history *history,
                      struct ord_history_facts *out, struct ord_err *err)
{
    struct ord_reader reader = {0};
    struct ord_arena names;
    int rc = ORD_OK;

    *out = (struct ord_history_facts){.call_count = history->call_count};
    ord_arena_init(&names, history->size_max);
    for (uint32_t i = 0; i < history->block_count && rc == ORD_OK; i++) {
        rc = ord_reader_kinds(&reader, &history->blocks[i], &names, err);
        for (uint32_t k = 0; k < reader.kind_count && rc == ORD_OK; k++)
            add_kind(&reader.kinds[k], out);
        ord_arena_reset(&names);
    }
    ord_reader_fini(&reader);
    ord_arena_fini(&names);
    return rc;
}
