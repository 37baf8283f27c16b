#include "support_sim.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/clock.h"

static const uint64_t MEMBERS_BIT = UINT64_C(1) << 63;
enum { LINK_LOSS_MS = 60, PIECE_ENTRIES = 16 };

static void broke(struct sim *sim, const char *what, uint64_t a, uint64_t b)
{
    if (sim->broken[0] == '\0')
        snprintf(sim->broken, sizeof sim->broken, "%s: %llu, %llu at %lld ms",
                 what, (unsigned long long)a, (unsigned long long)b,
                 (long long)sim->now_ms);
}

static void out_send(void *ctx, const struct rd_msg *msg, bool is_early)
{
    struct sim_node *node = ctx;
    struct sim *sim = node->sim;
    struct ord_buf bytes;
    struct sim_msg *slot;

    if (!sim->is_link[node->id][msg->to])
        return;
    ord_buf_init(&bytes, RD_FRAME_SIZE_MAX + 64);
    rd_msg_encode(&bytes, msg);
    cr_assert_lt(sim->msg_count, SIM_MSGS_MAX);
    slot = &sim->msg[sim->msg_count++];
    *slot = (struct sim_msg){
        .at_ms = sim->now_ms + 1 +
                 (int64_t)ord_rng_below(&sim->rng, sim->delay_max_ms + 1),
        .link_round = sim->link_round[node->id][msg->to],
        .from = node->id,
        .to = msg->to,
        .is_late = !is_early,
        .bytes = bytes.at, /* ours from here */
        .size = bytes.size,
    };
}

static void out_hard(void *ctx, const struct rd_hard *hard)
{
    struct sim_node *node = ctx;

    node->now.hard = *hard;
    if (node->sim->config.mutant == RD_MUTANT_FORGET_VOTE)
        node->now.hard.vote = 0;
}

/* A list of members as one number that no client writes. */
static uint64_t members_value(const struct rd_members *members)
{
    uint64_t value = MEMBERS_BIT | members->joining << 6 | members->voters;

    for (uint32_t i = 1; i <= SIM_NODES_MAX; i++)
        value |= (members->identity[i] & 255) << (4 + 8 * i);
    return value;
}

static struct rd_members members_of(uint64_t value)
{
    struct rd_members members = {.voters = value & 63,
                                 .joining = value >> 6 & 63};

    for (uint32_t i = 1; i <= SIM_NODES_MAX; i++)
        members.identity[i] = value >> (4 + 8 * i) & 255;
    return members;
}

static uint64_t value_of(const struct rd_entry *entry)
{
    struct rd_members members;

    if (rd_members_decode(entry->data, &members))
        return members_value(&members);
    return entry->data.size == 8 ? rd_get_u64(entry->data.at) : 0;
}

static void out_append(void *ctx, const struct rd_entry *entry)
{
    struct sim_node *node = ctx;

    cr_assert_lt(entry->index, SIM_ENTRIES_MAX);
    cr_assert_eq(entry->index, node->now.last + 1);
    node->now.last = entry->index;
    node->now.epoch[entry->index] = entry->epoch;
    node->now.value[entry->index] = value_of(entry);
}

static void out_truncate(void *ctx, uint64_t from)
{
    struct sim_node *node = ctx;

    cr_assert_gt(from, node->now.base);
    node->now.last = from - 1;
}

static void out_trim(void *ctx, uint64_t base, uint64_t base_epoch)
{
    struct sim_node *node = ctx;

    node->now.base = base;
    node->now.base_epoch = base_epoch;
}

static void ack(struct sim_node *node, const struct rd_entry *entry)
{
    struct sim *sim = node->sim;

    for (uint32_t i = sim->write_count; i-- > 0;) {
        struct sim_write *write = &sim->write[i];

        if (write->node != node->id || write->index != entry->index ||
            write->epoch != entry->epoch || write->is_acked ||
            write->value != rd_get_u64(entry->data.at))
            continue;
        write->is_acked = true;
        sim->acks++;
        if (sim->acked_index < entry->index)
            sim->acked_index = entry->index;
        sim->ackers_of[entry->epoch] |= 1u << node->id;
        return;
    }
}

static void out_apply(void *ctx, const struct rd_entry *entry, bool is_twice)
{
    struct sim_node *node = ctx;
    struct sim *sim = node->sim;
    uint64_t value = value_of(entry);

    (void)is_twice;
    cr_assert_eq(entry->index, node->now.applied + 1);
    node->now.applied = entry->index;
    node->now.state[entry->index] = value;
    if (value & MEMBERS_BIT) {
        node->now.has_members = true;
        node->now.members = members_of(value);
        if (sim->settled_index < entry->index) {
            sim->settled_index = entry->index;
            sim->settled = node->now.members;
            sim->settled_count++;
        }
    }
    if (sim->config.ack == RD_QUORUM) {
        if (sim->is_committed[entry->index] &&
            sim->committed[entry->index] != value)
            broke(sim, "two values committed at one index", entry->index,
                  node->id);
        sim->is_committed[entry->index] = true;
        sim->committed[entry->index] = value;
    }
    if (node->core.role == RD_LEADER && value != 0 && !(value & MEMBERS_BIT))
        ack(node, entry);
}

static void out_discard(void *ctx, const struct rd_entry *entry)
{
    struct sim_node *node = ctx;

    cr_assert_eq(entry->data.size, 8);
    node->discards++;
}

static void out_read(void *ctx, uint64_t token, bool is_ok)
{
    struct sim_node *node = ctx;
    struct sim *sim = node->sim;
    struct sim_read *read = &sim->read[token];

    if (!read->is_open)
        return;
    read->is_open = false;
    if (!is_ok)
        return;
    sim->reads_done++;
    if (sim->config.ack == RD_QUORUM && node->now.applied < read->wanted)
        broke(sim, "a read missed an acknowledged write", node->now.applied,
              read->wanted);
}

static void out_lost(void *ctx)
{
    struct sim_node *node = ctx;

    for (uint32_t i = 0; i < node->sim->write_count; i++)
        if (node->sim->write[i].node == node->id)
            node->sim->write[i].node = 0; /* nobody waits any more */
}

static void out_role(void *ctx)
{
    struct sim_node *node = ctx;
    struct sim *sim = node->sim;
    uint64_t epoch = node->core.hard.epoch;

    if (node->core.role != RD_LEADER)
        return;
    cr_assert_lt(epoch, SIM_EPOCHS_MAX);
    if (sim->config.is_fencing && sim->leader_of[epoch] != 0)
        broke(sim, "an epoch had two leaders", epoch, node->id);
    sim->leader_of[epoch] = node->id;
}

static void out_note(void *ctx, const char *what, uint64_t a, uint64_t b)
{
    (void)ctx;
    (void)what;
    (void)a;
    (void)b;
}

static void send_piece(struct sim_node *node, uint32_t to, uint64_t piece)
{
    const struct sim_disk *disk = node->snap[to];
    uint64_t from = piece * PIECE_ENTRIES + 1;
    struct ord_buf data;
    bool is_last = from + PIECE_ENTRIES > disk->applied;
    uint64_t index = disk->applied;

    ord_buf_init(&data, 1 << 20);
    rd_put_u64(&data, members_value(&disk->members));
    for (uint64_t i = from; i < from + PIECE_ENTRIES && i <= index; i++)
        rd_put_u64(&data, disk->state[i]);
    rd_core_snap(&node->core, to, index,
                 index == disk->base ? disk->base_epoch : disk->epoch[index],
                 piece, ord_buf_bytes(&data), is_last,
                 node->sim->now_ms * ORD_MS);
    ord_buf_fini(&data);
}

static void out_snap_open(void *ctx, uint32_t to)
{
    struct sim_node *node = ctx;

    node->disk = node->now;
    if (node->snap[to] == NULL)
        node->snap[to] = malloc(sizeof *node->snap[to]);
    cr_assert_not_null(node->snap[to]);
    *node->snap[to] = node->now;
    send_piece(node, to, 0);
}

static void out_snap_next(void *ctx, uint32_t to, uint64_t piece)
{
    send_piece(ctx, to, piece);
}

static void out_snap_close(void *ctx, uint32_t to)
{
    struct sim_node *node = ctx;

    free(node->snap[to]);
    node->snap[to] = NULL;
}

static bool out_snap_data(void *ctx, const struct rd_msg *msg,
                          struct rd_members *members)
{
    struct sim_node *node = ctx;
    struct sim *sim = node->sim;
    uint64_t at = msg->round * PIECE_ENTRIES;

    for (size_t i = 0; i + 1 < msg->data.size / 8; i++) {
        uint64_t index = at + i + 1;

        node->now.state[index] = rd_get_u64(msg->data.at + 8 * (i + 1));
        if (sim->config.ack == RD_QUORUM && sim->is_committed[index] &&
            sim->committed[index] != node->now.state[index])
            broke(sim, "a snapshot differs from what was committed", index,
                  node->id);
    }
    if (msg->flags & RD_FLAG_LAST) {
        node->now.base = node->now.last = node->now.applied = msg->index;
        node->now.base_epoch = msg->index_epoch;
        node->now.epoch[msg->index] = msg->index_epoch;
        *members = members_of(rd_get_u64(msg->data.at));
        node->now.members = *members;
        node->now.has_members = true;
    }
    return true;
}

static void out_members(void *ctx, const struct rd_members *members)
{
    (void)ctx;
    cr_assert_eq(members->voters & members->joining, 0);
}

static void out_shutdown(void *ctx, const char *why)
{
    struct sim_node *node = ctx;

    (void)why;
    node->is_shut = true;
}

static const struct rd_core_out out_table = {
    .send = out_send,
    .hard = out_hard,
    .append = out_append,
    .truncate = out_truncate,
    .trim = out_trim,
    .apply = out_apply,
    .discard = out_discard,
    .read = out_read,
    .lost = out_lost,
    .role = out_role,
    .note = out_note,
    .snap_open = out_snap_open,
    .snap_next = out_snap_next,
    .snap_close = out_snap_close,
    .snap_data = out_snap_data,
    .members = out_members,
    .shutdown = out_shutdown,
};

struct sim *sim_new(const struct rd_core_config *config, uint32_t count,
                    uint64_t seed)
{
    return sim_new_of(config, count, count, seed);
}

struct sim *sim_new_of(const struct rd_core_config *config, uint32_t count,
                       uint32_t founders, uint64_t seed)
{
    struct sim *sim = calloc(1, sizeof *sim);

    cr_assert_not_null(sim);
    cr_assert_leq(count, SIM_NODES_MAX);
    sim->config = *config;
    sim->config.seed = seed;
    sim->count = count;
    sim->config.controller = founders;
    sim->config.founders.voters = (UINT64_C(1) << founders) - 1;
    sim->settled = sim->config.founders;
    sim->rng = ord_rng_stream(seed, "sim", 0);
    sim->now_ms = 1000;
    sim->delay_max_ms = 2;
    for (uint32_t i = 1; i <= count; i++) {
        sim->node[i].sim = sim;
        sim->node[i].id = i;
        sim->node[i].is_join = i > founders;
        sim->node[i].identity = i > founders ? 1 : 0;
    }
    for (uint32_t i = 1; i <= founders; i++)
        sim_start(sim, i);
    return sim;
}

static void drop_msg(struct sim *sim, uint32_t at)
{
    free(sim->msg[at].bytes);
    sim->msg[at] = sim->msg[--sim->msg_count];
}

void sim_free(struct sim *sim)
{
    while (sim->msg_count > 0)
        drop_msg(sim, sim->msg_count - 1);
    for (uint32_t i = 1; i <= sim->count; i++) {
        if (sim->node[i].is_up)
            rd_core_fini(&sim->node[i].core);
        for (uint32_t j = 1; j <= sim->count; j++)
            out_snap_close(&sim->node[i], j);
    }
    free(sim);
}

void sim_start(struct sim *sim, uint32_t id)
{
    struct sim_node *node = &sim->node[id];
    struct rd_core_config config = sim->config;
    struct rd_core_out out = out_table;
    struct rd_log log;

    if (node->is_up)
        return;
    node->now = node->disk;
    rd_log_init(&log, node->disk.base, node->disk.base_epoch);
    for (uint64_t i = node->disk.base + 1; i <= node->disk.last; i++) {
        struct ord_buf data;

        ord_buf_init(&data, 256);
        if (node->disk.value[i] & MEMBERS_BIT) {
            struct rd_members members = members_of(node->disk.value[i]);

            rd_members_encode(&data, &members);
        } else if (node->disk.value[i] != 0)
            rd_put_u64(&data, node->disk.value[i]);
        cr_assert(
            rd_log_append(&log, node->disk.epoch[i], ord_buf_bytes(&data)));
        ord_buf_fini(&data);
    }
    config.id = id;
    config.is_join = node->is_join;
    config.identity = node->identity;
    if (!node->disk.has_members && !node->is_join) {
        node->disk.has_members = node->now.has_members = true;
        node->disk.members = node->now.members = sim->config.founders;
    }
    config.seed += (uint64_t)sim->now_ms;
    out.ctx = node;
    node->is_up = true;
    node->is_shut = false;
    rd_core_init(&node->core, &config, &out, &node->disk.hard, &log,
                 node->disk.applied,
                 node->disk.has_members ? &node->disk.members : NULL,
                 sim->now_ms * ORD_MS);
}

static void set_link(struct sim *sim, uint32_t a, uint32_t b, bool is_up)
{
    if (sim->is_link[a][b] == is_up)
        return;
    sim->is_link[a][b] = sim->is_link[b][a] = is_up;
    sim->link_round[a][b]++;
    sim->link_round[b][a]++;
    for (int i = 0; i < 2; i++) {
        struct sim_node *node = &sim->node[i == 0 ? a : b];

        if (node->is_up)
            rd_core_link(&node->core, i == 0 ? b : a, is_up,
                         sim->now_ms * ORD_MS);
    }
}

void sim_crash(struct sim *sim, uint32_t id)
{
    struct sim_node *node = &sim->node[id];

    if (!node->is_up)
        return;
    out_lost(node);
    for (uint32_t i = sim->msg_count; i-- > 0;)
        if (sim->msg[i].from == id && sim->msg[i].is_late)
            drop_msg(sim, i);
    node->is_up = false;
    rd_core_fini(&node->core);
    for (uint32_t i = 1; i <= sim->count; i++)
        out_snap_close(node, i);
    for (uint32_t i = 1; i <= sim->count; i++)
        if (i != id)
            set_link(sim, id, i, false);
}

static void end_turn(struct sim *sim, struct sim_node *node);

void sim_wipe(struct sim *sim, uint32_t id)
{
    sim_crash(sim, id);
    memset(&sim->node[id].disk, 0, sizeof sim->node[id].disk);
    sim->node[id].is_join = true;
    sim->node[id].identity++;
    cr_assert_lt(sim->node[id].identity, 128);
}

enum rd_proposal sim_change(struct sim *sim, uint32_t at, uint32_t id,
                            bool is_add)
{
    struct sim_node *node = &sim->node[at];
    const char *why;
    uint64_t index;
    enum rd_proposal got;

    if (!node->is_up || node->is_paused ||
        node->core.log.last > SIM_ENTRIES_MAX - 100)
        return RD_NOT_LEADER;
    got = rd_core_change(&node->core, id, is_add, 0, &index, &why,
                         sim->now_ms * ORD_MS);
    end_turn(sim, node);
    return got;
}

uint64_t sim_voters(const struct sim *sim)
{
    uint32_t leader = sim_leader(sim);

    return leader == 0 ? 0 : sim->node[leader].core.settled.voters;
}

void sim_cut(struct sim *sim, uint32_t from, uint32_t to, bool is_cut)
{
    sim->is_cut[from][to] = is_cut;
    sim->cut_ms[from][to] = sim->now_ms;
}

void sim_heal(struct sim *sim)
{
    for (uint32_t i = 1; i <= sim->count; i++)
        for (uint32_t j = 1; j <= sim->count; j++)
            sim_cut(sim, i, j, false);
    sim->drop = 0;
    sim->delay_max_ms = 2;
}

/* Links follow the cuts with a delay, as silence is noticed. */
static void update_links(struct sim *sim)
{
    for (uint32_t i = 1; i <= sim->count; i++)
        for (uint32_t j = i + 1; j <= sim->count; j++) {
            bool is_cut = sim->is_cut[i][j] || sim->is_cut[j][i];
            bool is_old = sim->now_ms - sim->cut_ms[i][j] > LINK_LOSS_MS &&
                          sim->now_ms - sim->cut_ms[j][i] > LINK_LOSS_MS;
            bool is_live = sim->node[i].is_up && sim->node[j].is_up;

            if (!is_live || (is_cut && is_old))
                set_link(sim, i, j, false);
            else if (!is_cut)
                set_link(sim, i, j, true);
        }
}

static void end_turn(struct sim *sim, struct sim_node *node)
{
    int64_t now = sim->now_ms * ORD_MS;

    rd_core_flush(&node->core, now);
    /* The worst moment: said, but not kept. */
    if (sim->drop > 0 && ord_rng_below(&sim->rng, 4000) == 0) {
        sim_crash(sim, node->id);
        return;
    }
    if (sim->config.mutant != RD_MUTANT_NO_FSYNC_ACK || sim->now_ms % 100 == 0)
        node->disk = node->now;
    rd_core_synced(&node->core, now);
    if (sim->config.mutant != RD_MUTANT_NO_FSYNC_ACK)
        node->disk = node->now;
    for (uint32_t i = 0; i < sim->msg_count; i++)
        if (sim->msg[i].from == node->id)
            sim->msg[i].is_late = false;
    if (node->is_shut)
        sim_crash(sim, node->id);
}

static void deliver(struct sim *sim, uint32_t at)
{
    struct sim_msg msg = sim->msg[at];
    struct sim_node *node = &sim->node[msg.to];
    struct rd_msg decoded;
    bool is_there = node->is_up && !sim->is_cut[msg.from][msg.to] &&
                    (msg.link_round == sim->link_round[msg.from][msg.to] ||
                     sim->node[msg.from].is_shut); /* its last words */

    if (is_there && ord_rng_below(&sim->rng, 1000) < sim->drop)
        is_there = false;
    if (sim->drop > 0 && is_there && ord_rng_below(&sim->rng, 50) == 0)
        sim->msg[at].at_ms = sim->now_ms + 3; /* once more, later */
    else
        sim->msg[at] = sim->msg[--sim->msg_count];
    if (is_there) {
        struct ord_bytes bytes = {.at = msg.bytes, .size = msg.size};
        char *copy = malloc(msg.size);

        memcpy(copy, msg.bytes, msg.size);
        bytes.at = copy;
        cr_assert_eq(rd_msg_decode(bytes, &decoded), (int64_t)msg.size);
        rd_core_step(&node->core, &decoded, sim->now_ms * ORD_MS);
        free(copy);
        end_turn(sim, node);
    }
    for (uint32_t i = 0; i < sim->msg_count; i++)
        if (sim->msg[i].bytes == msg.bytes)
            return; /* to come once more */
    free(msg.bytes);
}

void sim_step(struct sim *sim)
{
    sim->now_ms++;
    update_links(sim);
    for (uint32_t i = 0; i < sim->msg_count;) {
        struct sim_msg *msg = &sim->msg[i];

        if (msg->at_ms <= sim->now_ms && !msg->is_late &&
            !(sim->node[msg->to].is_up && sim->node[msg->to].is_paused)) {
            deliver(sim, i);
            i = 0;
            continue;
        }
        i++;
    }
    for (uint32_t i = 1; i <= sim->count; i++) {
        struct sim_node *node = &sim->node[i];

        if (!node->is_up || node->is_paused || (sim->now_ms + i) % 5 != 0)
            continue;
        rd_core_tick(&node->core, sim->now_ms * ORD_MS);
        end_turn(sim, node);
    }
}

void sim_run(struct sim *sim, int64_t ms)
{
    for (int64_t i = 0; i < ms; i++)
        sim_step(sim);
}

bool sim_propose(struct sim *sim, uint32_t id)
{
    struct sim_node *node = &sim->node[id];
    struct sim_write *write = &sim->write[sim->write_count];
    struct ord_buf data;
    enum rd_proposal got;

    if (!node->is_up || node->is_paused || sim->write_count == SIM_WRITES_MAX ||
        node->core.log.last > SIM_ENTRIES_MAX - 100)
        return false;
    *write = (struct sim_write){.value = sim->write_count + 1,
                                .epoch = node->core.hard.epoch,
                                .node = id};
    ord_buf_init(&data, 64);
    rd_put_u64(&data, write->value);
    got = rd_core_propose(&node->core, ord_buf_bytes(&data), &write->index,
                          sim->now_ms * ORD_MS);
    ord_buf_fini(&data);
    if (got != RD_PROPOSED)
        return false;
    sim->write_count++;
    end_turn(sim, node);
    return true;
}

void sim_read_at(struct sim *sim, uint32_t id)
{
    struct sim_node *node = &sim->node[id];
    uint32_t token = sim->read_count++ % 256;

    if (!node->is_up || node->is_paused)
        return;
    sim->read[token] =
        (struct sim_read){.wanted = sim->acked_index, .is_open = true};
    if (rd_core_read(&node->core, token, sim->now_ms * ORD_MS) != RD_PROPOSED)
        sim->read[token].is_open = false;
    end_turn(sim, node);
}

uint32_t sim_leader(const struct sim *sim)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i <= sim->count; i++) {
        const struct sim_node *node = &sim->node[i];

        if (node->is_up && node->core.role == RD_LEADER &&
            node->core.applied >= node->core.noop_index &&
            (best == 0 ||
             sim->node[best].core.hard.epoch < node->core.hard.epoch))
            best = i;
    }
    return best;
}

uint32_t sim_lost_at(const struct sim *sim, uint32_t id)
{
    const struct sim_disk *now = &sim->node[id].now;
    uint32_t lost = 0;

    for (uint32_t i = 0; i < sim->write_count; i++) {
        bool is_there = false;

        if (!sim->write[i].is_acked)
            continue;
        for (uint64_t j = 1; j <= now->applied && !is_there; j++)
            is_there = now->state[j] == sim->write[i].value;
        lost += !is_there;
    }
    return lost;
}
