#include "targets/refdb/log.h"

#include "harness/base/err.h"

struct slot {
    uint64_t epoch;
    uint64_t end; /* offset in data just after this entry */
};

static const size_t SLOTS_SIZE_MAX = (size_t)1 << 30;
static const size_t DATA_SIZE_MAX = (size_t)1 << 31;

void rd_log_init(struct rd_log *log, uint64_t base, uint64_t base_epoch)
{
    *log =
        (struct rd_log){.base = base, .base_epoch = base_epoch, .last = base};
    ord_buf_init(&log->slots, SLOTS_SIZE_MAX);
    ord_buf_init(&log->data, DATA_SIZE_MAX);
}

void rd_log_fini(struct rd_log *log)
{
    ord_buf_fini(&log->slots);
    ord_buf_fini(&log->data);
}

static const struct slot *slot_of(const struct rd_log *log, uint64_t index)
{
    ORD_ASSERT(index > log->base);
    ORD_ASSERT(index <= log->last);
    return (const struct slot *)(const void *)log->slots.at +
           (index - log->base - 1);
}

bool rd_log_append(struct rd_log *log, uint64_t epoch, struct ord_bytes data)
{
    char *slot = ord_buf_reserve(&log->slots, sizeof(struct slot));
    char *room = ord_buf_reserve(&log->data, data.size + 1);
    struct slot made;

    if (slot == NULL || room == NULL || data.size > RD_ENTRY_SIZE_MAX) {
        log->slots.failed = false;
        log->data.failed = false;
        return false;
    }
    if (data.size > 0)
        memcpy(room, data.at, data.size);
    ord_buf_commit(&log->data, data.size);
    made = (struct slot){.epoch = epoch, .end = log->data.size};
    memcpy(slot, &made, sizeof made);
    ord_buf_commit(&log->slots, sizeof made);
    log->last++;
    return true;
}

struct rd_entry rd_log_at(const struct rd_log *log, uint64_t index)
{
    const struct slot *slot = slot_of(log, index);
    uint64_t start = index == log->base + 1 ? 0 : slot[-1].end;

    return (struct rd_entry){
        .index = index,
        .epoch = slot->epoch,
        .data = {.at = log->data.at + start, .size = slot->end - start},
    };
}

uint64_t rd_log_epoch(const struct rd_log *log, uint64_t index)
{
    ORD_ASSERT(index >= log->base);
    if (index == log->base)
        return log->base_epoch;
    return slot_of(log, index)->epoch;
}

uint64_t rd_log_last_epoch(const struct rd_log *log)
{
    return rd_log_epoch(log, log->last);
}

uint64_t rd_log_run_start(const struct rd_log *log, uint64_t index)
{
    uint64_t epoch = rd_log_epoch(log, index);

    ORD_ASSERT(index > log->base);
    while (index > log->base + 1 && rd_log_epoch(log, index - 1) == epoch)
        index--;
    return index;
}

void rd_log_truncate(struct rd_log *log, uint64_t from)
{
    uint64_t count;

    ORD_ASSERT(from > log->base);
    if (from > log->last)
        return;
    count = from - log->base - 1;
    log->data.size = count == 0 ? 0 : slot_of(log, from - 1)->end;
    log->slots.size = count * sizeof(struct slot);
    log->last = from - 1;
}

void rd_log_trim(struct rd_log *log, uint64_t base)
{
    uint64_t count;
    uint64_t cut;
    struct slot *slot;

    ORD_ASSERT(base >= log->base);
    ORD_ASSERT(base <= log->last);
    if (base == log->base)
        return;
    cut = slot_of(log, base)->end;
    log->base_epoch = rd_log_epoch(log, base);
    ord_buf_consume(&log->slots, (base - log->base) * sizeof(struct slot));
    ord_buf_consume(&log->data, cut);
    log->base = base;
    count = log->last - base;
    slot = (struct slot *)(void *)log->slots.at;
    for (uint64_t i = 0; i < count; i++)
        slot[i].end -= cut;
}

void rd_log_reset(struct rd_log *log, uint64_t base, uint64_t base_epoch)
{
    ord_buf_clear(&log->slots);
    ord_buf_clear(&log->data);
    log->base = base;
    log->base_epoch = base_epoch;
    log->last = base;
}
