#include "support_nemesis.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/clock.h"
#include "nemesis/params.h"

static void read_range(const char *text, int64_t *low_ns, int64_t *high_ns)
{
    int64_t low = 0, high = 0;
    int got = sscanf(text, "%" SCNd64 "-%" SCNd64, &low, &high);

    cr_assert(got >= 1, "%s", text);
    *low_ns = low * ORD_MS;
    *high_ns = (got == 2 ? high : low) * ORD_MS;
}

static void read_word(struct ord_arena *arena, const char *word,
                      struct ord_nemesis_entry *entry,
                      struct ord_fault_param *params)
{
    const char *equals = strchr(word, '=');
    struct ord_bytes name = {word,
                             equals == NULL ? 0 : (size_t)(equals - word)};
    int64_t unused;

    if (equals == NULL)
        entry->fault = word;
    else if (ord_bytes_is(name, "at"))
        read_range(equals + 1, &entry->at_ns[entry->at_count++], &unused);
    else if (ord_bytes_is(name, "for"))
        read_range(equals + 1, &entry->for_low_ns, &entry->for_high_ns);
    else if (ord_bytes_is(name, "every"))
        read_range(equals + 1, &entry->every_low_ns, &entry->every_high_ns);
    else if (ord_bytes_is(name, "wait"))
        read_range(equals + 1, &entry->delay_ns, &unused);
    else if (strcmp(word, "on=leader") == 0)
        entry->trigger = ORD_ON_LEADER_CHANGE;
    else if (sscanf(word, "on=ops:%" SCNu64, &entry->ops_count) == 1)
        entry->trigger = ORD_ON_OPS;
    else if (strncmp(word, "on=log:", 7) == 0)
        entry->trigger = ORD_ON_LOG, entry->on = word + 7;
    else if (strncmp(word, "on=op:", 6) == 0)
        entry->trigger = ORD_ON_OP, entry->on = word + 6;
    else if (ord_bytes_is(name, "cool"))
        read_range(equals + 1, &entry->cooldown_ns, &unused);
    else
        params[entry->param_count++] =
            (struct ord_fault_param){ord_arena_copy(arena, name), equals + 1};
}

struct ord_nemesis_entry entry_of(struct ord_arena *arena, const char *text)
{
    struct ord_fault_param *params =
        ord_arena_zalloc(arena, ORD_FAULT_PARAMS_MAX, sizeof *params);
    struct ord_nemesis_entry entry = {.params = params, .line = 7};

    while (*text != '\0') {
        size_t size = strcspn(text, " ");
        struct ord_bytes word = {text, size};

        if (size > 0)
            read_word(arena, ord_arena_copy(arena, word), &entry, params);
        text += size + (text[size] == ' ');
    }
    return entry;
}

struct ord_fault_plan plan_of(struct ord_arena *arena, const char *text,
                              uint32_t node_count, uint64_t seed)
{
    struct ord_nemesis_entry *entry = ord_arena_alloc(arena, sizeof *entry);
    struct ord_plan_in in = {.arena = arena,
                             .seed = seed,
                             .node_count = node_count,
                             .time_ns = 10 * ORD_S};
    struct ord_fault_plan plan;
    struct ord_err err;

    *entry = entry_of(arena, text);
    cr_assert_eq(ord_fault_plan(entry, 1, &in, &plan, NULL, &err), ORD_OK,
                 "%s: %s", text, err.text);
    return plan;
}

const char *plan_error(struct ord_arena *arena, const char *text,
                       uint32_t node_count)
{
    struct ord_nemesis_entry entries[2] = {entry_of(arena, "pause"),
                                           entry_of(arena, text)};
    struct ord_plan_in in = {.arena = arena,
                             .seed = 1,
                             .node_count = node_count,
                             .time_ns = 10 * ORD_S};
    struct ord_fault_plan plan;
    uint32_t bad = 9;
    struct ord_err err;

    if (ord_fault_plan(entries, 2, &in, &plan, &bad, &err) == ORD_OK)
        return "";
    cr_expect_eq(err.rc, ORD_EUSAGE, "%s: %s", text, err.text);
    cr_expect_eq(bad, 1, "%s", text);
    return ord_arena_strdup(arena, err.text);
}

const char *links_text(struct ord_arena *arena, const struct ord_fault *fault)
{
    struct ord_buf text;
    const char *copy;

    ord_buf_init(&text, 1 << 20);
    for (uint32_t from = 0; from < ORD_PORTS_MAX; from++) {
        for (uint32_t to = 0; to < ORD_PORTS_MAX; to++) {
            if (!fault->links->is_set[from][to])
                continue;
            ord_buf_text(&text, text.size > 0 ? " " : "");
            if (from == 0)
                ord_buf_printf(&text, "c>n%u", to);
            else if (to == 0)
                ord_buf_printf(&text, "n%u>c", from);
            else
                ord_buf_printf(&text, "n%u>n%u", from, to);
        }
    }
    copy = ord_arena_strdup(arena, ord_buf_str(&text));
    ord_buf_fini(&text);
    return copy;
}

const char *nodes_text(struct ord_arena *arena, uint64_t nodes)
{
    struct ord_buf text;
    const char *copy;

    ord_buf_init(&text, 1024);
    ord_print_nodes(nodes, &text);
    copy = ord_arena_strdup(arena, ord_buf_str(&text));
    ord_buf_fini(&text);
    return copy;
}

/* ---- the cluster that pretends ------------------------------------------- */

static struct fake *fake_of(struct ord_nemesis_env *env)
{
    return env->ctx;
}

static void say(struct fake *fake, const char *what, uint64_t nodes)
{
    ord_buf_printf(&fake->said, "%s ", what);
    ord_print_nodes(nodes, &fake->said);
    ord_buf_text(&fake->said, "; ");
}

static int fake_kill(struct ord_nemesis_env *env, uint64_t nodes,
                     struct ord_err *err)
{
    struct fake *fake = fake_of(env);

    say(fake, "kill", nodes);
    if (fake->fail_kill)
        return ord_fail(err, ORD_ETIMEOUT, "it will not die");
    fake->running &= ~nodes;
    fake->paused &= ~nodes;
    return ORD_OK;
}

static int fake_pause(struct ord_nemesis_env *env, uint64_t nodes,
                      struct ord_err *err)
{
    struct fake *fake = fake_of(env);

    say(fake, "pause", nodes);
    if (fake->fail_pause)
        return ord_fail(err, ORD_ETIMEOUT, "it will not stop");
    fake->paused |= nodes & fake->running;
    fake->running &= ~nodes;
    return ORD_OK;
}

static int fake_resume(struct ord_nemesis_env *env, uint64_t nodes,
                       struct ord_err *err)
{
    struct fake *fake = fake_of(env);

    say(fake, "resume", nodes);
    if (fake->fail_resume)
        return ord_fail(err, ORD_EIO, "it will not go on");
    fake->running |= nodes & fake->paused;
    fake->paused &= ~nodes;
    return ORD_OK;
}

static uint64_t fake_running(struct ord_nemesis_env *env)
{
    return fake_of(env)->running;
}

static uint64_t fake_paused(struct ord_nemesis_env *env)
{
    return fake_of(env)->paused;
}

static bool fake_all_stopped(struct ord_nemesis_env *env, uint64_t nodes)
{
    return (fake_of(env)->paused & nodes) == nodes;
}

static int fake_start(void *ctx, uint32_t node, struct ord_err *err)
{
    struct fake *fake = ctx;

    say(fake, "start", ord_one_node(node));
    if (ord_has_node(fake->fail_start, node))
        return ord_fail(err, ORD_ENOTFOUND, "no such program");
    fake->running |= ord_one_node(node);
    return ORD_OK;
}

void fake_init(struct fake *fake, uint32_t node_count)
{
    static const struct ord_node_actions actions = {
        .kill = fake_kill,
        .pause = fake_pause,
        .resume = fake_resume,
        .running = fake_running,
        .paused = fake_paused,
        .all_stopped = fake_all_stopped,
    };

    *fake = (struct fake){.running = ord_all_nodes(node_count)};
    ord_nemesis_env_init(&fake->env, node_count);
    fake->env.nodes = &actions;
    fake->env.start_node = fake_start;
    fake->env.ctx = fake;
    ord_buf_init(&fake->said, 1 << 20);
}

void fake_fini(struct fake *fake)
{
    ord_buf_fini(&fake->said);
}

const char *fake_said(struct ord_arena *arena, struct fake *fake)
{
    const char *copy = ord_arena_strdup(arena, ord_buf_str(&fake->said));

    ord_buf_clear(&fake->said);
    return copy;
}
