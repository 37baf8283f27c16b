/* test_member.c -- nodes are added, removed and replaced under load. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "harness/base/clock.h"
#include "support_sim.h"

static struct rd_core_config config_of(enum rd_ack ack)
{
    return (struct rd_core_config){
        .ack = ack,
        .failover = RD_ELECTION,
        .is_fencing = true,
        .timeout_ns = 100 * ORD_MS,
        .semi_sync_ns = 60 * ORD_MS,
        .snapshot_after = 40,
    };
}

static uint64_t mask(uint32_t a, uint32_t b)
{
    uint64_t nodes = 0;

    for (uint32_t i = a; i <= b; i++)
        nodes |= rd_bit(i);
    return nodes;
}

/* Cuts (or heals) every link between the two sides. */
static void split(struct sim *sim, uint64_t a, uint64_t b, bool is_cut)
{
    for (uint32_t i = 1; i <= sim->count; i++)
        for (uint32_t j = 1; j <= sim->count; j++)
            if (rd_has(a, i) && rd_has(b, j)) {
                sim_cut(sim, i, j, is_cut);
                sim_cut(sim, j, i, is_cut);
            }
}

/* Runs with a write now and then until the leader has settled these voters. */
static bool settles(struct sim *sim, uint64_t voters, int64_t ms)
{
    for (int64_t i = 0; i < ms; i++) {
        uint32_t leader = sim_leader(sim);

        if (leader != 0 && sim->node[leader].core.settled.voters == voters &&
            sim->node[leader].core.settled.joining == 0)
            return true;
        if (leader != 0 && i % 3 == 0)
            (void)sim_propose(sim, leader);
        sim_step(sim);
    }
    return false;
}

static void change_is(struct sim *sim, uint32_t id, bool is_add,
                      enum rd_proposal want)
{
    cr_assert_eq(sim_change(sim, sim_leader(sim), id, is_add), want,
                 "change of %u", id);
}

static void expect_equal(struct sim *sim, uint64_t nodes, uint64_t seed)
{
    uint32_t leader = sim_leader(sim);
    const struct sim_disk *want = &sim->node[leader].now;

    cr_assert_str_empty(sim->broken, "seed %llu: %s", (unsigned long long)seed,
                        sim->broken);
    cr_assert_neq(leader, 0, "seed %llu: no leader", (unsigned long long)seed);
    for (uint32_t i = 1; i <= sim->count; i++) {
        const struct sim_disk *got = &sim->node[i].now;

        if (!rd_has(nodes, i))
            continue;
        cr_assert_eq(got->applied, want->applied, "seed %llu: node %u",
                     (unsigned long long)seed, i);
        cr_assert_eq(memcmp(got->state, want->state,
                            sizeof *want->state * (want->applied + 1)),
                     0, "seed %llu: node %u differs", (unsigned long long)seed,
                     i);
    }
    cr_assert_eq(sim_lost_at(sim, leader), 0, "seed %llu: lost",
                 (unsigned long long)seed);
}

/* Node 4 is added before it runs: it does not count, so nothing waits. */
static bool goes_on_while_it_joins(enum rd_mutant mutant)
{
    struct rd_core_config config = config_of(RD_QUORUM);
    struct sim *sim;
    uint64_t acks;

    config.mutant = mutant;
    sim = sim_new_of(&config, 4, 3, 1);
    cr_assert(settles(sim, mask(1, 3), 500));
    sim_crash(sim, sim_leader(sim) == 3 ? 2 : 3);
    change_is(sim, 4, true, RD_PROPOSED);
    acks = sim->acks;
    (void)settles(sim, mask(1, 4), 400);
    acks = sim->acks - acks;
    cr_expect_eq(sim->settled.voters & rd_bit(4), 0);
    sim_start(sim, 4);
    sim_start(sim, 3);
    sim_start(sim, 2);
    if (mutant == RD_MUTANT_NONE) {
        cr_expect(settles(sim, mask(1, 4), 1500));
        sim_run(sim, 100);
        expect_equal(sim, mask(1, 4), 1);
    }
    sim_free(sim);
    return acks > 30;
}

Test(member, a_node_takes_the_log_before_it_counts, .timeout = 20)
{
    cr_expect(goes_on_while_it_joins(RD_MUTANT_NONE));
    cr_expect_not(goes_on_while_it_joins(RD_MUTANT_MEMBER_COUNTS_AT_ONCE));
}

Test(member, what_is_refused_and_what_is_done_already, .timeout = 20)
{
    struct rd_core_config config = config_of(RD_QUORUM);
    struct sim *sim = sim_new_of(&config, 5, 3, 2);
    uint32_t other;

    cr_assert(settles(sim, mask(1, 3), 500));
    other = sim_leader(sim) == 1 ? 2 : 1;
    cr_expect_eq(sim_change(sim, other, 4, true), RD_NOT_LEADER);
    change_is(sim, 2, true, RD_DONE);
    change_is(sim, 4, false, RD_DONE);
    change_is(sim, 4, true, RD_PROPOSED);
    change_is(sim, 5, true, RD_BUSY);
    sim_run(sim, 50);
    change_is(sim, 4, false, RD_PROPOSED); /* it was still joining */
    cr_expect(settles(sim, mask(1, 3), 100));
    sim_free(sim);

    config = config_of(RD_ASYNC);
    config.is_fencing = false;
    sim = sim_new_of(&config, 4, 3, 2);
    cr_assert(settles(sim, mask(1, 3), 500));
    change_is(sim, 4, true, RD_REFUSED);
    sim_free(sim);

    config.is_fencing = true;
    config.failover = RD_CONTROLLER;
    sim = sim_new_of(&config, 4, 3, 2);
    cr_assert(settles(sim, mask(1, 3), 500));
    change_is(sim, 3, false, RD_REFUSED);
    config.failover = RD_MANUAL;
    sim_free(sim);
    sim = sim_new_of(&config, 4, 3, 2);
    cr_assert(settles(sim, mask(1, 3), 500));
    change_is(sim, sim_leader(sim), false, RD_REFUSED);
    sim_free(sim);
}

/* Leader 1 is left with two nodes to be added: were both changes to count at
 * once, {1, 4, 5} and {2, 3} would both be majorities. */
static bool splits_by_two_at_once(enum rd_mutant mutant)
{
    struct rd_core_config config = config_of(RD_QUORUM);
    struct sim *sim;
    bool is_split;

    config.mutant = mutant;
    sim = sim_new_of(&config, 5, 3, 3);
    cr_assert(settles(sim, mask(1, 3), 500));
    cr_assert_eq(sim_leader(sim), 1);
    sim_start(sim, 4);
    sim_start(sim, 5);
    sim_run(sim, 20);
    split(sim, rd_bit(1) | rd_bit(4) | rd_bit(5), mask(2, 3), true);
    (void)sim_change(sim, 1, 4, true);
    (void)sim_change(sim, 1, 5, true);
    for (int i = 0; i < 500; i++) {
        for (uint32_t j = 1; i % 5 == 0 && j <= 3; j++)
            (void)sim_propose(sim, j);
        sim_step(sim);
    }
    sim_heal(sim);
    sim_run(sim, 500);
    is_split = sim->broken[0] != '\0' || sim_lost_at(sim, sim_leader(sim)) > 0;
    sim_free(sim);
    return is_split;
}

Test(member, one_change_at_a_time, .timeout = 20)
{
    cr_expect_not(splits_by_two_at_once(RD_MUTANT_NONE));
    cr_expect(splits_by_two_at_once(RD_MUTANT_MEMBER_TWO_AT_ONCE));
}

static void elect(struct sim *sim, uint32_t id, int64_t ms)
{
    for (int64_t i = 0; i < ms; i++) {
        if (sim->node[id].core.role == RD_LEADER)
            return;
        sim->node[id].core.deadline_ns = sim->now_ms * ORD_MS;
        sim_step(sim);
    }
    cr_assert_fail("node %u was not elected", id);
}

/* Ongaro's bug of 2015: leader 1 lets node 5 count but gets that entry only to
 * node 5; leader 2, who knows nothing of it, removes node 1 and commits that
 * with node 3 alone; then 1, 4 and 5 elect node 1 again. */
static bool loses_by_old_change(enum rd_mutant mutant)
{
    struct rd_core_config config = config_of(RD_QUORUM);
    struct sim *sim;
    bool is_lost;

    config.mutant = mutant;
    sim = sim_new_of(&config, 5, 4, 4);
    cr_assert(settles(sim, mask(1, 4), 500));
    cr_assert_eq(sim_leader(sim), 1);
    change_is(sim, 5, true, RD_PROPOSED);
    sim_run(sim, 100);
    sim_start(sim, 5);
    for (int i = 0; i < 500 && !sim->node[5].core.settled.identity[5]; i++)
        sim_step(sim);
    split(sim, rd_bit(1) | rd_bit(5), mask(2, 4), true);
    for (int i = 0; i < 60 && !sim->node[5].core.is_voter; i++)
        sim_step(sim);
    cr_assert(sim->node[5].core.is_voter && sim->node[1].core.is_voter);
    cr_assert(!sim->node[2].core.peer[5].is_voter);
    sim->node[1].is_paused = sim->node[5].is_paused = true;
    elect(sim, 2, 1000);
    split(sim, rd_bit(4), mask(2, 3), true); /* before its first entry is out */
    (void)sim_change(sim, 2, 1, false);
    for (int i = 0; i < 60; i++) {
        (void)sim_propose(sim, 2);
        sim_step(sim);
    }
    sim->node[1].is_paused = sim->node[5].is_paused = false;
    split(sim, rd_bit(4), rd_bit(1) | rd_bit(5), false);
    sim_run(sim, 200); /* node 1 knows by now that it does not lead */
    elect(sim, 1, 1000);
    for (int i = 0; i < 100; i++) {
        (void)sim_propose(sim, 1);
        sim_step(sim);
    }
    sim_heal(sim);
    sim_run(sim, 600);
    is_lost = sim->broken[0] != '\0' || sim_lost_at(sim, sim_leader(sim)) > 0;
    sim_free(sim);
    return is_lost;
}

Test(member, a_leader_first_commits_an_entry_of_its_own, .timeout = 20)
{
    cr_expect_not(loses_by_old_change(RD_MUTANT_NONE));
    cr_expect(loses_by_old_change(RD_MUTANT_MEMBER_NO_OWN_TERM));
}

/* A removed node that does not know it goes on asking for votes. */
static bool disrupts(enum rd_mutant mutant)
{
    struct rd_core_config config = config_of(RD_QUORUM);
    struct sim *sim;
    uint64_t epoch;
    uint32_t out;
    bool is_other;

    config.mutant = mutant;
    sim = sim_new(&config, 4, 5);
    cr_assert(settles(sim, mask(1, 4), 2000));
    out = sim_leader(sim) == 4 ? 3 : 4;
    split(sim, rd_bit(out), mask(1, 4) & ~rd_bit(out), true);
    change_is(sim, out, false, RD_PROPOSED);
    cr_assert(settles(sim, mask(1, 4) & ~rd_bit(out), 1000));
    epoch = sim->node[sim_leader(sim)].core.hard.epoch;
    sim_heal(sim);
    sim_run(sim, 2000);
    is_other = sim_leader(sim) == 0 ||
               sim->node[sim_leader(sim)].core.hard.epoch != epoch;
    cr_expect(sim->node[out].core.is_voter, "nobody has told it");
    sim_free(sim);
    return is_other;
}

Test(member, a_removed_node_does_not_disrupt, .timeout = 20)
{
    cr_expect_not(disrupts(RD_MUTANT_NONE));
    cr_expect(disrupts(RD_MUTANT_REMOVED_DISRUPTS));
}

Test(member, a_removed_leader_goes_once_that_is_committed, .timeout = 20)
{
    struct rd_core_config config = config_of(RD_QUORUM);
    struct sim *sim = sim_new(&config, 3, 6);
    uint32_t old;

    cr_assert(settles(sim, mask(1, 3), 500));
    old = sim_leader(sim);
    split(sim, rd_bit(old), mask(1, 3) & ~rd_bit(old), true);
    change_is(sim, old, false, RD_PROPOSED);
    sim_run(sim, 60);
    cr_expect_eq(sim->node[old].core.role, RD_LEADER, "not committed yet");
    split(sim, rd_bit(old), mask(1, 3) & ~rd_bit(old), false);
    cr_expect(settles(sim, mask(1, 3) & ~rd_bit(old), 1500));
    sim_run(sim, 500);
    cr_expect_neq(sim_leader(sim), old);
    cr_expect_eq(sim->node[old].core.role, RD_FOLLOWER);
    expect_equal(sim, mask(1, 3) & ~rd_bit(old), 6);
    sim_free(sim);
}

Test(member, a_change_that_did_not_commit_is_taken_back, .timeout = 20)
{
    struct rd_core_config config = config_of(RD_QUORUM);
    struct sim *sim = sim_new_of(&config, 4, 3, 7);
    uint32_t old;

    cr_assert(settles(sim, mask(1, 3), 500));
    old = sim_leader(sim);
    split(sim, rd_bit(old), mask(1, 3) & ~rd_bit(old), true);
    change_is(sim, 4, true, RD_PROPOSED);
    cr_expect(sim->node[old].core.peer[4].is_member);
    sim_run(sim, 800);
    sim_heal(sim);
    sim_run(sim, 500);
    cr_expect_not(sim->node[old].core.peer[4].is_member);
    cr_expect(settles(sim, mask(1, 3), 100));
    sim_run(sim, 50);
    expect_equal(sim, mask(1, 3), 7);
    sim_free(sim);
}

/* Removed, its disk wiped, added again under its old name; then everybody
 * restarts from disk.  The log is long enough for a snapshot. */
Test(member, a_replaced_node_and_a_restart, .timeout = 20)
{
    struct rd_core_config config = config_of(RD_QUORUM);
    struct sim *sim = sim_new(&config, 3, 8);
    uint32_t id;

    cr_assert(settles(sim, mask(1, 3), 500));
    id = sim_leader(sim) == 3 ? 2 : 3;
    change_is(sim, id, false, RD_PROPOSED);
    cr_assert(settles(sim, mask(1, 3) & ~rd_bit(id), 500));
    sim_wipe(sim, id);
    (void)settles(sim, 0, 1500); /* writes only */
    sim_start(sim, id);
    sim_run(sim, 500);
    cr_expect_eq(sim->node[id].core.role, RD_FOLLOWER, "it waits");
    cr_expect_eq(sim->node[id].core.log.last, 0);
    change_is(sim, id, true, RD_PROPOSED);
    cr_assert(settles(sim, mask(1, 3), 1000));
    cr_expect_gt(sim->node[id].core.snapshot_count, 0);
    for (uint32_t i = 1; i <= 3; i++)
        sim_crash(sim, i);
    for (uint32_t i = 1; i <= 3; i++)
        sim_start(sim, i);
    cr_assert(settles(sim, mask(1, 3), 1000));
    sim_run(sim, 100);
    expect_equal(sim, mask(1, 3), 8);
    sim_free(sim);
}

/* Who is wanted goes by what is committed: only who surely is out is wiped. */
static void mischief(struct sim *sim)
{
    uint32_t a = 1 + (uint32_t)ord_rng_below(&sim->rng, sim->count);
    uint32_t b = 1 + (uint32_t)ord_rng_below(&sim->rng, sim->count);
    uint64_t all = sim->settled.voters | sim->settled.joining;

    switch (ord_rng_below(&sim->rng, 14)) {
    case 0:
        sim_crash(sim, a);
        break;
    case 1:
    case 2:
        for (uint32_t i = 1; i <= sim->count; i++)
            sim_start(sim, i);
        break;
    case 3:
        for (uint32_t i = 1; i <= sim->count; i++)
            for (uint32_t j = 1; j <= sim->count; j++)
                if (i != j && ord_rng_below(&sim->rng, 3) == 0)
                    sim_cut(sim, i, j, true);
        break;
    case 4:
        split(sim, rd_bit(a), mask(1, sim->count) & ~rd_bit(a), true);
        break;
    case 5:
        if (a != b)
            sim_cut(sim, a, b, true);
        break;
    case 6:
    case 7:
        sim_heal(sim);
        break;
    case 8:
        sim->drop = (uint32_t)ord_rng_below(&sim->rng, 100);
        break;
    case 9:
        sim->delay_max_ms = (uint32_t)ord_rng_below(&sim->rng, 40);
        break;
    case 10:
        sim->node[a].is_paused = true;
        break;
    case 11:
    case 12:
        if (rd_has(all, a))
            break;
        sim_wipe(sim, a);
        sim_start(sim, a);
        break;
    default:
        for (uint32_t i = 1; i <= sim->count; i++)
            sim->node[i].is_paused = false;
        break;
    }
}

/* Everybody who may lead is asked: an old leader may think it still does. */
static void change_somebody(struct sim *sim, uint64_t *changes)
{
    uint32_t id = 1 + (uint32_t)ord_rng_below(&sim->rng, sim->count);
    uint64_t all = sim->settled.voters | sim->settled.joining;
    bool is_add = !rd_has(all, id);

    if (!is_add && rd_count(sim->settled.voters) <= 2)
        return;
    for (uint32_t i = 1; i <= sim->count; i++)
        if (sim->node[i].is_up && sim->node[i].core.role == RD_LEADER &&
            sim_change(sim, i, id, is_add) == RD_PROPOSED)
            (*changes)++;
}

static struct sim *chaos(const struct rd_core_config *config, uint32_t founders,
                         uint64_t seed, uint64_t *changes)
{
    struct sim *sim = sim_new_of(config, 6, founders, seed);

    for (int i = 0; i < 2500 && sim->broken[0] == '\0'; i++) {
        uint32_t id = 1 + (uint32_t)ord_rng_below(&sim->rng, sim->count);

        if (ord_rng_below(&sim->rng, 60) == 0)
            mischief(sim);
        if (ord_rng_below(&sim->rng, 25) == 0)
            change_somebody(sim, changes);
        if (ord_rng_below(&sim->rng, 6) == 0)
            (void)sim_propose(sim, id);
        if (ord_rng_below(&sim->rng, 6) == 0)
            sim_read_at(sim, id);
        sim_step(sim);
    }
    sim_heal(sim);
    for (uint32_t i = 1; i <= sim->count; i++) {
        sim->node[i].is_paused = false;
        sim_start(sim, i);
    }
    sim_run(sim, 2000);
    return sim;
}

/* REFDB_SEEDS=10 runs ten times as many. */
static uint64_t seeds_of(uint64_t seeds)
{
    const char *factor = getenv("REFDB_SEEDS");

    return factor == NULL ? seeds : seeds * strtoull(factor, NULL, 10);
}

static void quorum_is_safe(uint32_t founders, uint64_t first, uint64_t seeds)
{
    struct rd_core_config config = config_of(RD_QUORUM);
    uint64_t changes = 0;
    uint64_t settled = 0;
    uint64_t acks = 0;

    for (uint64_t seed = first; seed < first + seeds; seed++) {
        struct sim *sim = chaos(&config, founders, seed, &changes);

        expect_equal(sim, sim->settled.voters | sim->settled.joining, seed);
        settled += sim->settled_count;
        acks += sim->acks;
        sim_free(sim);
    }
    cr_expect_gt(changes, seeds * 5, "too few changes to mean anything");
    cr_expect_gt(settled, seeds * 5, "%llu", (unsigned long long)settled);
    cr_expect_gt(acks, seeds * 20, "%llu", (unsigned long long)acks);
}

Test(member, quorum_keeps_every_promise_while_members_change, .timeout = 250)
{
    quorum_is_safe(3, 1, seeds_of(120));
}

Test(member, quorum_of_five_keeps_every_promise, .timeout = 250)
{
    quorum_is_safe(5, 200000, seeds_of(60));
}

/* Without faults: each node in turn is replaced, the leader too. */
static void turn_over(const struct rd_core_config *config, uint64_t seed)
{
    struct sim *sim = sim_new_of(config, 4, 3, seed);

    cr_assert(settles(sim, mask(1, 3), 1000));
    sim_start(sim, 4);
    sim_run(sim, 20);
    change_is(sim, 4, true, RD_PROPOSED);
    cr_assert(settles(sim, mask(1, 4), 1000), "seed %d", (int)seed);
    for (uint32_t id = 1; id <= 3; id++) {
        uint64_t rest = mask(1, 4) & ~rd_bit(id);

        if (config->failover == RD_CONTROLLER && id == 3)
            continue;
        change_is(sim, id, false, RD_PROPOSED);
        cr_assert(settles(sim, rest, 2000), "node %u out, seed %d", id,
                  (int)seed);
        for (int i = 0;
             i < 2000 && (sim_leader(sim) == id || sim_leader(sim) == 0); i++)
            sim_step(sim);
        cr_assert_neq(sim_leader(sim), 0);
        sim_wipe(sim, id);
        sim_start(sim, id);
        cr_assert(settles(sim, rest, 1000));
        sim_run(sim, 20);
        change_is(sim, id, true, RD_PROPOSED);
        cr_assert(settles(sim, mask(1, 4), 2000), "node %u in, seed %d", id,
                  (int)seed);
    }
    sim_run(sim, 200);
    for (int i = 0; i < 20; i++)
        (void)sim_propose(sim, sim_leader(sim));
    sim_run(sim, 200);
    cr_expect_gt(sim->acks, 20);
    expect_equal(sim, mask(1, 4), seed);
    sim_free(sim);
}

Test(member, every_setting_turns_all_nodes_over_and_loses_nothing,
     .timeout = 120)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct rd_core_config config;

        for (int ack = RD_ASYNC; ack <= RD_QUORUM; ack++) {
            config = config_of((enum rd_ack)ack);
            turn_over(&config, seed);
            if (ack == RD_QUORUM)
                continue;
            config.failover = RD_CONTROLLER;
            turn_over(&config, seed);
        }
    }
}

/* The leader crashes while members come and go: what semi-sync and sync have
 * acknowledged is still there. */
Test(member, semi_sync_and_sync_lose_nothing_when_the_leader_dies,
     .timeout = 120)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct rd_core_config config =
            config_of(seed % 2 == 0 ? RD_SYNC : RD_SEMI_SYNC);
        struct sim *sim = sim_new_of(&config, 5, 3, seed);
        uint32_t old;

        cr_assert(settles(sim, mask(1, 3), 500));
        sim_start(sim, 4);
        sim_start(sim, 5);
        sim_run(sim, 20);
        change_is(sim, 4, true, RD_PROPOSED);
        (void)settles(sim, 0, (int64_t)ord_rng_below(&sim->rng, 300));
        (void)sim_change(sim, sim_leader(sim), 5, true);
        (void)settles(sim, 0, (int64_t)ord_rng_below(&sim->rng, 300));
        old = sim_leader(sim);
        sim_crash(sim, old);
        sim_run(sim, 500);
        sim_start(sim, old);
        cr_assert(settles(sim, mask(1, 5), 3000) || sim_leader(sim) != 0);
        sim_run(sim, 500);
        expect_equal(sim, sim_voters(sim), seed);
        sim_free(sim);
    }
}

/* Bugs that the chaos above would miss would make it worthless. */
static void mutant_is_found(enum rd_mutant mutant, uint64_t seeds)
{
    struct rd_core_config config = config_of(RD_QUORUM);
    bool is_found = false;
    uint64_t changes = 0;

    config.mutant = mutant;
    for (uint64_t seed = 1; seed <= seeds && !is_found; seed++) {
        struct sim *sim = chaos(&config, seed % 2 == 0 ? 3 : 5, seed, &changes);
        uint32_t leader = sim_leader(sim);

        is_found = sim->broken[0] != '\0' ||
                   (leader != 0 && sim_lost_at(sim, leader) > 0);
        sim_free(sim);
    }
    cr_expect(is_found, "mutant %d was not found", mutant);
}

Test(member, mutants_are_found, .timeout = 250)
{
    mutant_is_found(RD_MUTANT_MEMBER_BY_NAME, 300);
    mutant_is_found(RD_MUTANT_MEMBER_TWO_AT_ONCE, 300);
}
