/* wire.c -- see wire.h. */
#include "harness/control/wire.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/control/wire_shared.h"

static const int64_t seen_timeout_ns = ORD_S;
static const int64_t seen_spin_ns = 20 * ORD_US;

struct overlay {
    uint64_t fault_id;
    uint32_t slot; /* from * port_count + to */
    uint64_t id;   /* the commit that put it in force; 0: not yet */
    uint64_t stop; /* where its bytes_max ends; UINT64_MAX: never */
    struct ord_link change;
};

struct ord_wire {
    struct ord_wire_shared *shared;
    int wake_fd;
    struct ord_link *base;    /* owned; port_count^2 */
    struct overlay *overlays; /* owned; ordered by fault_id, slot */
    uint32_t overlay_count;
    uint32_t overlay_room;
};

static struct ord_rule rule_of(const struct ord_link *base)
{
    return (struct ord_rule){
        .link = *base,
        .is_plain = true,
        .bytes_stop = base->bytes_max == 0 ? UINT64_MAX : base->bytes_max};
}

int ord_wire_new(uint32_t port_count, uint64_t seed, struct ord_wire **out,
                 struct ord_err *err)
{
    struct ord_wire *wire = calloc(1, sizeof *wire);
    uint32_t link_count = port_count * port_count;

    ORD_ASSERT(port_count >= 2);
    ORD_ASSERT(port_count <= ORD_PORTS_MAX);
    if (wire == NULL)
        return ord_fail(err, ORD_ENOMEM, "wire");
    wire->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    wire->shared = mmap(NULL, sizeof *wire->shared, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (wire->shared == MAP_FAILED)
        wire->shared = NULL;
    wire->base = calloc(link_count, sizeof *wire->base);
    if (wire->wake_fd < 0 || wire->shared == NULL || wire->base == NULL) {
        int rc = ord_fail_errno(err, "wire");

        ord_wire_free(&wire);
        return rc;
    }
    wire->shared->port_count = port_count;
    wire->shared->seed = seed;
    for (uint32_t i = 0; i < link_count; i++) {
        wire->base[i] = ord_link_plain();
        wire->shared->bank[0][i] = rule_of(&wire->base[i]);
    }
    *out = wire;
    return ORD_OK;
}

void ord_wire_free(struct ord_wire **wire)
{
    struct ord_wire *w = *wire;

    *wire = NULL;
    if (w == NULL)
        return;
    if (w->shared != NULL)
        (void)munmap(w->shared, sizeof *w->shared);
    if (w->wake_fd >= 0)
        (void)close(w->wake_fd);
    free(w->base);
    free(w->overlays);
    free(w);
}

uint32_t ord_wire_port_count(const struct ord_wire *wire)
{
    return wire->shared->port_count;
}

struct ord_wire_shared *ord_wire_shared(const struct ord_wire *wire)
{
    return wire->shared;
}

int ord_wire_wake_fd(const struct ord_wire *wire)
{
    return wire->wake_fd;
}

static void wake(const struct ord_wire *wire)
{
    uint64_t one = 1;

    (void)!write(wire->wake_fd, &one, sizeof one);
}

void ord_wire_quit(struct ord_wire *wire)
{
    atomic_store(&wire->shared->quit, true);
    wake(wire);
}

static uint32_t slot_of(const struct ord_wire *wire, uint32_t from, uint32_t to)
{
    ORD_ASSERT(from < wire->shared->port_count);
    ORD_ASSERT(to < wire->shared->port_count);
    return from * wire->shared->port_count + to;
}

void ord_wire_base(struct ord_wire *wire, uint32_t from, uint32_t to,
                   const struct ord_link *link)
{
    wire->base[slot_of(wire, from, to)] = *link;
}

/* The first overlay not before (fault_id, slot). */
static uint32_t overlay_find(const struct ord_wire *wire, uint64_t fault_id,
                             uint32_t slot)
{
    uint32_t low = 0;
    uint32_t high = wire->overlay_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct overlay *o = &wire->overlays[middle];

        if (o->fault_id < fault_id ||
            (o->fault_id == fault_id && o->slot < slot))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int overlay_room(struct ord_wire *wire, struct ord_err *err)
{
    struct overlay *grown;
    uint32_t room;

    if (wire->overlay_count < wire->overlay_room)
        return ORD_OK;
    if (wire->overlay_count >= ORD_WIRE_OVERLAYS_MAX)
        return ord_fail(err, ORD_ELIMIT, "over %d link faults at once",
                        ORD_WIRE_OVERLAYS_MAX);
    room = wire->overlay_room == 0 ? 64 : wire->overlay_room * 2;
    grown = realloc(wire->overlays, room * sizeof *grown);
    if (grown == NULL)
        return ord_fail(err, ORD_ENOMEM, "%u link faults", room);
    wire->overlays = grown;
    wire->overlay_room = room;
    return ORD_OK;
}

int ord_wire_overlay(struct ord_wire *wire, uint64_t fault_id, uint32_t from,
                     uint32_t to, const struct ord_link *change,
                     struct ord_err *err)
{
    uint32_t slot = slot_of(wire, from, to);
    uint32_t at = overlay_find(wire, fault_id, slot);
    struct overlay *o;

    if (at == wire->overlay_count || wire->overlays[at].slot != slot ||
        wire->overlays[at].fault_id != fault_id) {
        if (overlay_room(wire, err) != ORD_OK)
            return err->rc;
        o = &wire->overlays[at];
        memmove(o + 1, o, (wire->overlay_count - at) * sizeof *o);
        wire->overlay_count++;
    }
    wire->overlays[at] =
        (struct overlay){.fault_id = fault_id, .slot = slot, .change = *change};
    return ORD_OK;
}

void ord_wire_clear(struct ord_wire *wire, uint64_t fault_id)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < wire->overlay_count; i++) {
        if (wire->overlays[i].fault_id != fault_id)
            wire->overlays[kept++] = wire->overlays[i];
    }
    wire->overlay_count = kept;
}

void ord_wire_clear_all(struct ord_wire *wire)
{
    wire->overlay_count = 0;
}

static uint32_t add(uint32_t a, uint32_t b)
{
    uint32_t sum;

    return __builtin_add_overflow(a, b, &sum) ? UINT32_MAX : sum;
}

/* 1-(1-a)(1-b), in parts per million. */
static uint32_t either(uint32_t a, uint32_t b)
{
    uint64_t p = a < ORD_PPM ? a : ORD_PPM;
    uint64_t q = b < ORD_PPM ? b : ORD_PPM;

    return (uint32_t)(p + q - p * q / ORD_PPM);
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* The lower of two limits; 0 is none. */
static uint64_t stricter(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static void compose(struct ord_rule *rule, const struct overlay *overlay)
{
    const struct ord_link *change = &overlay->change;
    struct ord_link *link = &rule->link;

    link->up = link->up && change->up;
    link->clog = link->clog || change->clog;
    link->reset = link->reset || change->reset;
    link->reset_ppm = either(link->reset_ppm, change->reset_ppm);
    link->delay_us = add(link->delay_us, change->delay_us);
    link->jitter_us = add(link->jitter_us, change->jitter_us);
    link->loss_ppm = either(link->loss_ppm, change->loss_ppm);
    link->loss_burst = larger(link->loss_burst, change->loss_burst);
    link->duplicate_ppm = either(link->duplicate_ppm, change->duplicate_ppm);
    link->reorder_ppm = either(link->reorder_ppm, change->reorder_ppm);
    link->corrupt_ppm = either(link->corrupt_ppm, change->corrupt_ppm);
    link->corrupt_silent_ppm =
        either(link->corrupt_silent_ppm, change->corrupt_silent_ppm);
    link->rate_bit_s = stricter(link->rate_bit_s, change->rate_bit_s);
    link->bytes_max = stricter(link->bytes_max, change->bytes_max);
    if (overlay->stop < rule->bytes_stop ||
        (overlay->stop == rule->bytes_stop && overlay->id < rule->bytes_id)) {
        rule->bytes_stop = overlay->stop;
        rule->bytes_id = overlay->id;
    }
    if (change->reset && overlay->id > rule->reset_id)
        rule->reset_id = overlay->id;
}

/* What follows from the link that has been composed. */
static void conclude(struct ord_rule *rule)
{
    const struct ord_link *link = &rule->link;

    rule->wants_packets =
        (link->loss_ppm | link->duplicate_ppm | link->reorder_ppm |
         link->corrupt_ppm | link->corrupt_silent_ppm) != 0 ||
        link->rate_bit_s != 0 || rule->bytes_stop != UINT64_MAX;
    rule->is_plain = !rule->wants_packets && link->up && !link->clog &&
                     !link->reset && link->reset_ppm == 0 &&
                     (link->delay_us | link->jitter_us) == 0;
}

/* It comes into force with commit `id`: its bytes count from here. */
static void enact(struct ord_wire *wire, struct overlay *overlay, uint64_t id)
{
    const struct ord_wire_count *count = &wire->shared->count[overlay->slot];

    overlay->id = id;
    if (overlay->change.bytes_max == 0 ||
        __builtin_add_overflow(atomic_load(&count->bytes),
                               overlay->change.bytes_max, &overlay->stop))
        overlay->stop = UINT64_MAX;
}

/* The switch may still be reading the bank that we are about to fill. */
static int await_seen(struct ord_wire *wire, struct ord_err *err)
{
    struct ord_wire_shared *shared = wire->shared;
    uint64_t generation = ord_wire_generation(wire);
    int64_t start_ns = ord_now_ns();

    if (!atomic_load(&shared->has_switch))
        return ORD_OK;
    while (ord_wire_seen(wire) != generation) {
        int64_t waited_ns = ord_now_ns() - start_ns;

        if (waited_ns > seen_timeout_ns)
            return ord_fail(err, ORD_ETIMEOUT,
                            "the switch has not moved for %d ms",
                            (int)(waited_ns / ORD_MS));
        if (waited_ns > seen_spin_ns)
            (void)ppoll(NULL, 0, &(struct timespec){.tv_nsec = 20000}, NULL);
    }
    return ORD_OK;
}

int ord_wire_commit(struct ord_wire *wire, struct ord_err *err)
{
    struct ord_wire_shared *shared = wire->shared;
    uint64_t next = ord_wire_generation(wire) + 1;
    struct ord_rule *bank = shared->bank[next & 1];
    uint32_t link_count = shared->port_count * shared->port_count;

    if (await_seen(wire, err) != ORD_OK)
        return err->rc;
    for (uint32_t i = 0; i < link_count; i++)
        bank[i] = rule_of(&wire->base[i]);
    for (uint32_t i = 0; i < wire->overlay_count; i++) {
        struct overlay *overlay = &wire->overlays[i];

        if (overlay->id == 0)
            enact(wire, overlay, next);
        compose(&bank[overlay->slot], overlay);
    }
    for (uint32_t i = 0; i < link_count; i++)
        conclude(&bank[i]);
    atomic_store(&shared->commit_ns, ord_now_ns());
    atomic_store(&shared->generation, next);
    wake(wire);
    return ORD_OK;
}

struct ord_link ord_wire_link(const struct ord_wire *wire, uint32_t from,
                              uint32_t to)
{
    uint64_t generation = ord_wire_generation(wire);

    return wire->shared->bank[generation & 1][slot_of(wire, from, to)].link;
}

struct ord_link_counts ord_wire_counts(const struct ord_wire *wire,
                                       uint32_t from, uint32_t to)
{
    struct ord_wire_count *count =
        &wire->shared->count[slot_of(wire, from, to)];

    return (struct ord_link_counts){
        .passed = atomic_load(&count->passed),
        .bytes = atomic_load(&count->bytes),
        .cut = atomic_load(&count->cut),
        .lost = atomic_load(&count->lost),
        .over = atomic_load(&count->over),
        .spent = atomic_load(&count->spent),
        .swallowed = atomic_load(&count->swallowed),
        .held = atomic_load(&count->held),
        .waited = atomic_load(&count->waited),
        .waited_ns = atomic_load(&count->waited_ns),
        .reset = atomic_load(&count->reset),
        .foreign = atomic_load(&count->foreign),
        .delayed = atomic_load(&count->delayed),
        .duplicated = atomic_load(&count->duplicated),
        .reordered = atomic_load(&count->reordered),
        .corrupted = atomic_load(&count->corrupted),
        .corrupted_silent = atomic_load(&count->corrupted_silent),
    };
}

uint64_t ord_wire_generation(const struct ord_wire *wire)
{
    return atomic_load(&wire->shared->generation);
}

uint64_t ord_wire_seen(const struct ord_wire *wire)
{
    return atomic_load(&wire->shared->seen);
}

int64_t ord_wire_commit_ns(const struct ord_wire *wire)
{
    return atomic_load(&wire->shared->commit_ns);
}

int64_t ord_wire_first_drop_ns(const struct ord_wire *wire, uint32_t from,
                               uint32_t to)
{
    struct ord_wire_count *count =
        &wire->shared->count[slot_of(wire, from, to)];

    if (atomic_load(&count->drop_generation) != ord_wire_generation(wire))
        return 0;
    return atomic_load(&count->drop_ns);
}
