#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "harness/base/clock.h"
#include "nemesis/params.h"
#include "nemesis/plan.h"
#include "support_nemesis.h"

static struct ord_arena arena;

static void setup(void)
{
    ord_arena_init(&arena, 1 << 30);
}

static void teardown(void)
{
    ord_arena_fini(&arena);
}

TestSuite(plan, .init = setup, .fini = teardown, .timeout = 30);

static const char *const every_kind[] = {
    "partition",
    "partition shape=isolate-one every=100-900 for=50-700",
    "partition shape=isolate-leader at=1000 at=500 for=300",
    "partition shape=halves clients=cut at=100",
    "partition shape=bridge at=100",
    "partition shape=majorities-ring at=100 for=10",
    "partition shape=one-way every=100-100 for=100",
    "partition shape=clients nodes=leader on=leader wait=50 for=300",
    "partition shape=swizzle every=100-500 for=1000-2000",
    "slow links=leader-follower delay=5ms jitter=1ms at=1 for=900",
    "flaky loss=1% duplicate=0.5 reorder=3% rate=10Mbit links=all",
    "packet delay=5ms jitter=3ms loss=2% burst=4 at=100 for=900",
    "packet clog=yes reset=all bytes=64KiB from=leader to=random at=7",
    "packet corrupt=1% corrupt-undetected=1% who=rolling at=5 for=900",
    ("packet rate=1Mbit clog=yes reset=1% swizzle=mixed links=all "
     "every=500-900 for=900"),
    "kill who=minority every=500-900 for=100-300",
    "kill who=rolling every=500 for=1200",
    "pause who=leader on=ops:500 for=800",
    "process who=rolling at=100 for=900",
    "process kind=stop who=leader within=300ms every=500-900 for=500",
    "process kind=storm times=4 every=500-900 for=400-600",
    "process kind=throttle share=20% period=50ms every=500-900 for=100-300",
    "process kind=limit descriptors=20 memory=64MiB at=10 for=200",
    "disk who=one every=500-900 for=100 keep=30% torn=byte",
    "disk backend=ext4 who=all every=500-900 for=100",
    "disk kind=eio op=write,fsync probability=5% every=500-900 for=100",
    "disk kind=full room=64KiB at=100 for=300",
    "disk kind=lying-fsync at=100 for=300",
    "disk kind=slow op=read delay=20ms at=100 for=300",
    "disk kind=flip files=*.wal region=tail count=3 at=100 for=300",
    "disk kind=truncate who=rolling region=head size=8 at=100 for=300",
    "clock by=+-30s who=all each=different every=300-900 for=100-300",
    "clock kind=drift rate=+-5% who=leader at=10 for=50",
    "clock kind=strobe by=-2s period=20ms who=rolling at=5 for=900",
    "clock kind=step by=40ms at=100 for=10",
    "kill who=that-node on=log:^leader[[:blank:]] wait=5 for=100",
    "partition shape=isolate-one nodes=that-node on=op:cas cool=1000 for=100",
    "promote who=one at=500",
    "promote who=n2,n3 on=ops:100 for=900",
    "member kind=replace every=300-800 for=900",
    "member who=leader at=100 for=900",
};
enum { KINDS = sizeof every_kind / sizeof *every_kind };

static void print_plan(const struct ord_fault_plan *plan, struct ord_buf *out)
{
    ord_buf_init(out, 64 << 20);
    for (uint32_t i = 0; i < plan->count; i++) {
        ord_fault_to_json(&plan->faults[i], out);
        ord_buf_char(out, '\n');
        ord_fault_print(&plan->faults[i], out);
        ord_buf_char(out, '\n');
    }
    cr_assert_not(out->failed);
}

Test(plan, the_same_seed_gives_the_same_bytes_and_another_does_not)
{
    struct ord_nemesis_entry entries[KINDS];
    struct ord_plan_in in = {
        .arena = &arena, .seed = 5, .node_count = 5, .time_ns = 10 * ORD_S};
    struct ord_fault_plan plan;
    struct ord_buf a, b, c;
    struct ord_err err;

    for (uint32_t i = 0; i < KINDS; i++)
        entries[i] = entry_of(&arena, every_kind[i]);
    cr_assert_eq(ord_fault_plan(entries, KINDS, &in, &plan, NULL, &err), ORD_OK,
                 "%s", err.text);
    cr_expect(plan.count > 60, "%u", plan.count);
    print_plan(&plan, &a);
    cr_assert_eq(ord_fault_plan(entries, KINDS, &in, &plan, NULL, &err),
                 ORD_OK);
    print_plan(&plan, &b);
    in.seed = 6;
    cr_assert_eq(ord_fault_plan(entries, KINDS, &in, &plan, NULL, &err),
                 ORD_OK);
    print_plan(&plan, &c);
    cr_expect_str_eq(ord_buf_str(&a), ord_buf_str(&b));
    cr_expect_str_neq(ord_buf_str(&a), ord_buf_str(&c));
    ord_buf_fini(&a);
    ord_buf_fini(&b);
    ord_buf_fini(&c);
}

Test(plan, an_entry_does_not_change_when_another_is_added_behind_it)
{
    struct ord_nemesis_entry entries[2] = {
        entry_of(&arena, "kill every=100-900 for=50-700"),
        entry_of(&arena, "pause every=10-90 for=5-70")};
    struct ord_plan_in in = {
        .arena = &arena, .seed = 5, .node_count = 3, .time_ns = 10 * ORD_S};
    struct ord_fault_plan one, two;
    struct ord_err err;
    uint32_t at = 0;

    cr_assert_eq(ord_fault_plan(entries, 1, &in, &one, NULL, &err), ORD_OK);
    cr_assert_eq(ord_fault_plan(entries, 2, &in, &two, NULL, &err), ORD_OK);
    for (uint32_t i = 0; i < two.count; i++) {
        if (two.faults[i].entry != 0)
            continue;
        cr_assert(at < one.count);
        cr_expect_eq(one.faults[at].at_ns, two.faults[i].at_ns);
        cr_expect_eq(one.faults[at].nodes, two.faults[i].nodes);
        at++;
    }
    cr_expect_eq(at, one.count);
}

Test(plan, every_never_overlaps_itself_and_keeps_its_ranges)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct ord_fault_plan plan =
            plan_of(&arena, "kill every=100-300 for=50-400", 3, seed);
        int64_t free_ns = 0;

        cr_assert(plan.count > 10, "%u", plan.count);
        for (uint32_t i = 0; i < plan.count; i++) {
            const struct ord_fault *fault = &plan.faults[i];

            cr_assert(fault->at_ns >= free_ns + 100 * ORD_MS);
            cr_assert(fault->at_ns <= free_ns + 300 * ORD_MS);
            cr_assert(fault->duration_ns >= 50 * ORD_MS);
            cr_assert(fault->duration_ns <= 400 * ORD_MS);
            cr_assert(fault->at_ns < 10 * ORD_S);
            cr_assert_eq(fault->id, i + 1);
            free_ns = fault->at_ns + fault->duration_ns;
        }
    }
}

Test(plan, fixed_times_are_sorted_and_events_come_last)
{
    struct ord_nemesis_entry entries[3] = {
        entry_of(&arena, "kill on=leader wait=20 for=100"),
        entry_of(&arena, "kill at=3000 at=1000 for=100"),
        entry_of(&arena, "slow")};
    struct ord_plan_in in = {
        .arena = &arena, .seed = 5, .node_count = 3, .time_ns = 10 * ORD_S};
    struct ord_fault_plan plan;
    struct ord_err err;

    cr_assert_eq(ord_fault_plan(entries, 3, &in, &plan, NULL, &err), ORD_OK);
    cr_assert_eq(plan.count, 4);
    cr_expect_eq(plan.faults[0].entry, 2);
    cr_expect_eq(plan.faults[0].at_ns, 0);
    cr_expect_eq(plan.faults[0].duration_ns, 0);
    cr_expect_eq(plan.faults[1].at_ns, 1000 * ORD_MS);
    cr_expect_eq(plan.faults[2].at_ns, 3000 * ORD_MS);
    cr_expect_eq(plan.faults[3].trigger, ORD_ON_LEADER_CHANGE);
    cr_expect_eq(plan.faults[3].delay_ns, 20 * ORD_MS);
}

struct link_row {
    char text[80];
    uint32_t node_count;
    uint32_t primary;
    char links[200];
    char what[80];
};

ParameterizedTestParameters(plan, links)
{
    static struct link_row rows[] = {
        {"partition shape=isolate-one nodes=n2", 3, 0,
         "n1>n2 n2>n1 n2>n3 n3>n2", "isolate n2"},
        {"partition shape=isolate-one nodes=n2,n3 clients=cut", 3, 0,
         "c>n2 c>n3 n1>n2 n1>n3 n2>c n2>n1 n3>c n3>n1",
         "isolate n2 n3, also from clients"},
        {"partition shape=isolate-leader", 3, 3, "n1>n3 n2>n3 n3>n1 n3>n2",
         "isolate n3"},
        {"partition shape=halves", 4, 0,
         "n1>n3 n1>n4 n2>n3 n2>n4 n3>n1 n3>n2 n4>n1 n4>n2", "n1 n2 | n3 n4"},
        {"partition shape=halves", 3, 0, "n1>n2 n1>n3 n2>n1 n3>n1",
         "n1 | n2 n3"},
        {"partition shape=bridge nodes=n2", 3, 0, "n1>n3 n3>n1",
         "joined by n2"},
        {"partition shape=bridge nodes=leader", 3, 1, "n2>n3 n3>n2",
         "joined by n1"},
        {"partition shape=one-way nodes=n1 direction=in", 3, 0, "n2>n1 n3>n1",
         "n1 hears nobody"},
        {"partition shape=one-way nodes=n1 direction=out", 3, 0, "n1>n2 n1>n3",
         "n1 is heard by nobody"},
        {"partition shape=one-way nodes=leader direction=out clients=cut", 3, 2,
         "n2>c n2>n1 n2>n3", "n2 is heard by nobody"},
        {"partition shape=clients nodes=n1", 3, 0, "c>n1 n1>c",
         "clients cut from n1"},
        {"partition shape=clients nodes=leader", 2, 2, "c>n2 n2>c",
         "clients cut from n2"},
        {"slow links=all", 2, 0, "c>n1 c>n2 n1>c n1>n2 n2>c n2>n1",
         "100ms slower on all links"},
        {"slow", 3, 0, "n1>n2 n1>n3 n2>n1 n2>n3 n3>n1 n3>n2",
         "100ms slower between nodes"},
        {"slow links=clients jitter=50ms", 2, 0, "c>n1 c>n2 n1>c n2>c",
         "100ms to 150ms slower between clients and nodes"},
        {"slow links=node nodes=n2", 2, 0, "c>n2 n1>n2 n2>c n2>n1",
         "slower on all links of n2"},
        {"slow links=leader-follower nodes=n3 delay=1.5ms", 3, 1, "n1>n3",
         "1.5ms slower from n1 to n3"},
        {"slow links=leader-followers", 3, 2, "n2>n1 n2>n3",
         "slower from n2 to n1 n3"},
        {"flaky loss=5% links=node nodes=leader", 2, 1, "c>n1 n1>c n1>n2 n2>n1",
         "lose 5% of packets on all links of n1"},
        {"slow links=node nodes=n2 direction=in", 3, 0, "c>n2 n1>n2 n3>n2",
         "on all links of n2, inwards"},
        {"slow links=clients direction=out", 2, 0, "n1>c n2>c",
         "between clients and nodes, outwards"},
        {"packet clog=yes from=n1 to=n2", 3, 0, "n1>n2", "clog from n1 to n2"},
        {"packet reset=all links=between from=n1 to=n2,clients", 3, 0,
         "c>n1 n1>c n1>n2 n2>n1",
         "reset all connections between n1 and clients n2"},
        {"packet bytes=64KiB to=n2", 3, 0, "c>n2 n1>n2 n3>n2",
         "nothing after 65536 bytes from all to n2"},
        {"packet loss=5% burst=8 from=leader to=nodes", 3, 2, "n2>n1 n2>n3",
         "lose 5%, 8 in a row from n2 to all nodes"},
        {"packet delay=10ms jitter=5ms rate=1Mbit who=n2", 3, 0,
         "n1>n2 n2>n1 n2>n3 n3>n2",
         "delay 10ms to 15ms, at most 1 Mbit/s between nodes, those of n2"},
        {"packet reset=2% links=clients direction=in who=leader", 3, 3, "c>n3",
         "reset 2% between clients and nodes, inwards, those of n3"},
    };
    return cr_make_param_array(struct link_row, rows,
                               sizeof rows / sizeof *rows);
}

ParameterizedTest(struct link_row *row, plan, links, .init = setup,
                  .fini = teardown)
{
    struct ord_fault_plan plan = plan_of(&arena, row->text, row->node_count, 3);
    struct ord_fault *fault = &plan.faults[0];
    struct ord_err err;

    cr_assert_eq(plan.count, 1);
    cr_expect_eq(fault->needs_primary, row->primary != 0, "%s", row->text);
    if (row->primary != 0) {
        cr_expect_null(fault->links, "chosen when due");
        cr_expect_not_null(strstr(fault->what, "leader"), "%s", fault->what);
    }
    cr_assert_eq(
        ord_fault_resolve(fault, &arena, row->node_count, row->primary, &err),
        ORD_OK);
    cr_expect_str_eq(links_text(&arena, fault), row->links, "%s", row->text);
    cr_expect_not_null(strstr(fault->what, row->what), "%s", fault->what);
}

Test(plan, random_halves_cut_every_pair_across_and_no_other)
{
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct ord_fault_plan plan = plan_of(
            &arena, "partition shape=random-halves clients=cut", 5, seed);
        const struct ord_fault *fault = &plan.faults[0];

        cr_assert_eq(__builtin_popcountll(fault->nodes), 2);
        for (uint32_t a = 0; a <= 5; a++) {
            for (uint32_t b = 0; b <= 5; b++) {
                bool is_cut = a != b && ord_has_node(fault->nodes, a) !=
                                            ord_has_node(fault->nodes, b);
                cr_assert_eq(fault->links->is_set[a][b], is_cut);
            }
        }
    }
}

Test(plan, in_the_ring_each_hears_its_own_bare_majority)
{
    for (uint32_t n = 3; n <= 9; n++) {
        struct ord_fault_plan plan =
            plan_of(&arena, "partition shape=majorities-ring", n, n);
        uint64_t heard[ORD_NODES_MAX + 1] = {0};

        for (uint32_t to = 1; to <= n; to++) {
            for (uint32_t from = 1; from <= n; from++) {
                if (!plan.faults[0].links->is_set[from][to])
                    heard[to] |= ord_one_node(from);
            }
            cr_expect_eq(__builtin_popcountll(heard[to]), (int)(n / 2 + 1),
                         "n%u of %u", to, n);
            for (uint32_t other = 1; other < to; other++)
                cr_expect_neq(heard[other], heard[to]);
        }
    }
}

Test(plan, swizzle_cuts_one_by_one_and_heals_in_another_order)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct ord_fault_plan plan = plan_of(
            &arena, "partition shape=swizzle at=1000 for=2000", 5, seed);
        uint64_t seen = 0;
        bool is_reordered = false;
        int64_t last_cut = 0, first_heal = INT64_MAX;

        cr_assert(plan.count >= 2 && plan.count <= 5);
        for (uint32_t i = 0; i < plan.count; i++) {
            const struct ord_fault *fault = &plan.faults[i];
            int64_t end = fault->at_ns + fault->duration_ns;

            cr_assert_eq(__builtin_popcountll(fault->nodes), 1);
            cr_assert_eq(seen & fault->nodes, 0, "each once");
            seen |= fault->nodes;
            cr_assert(fault->at_ns >= ORD_S && end <= 3 * ORD_S);
            if (fault->at_ns > last_cut)
                last_cut = fault->at_ns;
            if (end < first_heal)
                first_heal = end;
            for (uint32_t k = 0; k < i; k++) {
                const struct ord_fault *before = &plan.faults[k];

                is_reordered =
                    is_reordered || before->at_ns + before->duration_ns > end;
            }
        }
        cr_expect(last_cut <= first_heal, "all are cut before one is healed");
        cr_expect(is_reordered, "seed %d", (int)seed);
    }
}

Test(plan, a_mixed_swizzle_of_packets_does_one_thing_to_each_node)
{
    uint64_t clogs = 0, losses = 0;

    for (uint64_t seed = 0; seed < 40; seed++) {
        struct ord_fault_plan plan =
            plan_of(&arena,
                    "packet clog=yes loss=5% swizzle=mixed links=all at=10 "
                    "for=900",
                    4, seed);

        cr_assert(plan.count >= 2 && plan.count <= 4);
        for (uint32_t i = 0; i < plan.count; i++) {
            const struct ord_fault *fault = &plan.faults[i];
            bool is_clog = strstr(fault->what, "clog") != NULL;
            uint32_t node = ord_first_node(fault->nodes);

            cr_assert_eq(__builtin_popcountll(fault->nodes), 1);
            cr_assert_neq(is_clog, strstr(fault->what, "lose") != NULL);
            clogs += is_clog;
            losses += !is_clog;
            for (uint32_t a = 0; a <= 4; a++) {
                for (uint32_t b = 0; b <= 4; b++)
                    cr_assert_eq(fault->links->is_set[a][b],
                                 a != b && (a == node || b == node));
            }
        }
    }
    cr_expect(clogs > 20 && losses > 20);
}

Test(plan, rolling_takes_each_node_once_and_one_at_a_time)
{
    struct ord_fault_plan plan =
        plan_of(&arena, "kill who=rolling at=500 for=1500", 3, 9);
    uint64_t seen = 0;

    cr_assert_eq(plan.count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        const struct ord_fault *fault = &plan.faults[i];

        cr_expect_eq(fault->at_ns, (500 + 500 * i) * ORD_MS);
        cr_expect_eq(fault->duration_ns, 250 * ORD_MS);
        cr_expect_eq(__builtin_popcountll(fault->nodes), 1);
        seen |= fault->nodes;
    }
    cr_expect_eq(seen, 7);
}

Test(plan, who_is_as_many_as_it_says)
{
    const struct {
        const char *text;
        int count;
    } rows[] = {{"kill", 1},
                {"kill who=minority", 2},
                {"pause who=majority", 3},
                {"kill who=all", 5},
                {"kill who=n2,n5", 2}};

    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t either = 0;

        for (uint64_t seed = 0; seed < 100; seed++) {
            struct ord_fault_plan plan = plan_of(&arena, rows[i].text, 5, seed);

            cr_assert_eq(__builtin_popcountll(plan.faults[0].nodes),
                         rows[i].count, "%s", rows[i].text);
            either |= plan.faults[0].nodes;
        }
        cr_expect_eq(either, i == 4 ? 18 : 31, "%s: anyone", rows[i].text);
    }
}

struct error_row {
    char text[100];
    uint32_t node_count;
    char want[80];
};

static struct error_row error_rows[] = {
    {"earthquake", 3, "expected one of: partition slow flaky packet kill"},
    {"kill whom=n1", 3, "whom: no such parameter; expected one of: who"},
    {"partition shape=square", 3, "majorities-ring one-way clients swizzle"},
    {"partition shape=isolate-one nodes=n4", 3, "n1 to n3"},
    {"partition shape=isolate-one nodes=n01", 3, "n1 to n3"},
    {"partition shape=isolate-one nodes=", 3, "expected random, leader"},
    {"partition shape=isolate-one nodes=n1,n2,n3", 3, "not all"},
    {"partition shape=bridge", 2, "3 nodes or more"},
    {"partition shape=bridge nodes=n1,n2", 4, "expected one"},
    {"partition shape=bridge clients=cut", 3, "no side"},
    {"partition shape=halves nodes=leader", 3, "expected names"},
    {"partition shape=random-halves nodes=n1", 3, "not with shape"},
    {"partition shape=isolate-one direction=in", 3, "one-way"},
    {"partition shape=swizzle", 3, "needs `for`"},
    {"partition", 1, "2 nodes or more"},
    {"partition clients=maybe", 3, "expected one of: keep cut"},
    {"slow delay=5", 3, "delay"},
    {"slow delay=0ms", 3, "above zero"},
    {"slow delay=2m", 3, "at most 60s"},
    {"slow nodes=n1", 3, "expected only with links"},
    {"slow links=leader-follower nodes=leader", 3, "follower's name"},
    {"slow links=some", 3, "leader-followers"},
    {"flaky", 3, "at least one of: loss"},
    {"flaky loss=101%", 3, "0% to 100%"},
    {"flaky loss=-1", 3, "0% to 100%"},
    {"flaky loss=nan", 3, "0% to 100%"},
    {"flaky rate=fast", 3, "as 10Mbit"},
    {"flaky rate=10", 3, "as 10Mbit"},
    {"packet", 3, "at least one of: delay jitter loss"},
    {"packet bytes=0 clog=no reset=0", 3, "at least one of"},
    {"packet loss=5% burst=2000", 3, "up to 1000"},
    {"packet burst=5 delay=1ms", 3, "only with loss"},
    {"packet bytes=64kb", 3, "as 1500 or 64KiB"},
    {"packet bytes=-5", 3, "as 1500 or 64KiB"},
    {"packet reset=some", 3, "expected all, or a probability"},
    {"packet clog=maybe", 3, "expected one of: no yes"},
    {"packet clog=yes swizzle=yes", 3, "needs `for`"},
    {"packet clog=yes swizzle=yes who=n1 for=5", 3, "one of the two"},
    {"packet clog=yes links=node who=n1", 3, "not with swizzle or who"},
    {"packet clog=yes from=n4", 3, "n1 to n3"},
    {"packet clog=yes from=n1 to=n1", 3, "two that differ"},
    {"packet clog=yes links=nodes from=n1", 3, "from-to or between"},
    {"packet clog=yes direction=in", 3, "links: node or clients"},
    {"packet reorder=5% reorder-by=0ms", 3, "above zero"},
    {"clock by=0s", 3, "1ms or more"},
    {"clock by=1us", 3, "1ms or more"},
    {"clock kind=drift by=3s", 3, "by: kind drift has none"},
    {"clock kind=jump rate=5%", 3, "rate: kind jump has none"},
    {"clock kind=step period=10ms", 3, "period: kind step has none"},
    {"disk kind=eio probability=0%", 3, "more than 0%"},
    {"disk kind=slow delay=0ms", 3, "more than nothing"},
    {"clock kind=drift rate=0%", 3, "not 0%"},
    {"clock kind=drift rate=+-95%", 3, "-90% to 1000%"},
    {"clock kind=strobe period=1us", 3, "expected 1ms to 24h"},
    {"clock each=other", 3, "expected one of: same different"},
    {"member kind=add", 3, "no spare node"},
    {"member kind=move", 3, "expected one of: remove replace add"},
    {"member who=n4", 3, "n1 to n3"},
    {"member", 1, "2 members or more"},
    {"kill who=everybody", 3, "expected one, minority"},
    {"kill who=minority", 2, "3 nodes"},
    {"kill who=rolling", 3, "needs `for`"},
    {"kill every=100-200", 3, "needs `for`"},
    {"kill every=100-200 at=1 for=1", 3, "one of the two"},
    {"kill on=leader at=1 for=1", 3, "no at or every"},
    {"kill every=200-100 for=1", 3, "the lower first"},
    {"kill at=1 for=1 wait=5", 3, "only with `on`"},
    {"kill at=10000 for=1", 3, "10000ms of the run"},
};

ParameterizedTestParameters(plan, errors)
{
    return cr_make_param_array(struct error_row, error_rows,
                               sizeof error_rows / sizeof *error_rows);
}

ParameterizedTest(struct error_row *row, plan, errors, .init = setup,
                  .fini = teardown)
{
    const char *got = plan_error(&arena, row->text, row->node_count);

    cr_expect_not_null(strstr(got, row->want), "%s: %s", row->text, got);
}

Test(plan, too_many_faults_is_an_error)
{
    struct ord_nemesis_entry entry = entry_of(&arena, "kill every=0-1 for=0-1");
    struct ord_plan_in in = {
        .arena = &arena, .seed = 5, .node_count = 3, .time_ns = 100 * ORD_S};
    struct ord_fault_plan plan;
    struct ord_err err;

    cr_expect_eq(ord_fault_plan(&entry, 1, &in, &plan, NULL, &err), ORD_ELIMIT);
}

Test(plan, a_fault_survives_json)
{
    for (uint32_t i = 0; i < KINDS; i++) {
        struct ord_fault_plan plan = plan_of(&arena, every_kind[i], 5, 77);

        for (uint32_t k = 0; k < plan.count; k++) {
            struct ord_buf text, again;
            struct ord_fault back;
            struct ord_err err;

            ord_buf_init(&text, 1 << 20);
            ord_buf_init(&again, 1 << 20);
            ord_fault_to_json(&plan.faults[k], &text);
            cr_assert_eq(
                ord_fault_from_json(ord_buf_bytes(&text), &arena, &back, &err),
                ORD_OK, "%s: %s", err.text, ord_buf_str(&text));
            ord_fault_to_json(&back, &again);
            cr_expect_str_eq(ord_buf_str(&text), ord_buf_str(&again));
            cr_expect_eq(back.seed, plan.faults[k].seed);
            ord_buf_fini(&text);
            ord_buf_fini(&again);
        }
    }
}

Test(plan, cut_or_damaged_json_is_refused_and_never_crashes)
{
    struct ord_fault_plan plan =
        plan_of(&arena, "partition shape=halves", 3, 1);
    struct ord_buf text;
    struct ord_rng rng = ord_rng_stream(3, "damage", 0);

    ord_buf_init(&text, 1 << 20);
    ord_fault_to_json(&plan.faults[0], &text);
    for (size_t size = 0; size < text.size; size++) {
        struct ord_fault back;
        struct ord_err err;

        cr_assert_eq(ord_fault_from_json((struct ord_bytes){text.at, size},
                                         &arena, &back, &err),
                     ORD_EFORMAT, "cut at %zu", size);
    }
    for (uint32_t i = 0; i < 3000; i++) {
        char *copy = ord_arena_copy(&arena, ord_buf_bytes(&text));
        struct ord_fault back;
        struct ord_err err;

        copy[ord_rng_below(&rng, text.size)] = (char)ord_rng_next(&rng);
        (void)ord_fault_from_json((struct ord_bytes){copy, text.size}, &arena,
                                  &back, &err);
    }
    ord_buf_fini(&text);
}

Test(plan, parameters_of_process_belong_to_their_kinds)
{
    static const struct {
        const char *text;
        const char *words;
    } rows[] = {
        {"process kind=nap", "expected one of: stop storm throttle limit"},
        {"process within=0ms", "within: 0ms: expected 1ms to 60s"},
        {"process times=4", "times: expected only with kind: storm"},
        {"process kind=storm times=0 for=9", "expected 1 to 100"},
        {"process kind=storm", "there is no `for`"},
        {"process kind=storm interval=50ms times=4 for=100", "do not fit"},
        {"process kind=throttle share=100%", "expected 1% to 99%"},
        {"process kind=throttle period=11s", "expected 1ms to 10s"},
        {"process kind=limit", "one of descriptors, file_size"},
        {"process kind=limit descriptors=-1", "expected 0 to 1048576"},
        {"process kind=limit memory=much", "memory: much"},
        {"process share=5%", "share: expected only with kind: throttle"},
        {"kill who=that-node", "that has a node: log, op or"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *got = plan_error(&arena, rows[i].text, 3);

        cr_expect_not_null(strstr(got, rows[i].words), "%s: %s", rows[i].text,
                           got);
    }
}
