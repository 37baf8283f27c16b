/* support_model.c -- see support_model.h. */
#include "support_model.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "histories/calls.h"

enum { PROCESSES_MAX = 5, CALLS_MAX = 8, TABLE_BYTES = 64 << 20 };

/* ---- values as atoms of one history ---------------------------------------
 */

static struct ord_value text_value(struct ord_arena *arena, const char *text)
{
    char *copy = ord_arena_strdup(arena, text);

    return (struct ord_value){.kind = ORD_TEXT,
                              .count = (uint32_t)strlen(text),
                              .as = {.text = copy}};
}

static struct ord_value list_value(struct ord_arena *arena, int mask)
{
    struct ord_value list = ord_value_list(NULL, 0);

    for (int i = 0; i < 6; i++) {
        struct ord_value item = ord_value_int(i + 1);

        if ((mask >> i & 1) != 0)
            cr_assert(ord_value_push(arena, &list, &item));
    }
    return list;
}

static struct ord_value letters_value(struct ord_arena *arena, int bits)
{
    char text[16];
    int size = 31 - __builtin_clz((unsigned)bits);

    for (int i = 0; i < size; i++)
        text[i] = (bits >> (size - 1 - i) & 1) != 0 ? 'b' : 'a';
    text[size] = '\0';
    return text_value(arena, text);
}

static struct ord_value txn_value(struct ord_arena *arena, int bits)
{
    struct ord_value list = ord_value_list(NULL, 0);
    int size = (31 - __builtin_clz((unsigned)bits)) / 4;

    for (int i = 0; i < size; i++) {
        int micro = bits >> (4 * (size - 1 - i)) & 15;
        struct ord_value item = ord_value_list(NULL, 0);
        struct ord_value parts[3] = {
            text_value(arena, (micro & 8) != 0 ? "w" : "r"),
            text_value(arena, (micro & 4) != 0 ? "y" : "x"),
            (micro & 3) == 0 ? ord_value_nil() : ord_value_int(micro & 3)};

        for (int k = 0; k < 3; k++)
            cr_assert(ord_value_push(arena, &item, &parts[k]));
        cr_assert(ord_value_push(arena, &list, &item));
    }
    return list;
}

static struct ord_value value_of(struct ord_arena *arena, int code)
{
    if (code >= TINY_TXN + 1)
        return txn_value(arena, code - TINY_TXN);
    if (code >= TINY_TEXT + 1 && code < TINY_TXN)
        return letters_value(arena, code - TINY_TEXT);
    if (code >= TINY_LIST && code < TINY_LIST + 64)
        return list_value(arena, code - TINY_LIST);
    if (code == TINY_TRUE || code == TINY_FALSE)
        return (struct ord_value){.kind = ORD_BOOL,
                                  .as = {.number = code == TINY_TRUE}};
    return code == 0 ? ord_value_nil() : ord_value_int(code);
}

struct table {
    struct ord_arena arena;
    struct ord_history *history;
    struct ord_calls calls;
};

static void table_init(struct table *table)
{
    struct ord_history_builder *builder = NULL;
    struct ord_err err = {0};

    ord_arena_init(&table->arena, TABLE_BYTES);
    cr_assert_eq(ord_history_builder_new(TABLE_BYTES, &builder, &err), ORD_OK);
    for (int code = 0; code < TINY_VALUES; code++) {
        struct ord_op op = ord_op_empty();

        op.process = code;
        op.f = ORD_F_WRITE;
        op.name = "write";
        op.type = ORD_OP_INVOKE;
        op.time_ns = code;
        op.value = value_of(&table->arena, code);
        cr_assert_eq(ord_history_add(builder, &op, &err), ORD_OK, "%s",
                     err.text);
    }
    cr_assert_eq(ord_history_finish(&builder, true, &table->history, &err),
                 ORD_OK, "%s", err.text);
    cr_assert_eq(
        ord_calls_build(table->history, 0, &table->arena, &table->calls, &err),
        ORD_OK, "%s", err.text);
    cr_assert_eq(table->calls.count, TINY_VALUES);
}

/* ---- the judge ------------------------------------------------------------
 */

static bool try_all(const struct tiny_rules *rules, const struct tiny *tiny,
                    uint32_t left, const struct tiny_state *state)
{
    uint32_t first_end = UINT32_MAX;
    bool owes = false;

    for (uint32_t i = 0; i < tiny->count; i++) {
        if ((left >> i & 1) != 0 && tiny->calls[i].end != ORD_CALL_NEVER) {
            owes = true;
            if (tiny->calls[i].end < first_end)
                first_end = tiny->calls[i].end;
        }
    }
    if (!owes)
        return true;
    for (uint32_t i = 0; i < tiny->count; i++) {
        const struct tiny_call *call = &tiny->calls[i];
        bool is_twin = false;

        if ((left >> i & 1) == 0 || call->begin > first_end)
            continue;
        /* Of optional calls that are alike in everything, the first. */
        for (uint32_t k = 0; k < i && !is_twin; k++)
            is_twin = (left >> k & 1) != 0 &&
                      memcmp(&tiny->calls[k], call, sizeof *call) == 0;
        for (int alt = 0; !is_twin; alt++) {
            struct tiny_state next = *state;

            if (!rules->step(&next, call, alt))
                break;
            if (call->end == ORD_CALL_NEVER &&
                memcmp(&next, state, sizeof next) == 0)
                continue;
            if (try_all(rules, tiny, left & ~(UINT32_C(1) << i), &next))
                return true;
        }
    }
    return false;
}

bool tiny_is_linearizable(const struct tiny_rules *rules,
                          const struct tiny *tiny)
{
    struct tiny_state start = {0};
    uint32_t left = 0;

    for (uint32_t i = 0; i < tiny->count; i++) {
        const struct tiny_call *call = &tiny->calls[i];

        if (call->type != ORD_OP_FAIL &&
            !(rules->looks(call) &&
              (call->end == ORD_CALL_NEVER || call->out == TINY_NONE)))
            left |= UINT32_C(1) << i;
    }
    return try_all(rules, tiny, left, &start);
}

/* ---- making histories up ---------------------------------------------------
 */

struct moment {
    uint32_t at;
    uint32_t what; /* call * 3 + 0 begin, 1 it happens, 2 end */
};

static int compare_moments(const void *a, const void *b)
{
    const struct moment *x = a;
    const struct moment *y = b;

    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    if (x->what % 3 != y->what % 3)
        return x->what % 3 < y->what % 3 ? -1 : 1;
    return x->what < y->what ? -1 : 1;
}

static uint32_t below(struct ord_rng *rng, uint32_t bound)
{
    return (uint32_t)ord_rng_below(rng, bound);
}

static void draw(struct tiny *tiny, const struct tiny_rules *rules,
                 struct ord_rng *rng, int values)
{
    uint32_t free_at[PROCESSES_MAX] = {0};
    uint8_t name[PROCESSES_MAX] = {0, 1, 2, 3, 4};
    uint8_t names = PROCESSES_MAX;
    uint32_t processes = 1 + below(rng, PROCESSES_MAX);
    uint32_t long_max = 2 + below(rng, 12);
    uint32_t crash = below(rng, 3) == 0 ? 0 : below(rng, 40);
    bool is_unique = below(rng, 2) == 0;
    struct moment moments[3 * TINY_MAX];
    struct tiny_state state = {0};
    uint32_t count = 0;
    uint32_t places = 0;

    tiny->count = 2 + below(rng, CALLS_MAX - 1);
    for (uint32_t i = 0; i < tiny->count; i++) {
        struct tiny_call *call = &tiny->calls[i];
        uint32_t p = below(rng, processes);
        uint32_t begin = free_at[p] + below(rng, 4);
        uint32_t end = begin + 1 + below(rng, long_max);
        uint32_t at = begin + below(rng, end - begin + 1);

        memset(call, 0, sizeof *call);
        call->process = name[p];
        rules->ask(rng, call, (int)i + 1, is_unique ? 0 : values);
        call->type = below(rng, 100) < crash ? ORD_OP_INFO : ORD_OP_OK;
        free_at[p] = end + 1;
        if (call->type == ORD_OP_INFO) {
            name[p] = names++;
            call->never = below(rng, 4) == 0;
            at = below(rng, 2) == 0 ? at : begin + below(rng, 60);
        } else if (below(rng, 30) == 0) {
            call->type = ORD_OP_FAIL;
            call->never = true;
        }
        moments[count++] = (struct moment){begin, i * 3};
        moments[count++] = (struct moment){at, i * 3 + 1};
        moments[count++] = (struct moment){end, i * 3 + 2};
    }
    qsort(moments, count, sizeof *moments, compare_moments);
    for (uint32_t m = 0; m < count; m++) {
        struct tiny_call *call = &tiny->calls[moments[m].what / 3];

        if (moments[m].what % 3 == 0)
            call->begin = places++;
        else if (moments[m].what % 3 == 2)
            call->end = places++;
        else if (!call->never)
            rules->act(&state, call);
    }
    tiny->event_count = places;
}

static int compare_calls(const void *a, const void *b)
{
    const struct tiny_call *x = a;
    const struct tiny_call *y = b;

    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* Forgets what nobody heard, and spoils every second history. */
static void finish(struct tiny *tiny, const struct tiny_rules *rules,
                   struct ord_rng *rng, int values)
{
    uint32_t changes = below(rng, 2) == 0 ? 0 : 1 + below(rng, 2);
    bool is_relaxed = below(rng, 4) == 0;

    for (uint32_t i = 0; i < changes; i++) {
        struct tiny_call *call = &tiny->calls[below(rng, tiny->count)];

        if (call->type == ORD_OP_OK)
            rules->change(rng, call, values);
        else if (call->type == ORD_OP_INFO && below(rng, 2) == 0)
            call->type = ORD_OP_OK;
    }
    for (uint32_t i = 0; i < tiny->count; i++) {
        struct tiny_call *call = &tiny->calls[i];

        if (call->type != ORD_OP_OK) {
            call->end = ORD_CALL_NEVER;
            call->out = TINY_NONE;
        } else if (is_relaxed && below(rng, 4) == 0) {
            /* As the minimiser does. */
            switch (below(rng, 3)) {
            case 0:
                call->type = ORD_OP_INFO;
                call->end = ORD_CALL_NEVER;
                break;
            case 1:
                call->end = tiny->event_count;
                break;
            default:
                call->begin = 0;
                break;
            }
        }
        call->never = false;
    }
    qsort(tiny->calls, tiny->count, sizeof *tiny->calls, compare_calls);
}

/* ---- engines ----------------------------------------------------------------
 */

struct question {
    struct ord_lin lin;
    struct ord_arena arena;
    uint64_t steps;
    uint32_t begin[TINY_MAX];
    uint32_t end[TINY_MAX];
    uint32_t in[TINY_MAX];
    uint32_t out[TINY_MAX];
    uint32_t process[TINY_MAX];
    uint8_t f[TINY_MAX];
    uint8_t type[TINY_MAX];
    uint32_t atom_of[2 * TINY_MAX + 1];
    uint32_t atom_count;
};

static uint32_t dense(struct question *q, const struct ord_calls *calls,
                      int code)
{
    uint32_t atom = 0;

    if (code == TINY_NONE)
        return ORD_ATOM_NONE;
    atom = calls->in[code];
    for (uint32_t i = 0; i < q->atom_count; i++) {
        if (q->atom_of[i] == atom)
            return i;
    }
    q->atom_of[q->atom_count] = atom;
    return q->atom_count++;
}

static void question_init(struct question *q, const struct tiny *tiny,
                          const struct ord_calls *calls)
{
    q->steps = 10000000;
    q->atom_of[0] = 0;
    q->atom_count = 1;
    for (uint32_t i = 0; i < tiny->count; i++) {
        const struct tiny_call *call = &tiny->calls[i];

        q->begin[i] = call->begin;
        q->end[i] = call->end;
        q->f[i] = call->f;
        q->type[i] = call->type;
        q->process[i] = call->process;
        q->in[i] = dense(q, calls, call->in);
        q->out[i] = dense(q, calls, call->out);
    }
    q->lin = (struct ord_lin){.count = tiny->count,
                              .event_count = tiny->event_count,
                              .begin = q->begin,
                              .end = q->end,
                              .in = q->in,
                              .out = q->out,
                              .f = q->f,
                              .type = q->type,
                              .process = q->process,
                              .atom_count = q->atom_count,
                              .calls = calls,
                              .atom_of = q->atom_of,
                              .arena = &q->arena,
                              .steps_left = &q->steps,
                              .wants_order = true,
                              .outcome = ORD_UNKNOWN};
}

static void print(const struct tiny *tiny)
{
    for (uint32_t i = 0; i < tiny->count; i++) {
        const struct tiny_call *call = &tiny->calls[i];

        (void)fprintf(stderr, "%2u [%u %d] p%u %s %s %d -> %d\n", i,
                      call->begin, (int)call->end, call->process,
                      ord_op_type_name(call->type), ord_f_name(call->f),
                      call->in, call->out);
    }
}

/* NULL, or what is wrong with the order. */
static const char *replay(const struct tiny_rules *rules,
                          const struct tiny *tiny, const struct ord_lin *lin)
{
    struct tiny_state states[64] = {{0}}; /* all that it may be in */
    uint32_t state_count = 1;
    uint32_t seen = 0;
    uint32_t newest = 0;

    for (uint32_t i = 0; i < lin->order_count; i++) {
        const struct tiny_call *call = &tiny->calls[lin->order[i]];
        struct tiny_state next[64];
        uint32_t next_count = 0;

        if ((seen >> lin->order[i] & 1) != 0 || call->type == ORD_OP_FAIL)
            return "twice, or failed";
        seen |= UINT32_C(1) << lin->order[i];
        newest = call->begin > newest ? call->begin : newest;
        if (call->end < newest)
            return "not in real time";
        for (uint32_t s = 0; s < state_count; s++) {
            for (int alt = 0; next_count < 64; alt++) {
                next[next_count] = states[s];
                if (!rules->step(&next[next_count], call, alt))
                    break;
                next_count++;
            }
        }
        if (next_count == 0)
            return "an answer does not fit";
        memcpy(states, next, sizeof states);
        state_count = next_count;
    }
    for (uint32_t i = 0; i < tiny->count; i++) {
        if ((seen >> i & 1) == 0 && tiny->calls[i].end != ORD_CALL_NEVER &&
            tiny->calls[i].type != ORD_OP_FAIL &&
            !(rules->looks(&tiny->calls[i]) && tiny->calls[i].out == TINY_NONE))
            return "a call is missing";
    }
    return NULL;
}

static int element_of(const struct tiny_call *call)
{
    bool takes = call->f == ORD_F_DEQUEUE || call->f == ORD_F_POP;

    return takes && call->out != TINY_NONE ? call->out : call->in;
}

/* A call outside the core: is that allowed?  Adds what it may still do. */
static const char *leave_out(const struct tiny_rules *rules,
                             const struct tiny *tiny, uint32_t i,
                             const uint8_t *in_core, struct tiny *relaxed)
{
    struct tiny_call call = tiny->calls[i];
    int times = rules->core_rule == 0 ? 0 : 2;
    bool takes = call.f == ORD_F_DEQUEUE || call.f == ORD_F_POP;
    bool is_any = takes && call.out == TINY_NONE && call.in == TINY_NIL;

    if (rules->looks(&call) || call.type == ORD_OP_FAIL)
        return NULL;
    if (rules->core_rule == 0)
        return "a call is not in the core";
    if (rules->core_rule == 1 && !is_any) {
        for (uint32_t k = 0; k < tiny->count; k++) {
            if (in_core[k] != 0 &&
                element_of(&tiny->calls[k]) == element_of(&call))
                return "only some calls of an element are in the core";
        }
        return NULL;
    }
    call.begin = 0;
    call.end = ORD_CALL_NEVER;
    call.type = ORD_OP_INFO;
    for (int k = 0; k < times && relaxed->count < TINY_MAX; k++)
        relaxed->calls[relaxed->count++] = call;
    return NULL;
}

static const char *judge_core(const struct tiny_rules *rules,
                              const struct tiny *tiny,
                              const struct ord_lin *lin)
{
    struct tiny relaxed = {.event_count = tiny->event_count};
    uint8_t in_core[TINY_MAX] = {0};
    uint32_t last_end = 0;
    bool has_must = false;

    if (lin->core == NULL)
        return NULL;
    for (uint32_t i = 0; i < lin->core_count; i++) {
        const struct ord_lin_part *part = &lin->core[i];
        struct tiny_call call = tiny->calls[part->call];

        if (i > 0 && part->call <= lin->core[i - 1].call)
            return "the core is not ordered";
        if ((part->keep & ORD_KEEP_END) != 0 && call.end == ORD_CALL_NEVER)
            return "an end that never was";
        if ((part->keep & ORD_KEEP_MUST) != 0 && call.end == ORD_CALL_NEVER)
            return "an unfinished call that must have happened";
        in_core[part->call] = 1;
        if ((part->keep & ORD_KEEP_BEGIN) == 0)
            call.begin = 0;
        if ((part->keep & ORD_KEEP_END) != 0)
            last_end = call.end > last_end ? call.end : last_end;
        else if ((part->keep & ORD_KEEP_MUST) != 0)
            call.end = tiny->event_count;
        else {
            call.end = ORD_CALL_NEVER;
            call.type = ORD_OP_INFO;
        }
        has_must |=
            (part->keep & (ORD_KEEP_MUST | ORD_KEEP_END)) == ORD_KEEP_MUST;
        relaxed.calls[relaxed.count++] = call;
    }
    for (uint32_t i = 0; i < tiny->count; i++) {
        const char *wrong = NULL;

        if (in_core[i] != 0 || (!has_must && tiny->calls[i].begin > last_end))
            continue;
        wrong = leave_out(rules, tiny, i, in_core, &relaxed);
        if (wrong != NULL)
            return wrong;
    }
    return tiny_is_linearizable(rules, &relaxed) ? "the core proves nothing"
                                                 : NULL;
}

struct counts {
    uint64_t valid;
    uint64_t invalid;
    uint64_t fast;
};

static bool compare(const struct tiny_rules *rules, const struct tiny *tiny,
                    struct question *q, bool is_fast, bool want)
{
    const struct ord_model *model = ord_model_find(rules->model);
    ord_lin_engine *engine = is_fast ? model->fast : model->exact;
    struct ord_err err = {0};
    const char *wrong = NULL;

    if (engine == NULL)
        return false;
    cr_assert_eq(engine(&q->lin, &err), ORD_OK, "%s", err.text);
    if (is_fast && q->lin.is_declined)
        return false;
    if (q->lin.outcome != (want ? ORD_VALID : ORD_INVALID))
        wrong = "another verdict";
    else
        wrong = want ? replay(rules, tiny, &q->lin)
                     : judge_core(rules, tiny, &q->lin);
    if (wrong != NULL) {
        print(tiny);
        for (uint32_t i = 0; i < q->lin.order_count; i++)
            (void)fprintf(stderr, "%u ", q->lin.order[i]);
        for (uint32_t i = 0; i < q->lin.core_count; i++)
            (void)fprintf(stderr, "%u:%u ", q->lin.core[i].call,
                          q->lin.core[i].keep);
        cr_assert_fail("%s by %s: %s (%s; is %d, want %d)", rules->model,
                       is_fast ? "fast" : "exact", wrong, q->lin.why,
                       q->lin.outcome, want ? ORD_VALID : ORD_INVALID);
    }
    return true;
}

static uint64_t number_of(const char *name, uint64_t usual)
{
    const char *text = getenv(name);

    return text == NULL ? usual : strtoull(text, NULL, 10);
}

void tiny_compare(const struct tiny_rules *rules, uint64_t usual)
{
    uint64_t count = number_of("ORD_BRUTE_COUNT", usual);
    uint64_t seed = number_of("ORD_BRUTE_SEED", 1);
    struct counts counts = {0};
    struct table table;
    static struct question q; /* too large for the stack; one thread */

    table_init(&table);
    ord_arena_init(&q.arena, 64 << 20);
    for (uint64_t i = 0; i < count; i++) {
        struct ord_rng rng = ord_rng_stream(seed, rules->model, i);
        int values = 1 + (int)below(&rng, 3);
        struct tiny tiny = {.count = 0};
        bool want = false;

        draw(&tiny, rules, &rng, values);
        finish(&tiny, rules, &rng, values);
        want = tiny_is_linearizable(rules, &tiny);
        counts.valid += want;
        counts.invalid += !want;
        for (int is_fast = 0; is_fast < 2; is_fast++) {
            bool is_done = false;

            ord_arena_reset(&q.arena);
            question_init(&q, &tiny, &table.calls);
            is_done = compare(rules, &tiny, &q, is_fast != 0, want);
            counts.fast += is_fast != 0 && is_done;
        }
    }
    if (getenv("ORD_TEST_LOUD") != NULL)
        (void)fprintf(stderr, "%s: %llu valid, %llu invalid, fast %llu\n",
                      rules->model, (unsigned long long)counts.valid,
                      (unsigned long long)counts.invalid,
                      (unsigned long long)counts.fast);
    cr_assert(count < 1000 ||
              (counts.valid > count / 10 && counts.invalid > count / 10));
    ord_arena_fini(&q.arena);
    ord_arena_fini(&table.arena);
    ord_history_free(&table.history);
}

/* ---- tables
 * ------------------------------------------------------------------ */

static void decide_row(const char *name, const struct model_row *row,
                       bool is_fast)
{
    const struct ord_model *model = ord_model_find(name);
    ord_lin_engine *engine = is_fast ? model->fast : model->exact;
    struct ord_history *history = NULL;
    struct ord_err err = {0};
    struct ord_calls calls;
    struct ord_arena arena;
    uint64_t steps = 1000000;
    struct ord_lin lin = {
        .arena = &arena, .steps_left = &steps, .wants_order = true};

    if (engine == NULL)
        return;
    ord_arena_init(&arena, 64 << 20);
    cr_assert_eq(ord_history_parse_text(row->history, &history, &err), ORD_OK,
                 "%s: %s", row->history, err.text);
    cr_assert_eq(
        ord_calls_build(history, ORD_CALLS_PROCESSES, &arena, &calls, &err),
        ORD_OK, "%s", err.text);
    lin.count = calls.count;
    lin.event_count = calls.event_count;
    lin.begin = calls.begin;
    lin.end = calls.end;
    lin.in = calls.in;
    lin.out = calls.out;
    lin.f = calls.f;
    lin.type = calls.type;
    lin.is_final = calls.is_final;
    lin.process = calls.process;
    lin.atom_count = calls.atom_count;
    lin.calls = &calls;
    lin.outcome = ORD_UNKNOWN;
    cr_assert_eq(engine(&lin, &err), ORD_OK, "%s: %s", row->history, err.text);
    if (!is_fast || !lin.is_declined)
        cr_expect_eq(lin.outcome, row->want, "%s by %s: %s\n is %s: %s", name,
                     is_fast ? "fast" : "exact", row->history,
                     ord_outcome_name(lin.outcome), lin.why);
    ord_history_free(&history);
    ord_arena_fini(&arena);
}

void model_rows(const char *model, const struct model_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        decide_row(model, &rows[i], true);
        decide_row(model, &rows[i], false);
    }
}
