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

/* Something goes wrong, or right again. */
static void mischief(struct sim *sim)
{
    uint32_t count = sim->count;
    uint32_t a = 1 + (uint32_t)ord_rng_below(&sim->rng, count);
    uint32_t b = 1 + (uint32_t)ord_rng_below(&sim->rng, count);

    switch (ord_rng_below(&sim->rng, 12)) {
    case 0:
        sim_crash(sim, a);
        break;
    case 1:
    case 2:
        sim_start(sim, a);
        break;
    case 3: /* a partition of any shape */
        for (uint32_t i = 1; i <= count; i++)
            for (uint32_t j = 1; j <= count; j++)
                if (i != j && ord_rng_below(&sim->rng, 3) == 0)
                    sim_cut(sim, i, j, true);
        break;
    case 4: /* one node alone */
        for (uint32_t i = 1; i <= count; i++) {
            sim_cut(sim, i, a, true);
            sim_cut(sim, a, i, true);
        }
        break;
    case 5: /* one way */
        if (a != b)
            sim_cut(sim, a, b, true);
        break;
    case 6:
    case 7:
        sim_heal(sim);
        break;
    case 8:
        sim->drop = (uint32_t)ord_rng_below(&sim->rng, 150);
        break;
    case 9:
        sim->delay_max_ms = (uint32_t)ord_rng_below(&sim->rng, 60);
        break;
    case 10:
        sim->node[a].is_paused = true;
        break;
    default:
        sim->node[a].is_paused = false;
        break;
    }
}

static void all_well(struct sim *sim)
{
    sim_heal(sim);
    for (uint32_t i = 1; i <= sim->count; i++) {
        sim->node[i].is_paused = false;
        sim_start(sim, i);
    }
}

static void load(struct sim *sim)
{
    uint32_t id = 1 + (uint32_t)ord_rng_below(&sim->rng, sim->count);

    if (ord_rng_below(&sim->rng, 2) == 0)
        (void)sim_propose(sim, id);
    else
        sim_read_at(sim, id);
}

static struct sim *chaos(const struct rd_core_config *config, uint32_t count,
                         uint64_t seed)
{
    struct sim *sim = sim_new(config, count, seed);

    for (int i = 0; i < 2500 && sim->broken[0] == '\0'; i++) {
        if (ord_rng_below(&sim->rng, 60) == 0)
            mischief(sim);
        if (ord_rng_below(&sim->rng, 3) == 0)
            load(sim);
        sim_step(sim);
    }
    all_well(sim);
    sim_run(sim, 1500);
    return sim;
}

/* After all is well again every node holds the same, and every promise. */
static void expect_converged(struct sim *sim, uint64_t seed)
{
    uint32_t leader = sim_leader(sim);
    const struct sim_disk *want = &sim->node[leader].now;

    cr_assert_neq(leader, 0, "seed %llu: no leader after healing",
                  (unsigned long long)seed);
    for (uint32_t i = 1; i <= sim->count; i++) {
        const struct sim_disk *got = &sim->node[i].now;

        cr_assert_eq(got->applied, want->applied,
                     "seed %llu: node %u applied %llu of %llu",
                     (unsigned long long)seed, i,
                     (unsigned long long)got->applied,
                     (unsigned long long)want->applied);
        for (uint64_t j = 1; j <= want->applied; j++)
            cr_assert_eq(got->state[j], want->state[j],
                         "seed %llu: node %u differs at %llu",
                         (unsigned long long)seed, i, (unsigned long long)j);
    }
}

/* REFDB_SEEDS=10 runs ten times as many. */
static uint64_t seeds_of(uint64_t seeds)
{
    const char *factor = getenv("REFDB_SEEDS");

    return factor == NULL ? seeds : seeds * strtoull(factor, NULL, 10);
}

static void quorum_is_safe(uint32_t count, uint64_t first, uint64_t seeds)
{
    struct rd_core_config config = config_of(RD_QUORUM);
    uint64_t acks = 0;
    uint64_t reads = 0;

    for (uint64_t seed = first; seed < first + seeds; seed++) {
        struct sim *sim = chaos(&config, count, seed);

        cr_assert_str_empty(sim->broken, "seed %llu: %s",
                            (unsigned long long)seed, sim->broken);
        expect_converged(sim, seed);
        cr_assert_eq(sim_lost_at(sim, sim_leader(sim)), 0, "seed %llu: lost",
                     (unsigned long long)seed);
        acks += sim->acks;
        reads += sim->reads_done;
        sim_free(sim);
    }
    cr_expect_gt(acks, seeds * 30, "too few writes to mean anything");
    cr_expect_gt(reads, seeds * 30, "too few reads to mean anything");
}

Test(core, quorum_of_three_keeps_every_promise, .timeout = 250)
{
    quorum_is_safe(3, 1, seeds_of(200));
}

Test(core, quorum_of_five_keeps_every_promise, .timeout = 250)
{
    quorum_is_safe(5, 100000, seeds_of(80));
}

/* A bug that the tests above would miss would make them worthless. */
static void mutant_is_found(enum rd_mutant mutant, uint64_t seeds)
{
    struct rd_core_config config = config_of(RD_QUORUM);
    bool is_found = false;

    config.mutant = mutant;
    for (uint64_t seed = 1; seed <= seeds && !is_found; seed++) {
        struct sim *sim = chaos(&config, 3, seed);
        uint32_t leader = sim_leader(sim);

        is_found = sim->broken[0] != '\0' ||
                   (leader != 0 && sim_lost_at(sim, leader) > 0);
        sim_free(sim);
    }
    cr_expect(is_found, "mutant %d was not found", mutant);
}

Test(core, mutants_are_found, .timeout = 250)
{
    mutant_is_found(RD_MUTANT_COMMIT_MINORITY, 100);
    mutant_is_found(RD_MUTANT_NO_LOG_CHECK, 300);
    mutant_is_found(RD_MUTANT_NO_FSYNC_ACK, 300);
    mutant_is_found(RD_MUTANT_STALE_LEADER_READ, 300);
}

/* Node 3 votes for 1, crashes, comes back: does it vote for 2 as well? */
static bool votes_twice(enum rd_mutant mutant)
{
    struct rd_core_config config = config_of(RD_QUORUM);
    struct sim *sim;
    struct rd_msg vote = {.type = RD_VOTE, .from = 1, .to = 3, .epoch = 7};
    bool is_twice;

    config.mutant = mutant;
    sim = sim_new(&config, 3, 1);
    sim->node[1].is_paused = sim->node[2].is_paused = true;
    rd_core_step(&sim->node[3].core, &vote, sim->now_ms * ORD_MS);
    cr_assert_eq(sim->node[3].core.hard.vote, 1);
    sim_run(sim, 10);
    sim_crash(sim, 3);
    sim_start(sim, 3);
    cr_assert_eq(sim->node[3].core.hard.epoch, 7);
    vote.from = 2;
    rd_core_step(&sim->node[3].core, &vote, sim->now_ms * ORD_MS);
    is_twice = sim->node[3].core.hard.vote == 2;
    sim_free(sim);
    return is_twice;
}

Test(core, a_vote_outlives_a_crash, .timeout = 5)
{
    cr_expect_not(votes_twice(RD_MUTANT_NONE));
    cr_expect(votes_twice(RD_MUTANT_FORGET_VOTE));
}

/* The leader crashes under load; the number of acknowledged writes that its
 * successor does not have. */
static uint32_t losses(const struct rd_core_config *config, uint32_t count,
                       uint64_t seed)
{
    struct sim *sim = sim_new(config, count, seed);
    uint32_t lost = 0;

    for (int round = 0; round < 3; round++) {
        uint32_t old;
        bool is_final;

        for (int i = 0; i < 500; i++) {
            uint32_t leader = sim_leader(sim);

            if (leader != 0)
                (void)sim_propose(sim, leader);
            sim_step(sim);
            if (i > 300 && leader != 0 && ord_rng_below(&sim->rng, 100) == 0)
                break;
        }
        old = sim_leader(sim);
        if (old == 0)
            continue;
        is_final =
            config->failover == RD_CONTROLLER && old == sim->config.controller;
        sim_crash(sim, old);
        sim_run(sim, 500);
        /* Sync commits nothing without it; nobody replaces a controller. */
        if (config->ack == RD_SYNC || is_final)
            sim_start(sim, old);
        sim_run(sim, 500);
        cr_assert_neq(sim_leader(sim), 0, "seed %llu: nobody took over",
                      (unsigned long long)seed);
        if (config->ack != RD_SYNC && !is_final)
            cr_assert_neq(sim_leader(sim), old);
        lost += sim_lost_at(sim, sim_leader(sim));
        sim_start(sim, old);
        sim_run(sim, 600);
        expect_converged(sim, seed);
    }
    cr_assert_str_empty(sim->broken, "seed %llu: %s", (unsigned long long)seed,
                        sim->broken);
    cr_assert_gt(sim->acks, 100);
    sim_free(sim);
    return lost;
}

static uint32_t losses_of(const struct rd_core_config *config, uint64_t seeds)
{
    uint32_t lost = 0;

    for (uint64_t seed = 1; seed <= seeds; seed++)
        lost += losses(config, seed % 2 == 0 ? 3 : 5, seed);
    return lost;
}

Test(core, async_loses_when_its_leader_dies, .timeout = 60)
{
    struct rd_core_config config = config_of(RD_ASYNC);

    cr_expect_gt(losses_of(&config, 30), 0);
}

Test(core, semi_sync_and_sync_lose_nothing, .timeout = 250)
{
    struct rd_core_config config = config_of(RD_SEMI_SYNC);

    cr_expect_eq(losses_of(&config, 60), 0, "semi-sync by election");
    config.failover = RD_CONTROLLER;
    cr_expect_eq(losses_of(&config, 40), 0, "semi-sync by controller");
    config = config_of(RD_SYNC);
    cr_expect_eq(losses_of(&config, 40), 0, "sync");
}

/* The leader is cut off from everyone; both sides are asked to write. */
static uint32_t ackers(const struct rd_core_config *config, uint64_t seed,
                       bool *is_equal)
{
    struct sim *sim = sim_new(config, 3, seed);
    uint32_t most = 0;
    uint32_t old;

    sim_run(sim, 300);
    old = sim_leader(sim);
    cr_assert_neq(old, 0);
    for (uint32_t i = 1; i <= 3; i++) {
        sim_cut(sim, i, old, i != old);
        sim_cut(sim, old, i, i != old);
    }
    for (int i = 0; i < 900; i++) {
        (void)sim_propose(sim, 1 + (uint32_t)i % 3);
        sim_step(sim);
    }
    sim_heal(sim);
    sim_run(sim, 800);
    for (uint32_t i = 0; i < SIM_EPOCHS_MAX; i++)
        if ((uint32_t)__builtin_popcount(sim->ackers_of[i]) > most)
            most = (uint32_t)__builtin_popcount(sim->ackers_of[i]);
    *is_equal = true;
    for (uint32_t i = 2; i <= 3; i++)
        *is_equal = *is_equal &&
                    sim->node[i].now.applied == sim->node[1].now.applied &&
                    memcmp(sim->node[i].now.state, sim->node[1].now.state,
                           8 * (sim->node[1].now.applied + 1)) == 0;
    cr_assert_str_empty(sim->broken, "seed %llu: %s", (unsigned long long)seed,
                        sim->broken);
    sim_free(sim);
    return most;
}

Test(core, without_fencing_two_nodes_acknowledge_in_one_epoch, .timeout = 60)
{
    struct rd_core_config config = config_of(RD_ASYNC);
    bool is_equal;

    for (uint64_t seed = 1; seed <= 20; seed++) {
        config.is_fencing = false;
        cr_expect_geq(ackers(&config, seed, &is_equal), 2);
        cr_expect_not(is_equal, "replicas ought to stay diverged");
        config.is_fencing = true;
        cr_expect_eq(ackers(&config, seed, &is_equal), 1);
        cr_expect(is_equal, "seed %d", (int)seed);
    }
}

/* An old leader with writes that nobody else has comes back. */
Test(core, an_old_leader_lists_what_it_discards, .timeout = 20)
{
    struct rd_core_config config = config_of(RD_ASYNC);
    struct sim *sim = sim_new(&config, 3, 5);
    uint64_t acked;

    sim_run(sim, 300);
    cr_assert_eq(sim_leader(sim), 1);
    for (uint32_t i = 2; i <= 3; i++) {
        sim_cut(sim, i, 1, true);
        sim_cut(sim, 1, i, true);
    }
    acked = sim->acks;
    for (int i = 0; i < 20; i++)
        cr_expect(sim_propose(sim, 1));
    cr_expect_eq(sim->acks, acked + 20, "async waits for nobody");
    sim_run(sim, 150);
    cr_expect_not(sim_propose(sim, 1), "fenced by now");
    sim_run(sim, 400);
    sim_heal(sim);
    sim_run(sim, 600);
    cr_expect_eq(sim->node[1].discards, 20);
    cr_expect_neq(sim_leader(sim), 1);
    cr_expect_eq(sim_lost_at(sim, 1), 20);
    expect_converged(sim, 5);
    sim_free(sim);
}

Test(core, manual_moves_only_when_told, .timeout = 20)
{
    struct rd_core_config config = config_of(RD_ASYNC);
    struct sim *sim;

    config.failover = RD_MANUAL;
    sim = sim_new(&config, 3, 6);
    sim_run(sim, 300);
    cr_assert_eq(sim_leader(sim), 1);
    sim_crash(sim, 1);
    sim_run(sim, 2000);
    cr_expect_eq(sim_leader(sim), 0);
    cr_expect(rd_core_promote(&sim->node[2].core, sim->now_ms * ORD_MS));
    sim_run(sim, 300);
    cr_expect_eq(sim_leader(sim), 2);
    sim_start(sim, 1);
    sim_run(sim, 600);
    cr_expect_eq(sim_leader(sim), 2);
    expect_converged(sim, 6);
    /* With nobody promoted meanwhile, the old leader goes on. */
    sim_crash(sim, 2);
    sim_start(sim, 2);
    sim_run(sim, 600);
    cr_expect_eq(sim_leader(sim), 2);
    sim_free(sim);
}

Test(core, any_takes_the_highest_and_loses_more, .timeout = 60)
{
    struct rd_core_config config = config_of(RD_ASYNC);

    config.is_any = true;
    for (int i = 0; i < 2; i++) {
        struct sim *sim;

        config.failover = i == 0 ? RD_ELECTION : RD_CONTROLLER;
        sim = sim_new(&config, 5, 7);
        sim_run(sim, 300);
        cr_assert_eq(sim_leader(sim), 1);
        sim_crash(sim, 1);
        sim_run(sim, 800);
        cr_expect_eq(sim_leader(sim), 5);
        sim_free(sim);
    }
}

static uint32_t count_up(const struct sim *sim)
{
    uint32_t count = 0;

    for (uint32_t i = 1; i <= sim->count; i++)
        count += sim->node[i].is_up;
    return count;
}

Test(core, stonith_shuts_down_one_or_both, .timeout = 20)
{
    for (int i = 0; i < 4; i++) {
        struct rd_core_config config = config_of(RD_ASYNC);
        struct sim *sim;

        config.stonith = i % 2 == 0 ? RD_STONITH_ONE : RD_STONITH_BOTH;
        config.is_fencing = i < 2;
        sim = sim_new(&config, 3, 8);
        sim_run(sim, 300);
        for (uint32_t j = 2; j <= 3; j++) {
            sim_cut(sim, 1, j, true);
            sim_cut(sim, j, 1, true);
        }
        sim_run(sim, 600);
        cr_expect_eq(count_up(sim), 3);
        sim_heal(sim);
        sim_run(sim, 600);
        cr_expect_eq(count_up(sim), i % 2 == 0 ? 2 : 1, "case %d", i);
        sim_free(sim);
    }
}

Test(core, bootstrap_waits_for_a_majority_of_new_nodes, .timeout = 20)
{
    struct rd_core_config config = config_of(RD_ASYNC);
    struct sim *sim = sim_new(&config, 3, 9);

    sim_run(sim, 200);
    for (int i = 0; i < 50; i++)
        cr_assert(sim_propose(sim, 1));
    sim_run(sim, 100);
    /* The first node loses its disk: it must not found a second cluster. */
    sim_crash(sim, 1);
    memset(&sim->node[1].disk, 0, sizeof sim->node[1].disk);
    sim_start(sim, 1);
    sim_run(sim, 800);
    cr_expect_neq(sim_leader(sim), 1);
    expect_converged(sim, 9);
    cr_expect_eq(sim_lost_at(sim, sim_leader(sim)), 0);
    sim_free(sim);
}

/* Everything at once, for the settings that promise less: none may fall over,
 * and with fencing all end up equal, whatever was lost on the way. */
Test(core, every_setting_survives_chaos_and_converges, .timeout = 250)
{
    for (uint64_t seed = 1; seed <= seeds_of(120); seed++) {
        struct rd_core_config config = config_of(RD_ASYNC);
        struct sim *sim;

        config.ack = (enum rd_ack)(seed % 3); /* not quorum */
        config.failover = (enum rd_failover)(seed / 3 % 3);
        config.is_any = seed % 4 == 1;
        config.is_fencing = seed % 5 != 0;
        sim = chaos(&config, 3 + (uint32_t)(seed % 2) * 2, seed);
        cr_assert_str_empty(sim->broken, "seed %llu: %s",
                            (unsigned long long)seed, sim->broken);
        if (config.failover == RD_MANUAL && sim_leader(sim) == 0) {
            (void)rd_core_promote(&sim->node[1].core, sim->now_ms * ORD_MS);
            sim_run(sim, 600);
        }
        if (config.is_fencing)
            expect_converged(sim, seed);
        sim_free(sim);
    }
}
