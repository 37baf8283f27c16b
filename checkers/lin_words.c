/* lin_words.c -- what an engine found, in words and with the operations. */
#include <stdio.h>
#include <string.h>

#include "checkers/lin_objects.h"

#define NONE ORD_LIN_NONE

static const struct ord_op *op_of(const struct ord_lin_words *w, uint32_t i)
{
    ORD_ASSERT(i < w->lin->count);
    return ord_history_op(w->in->history, w->lin->begin[i]);
}

static const struct ord_op *done_of(const struct ord_lin_words *w, uint32_t i)
{
    return ord_history_pair(w->in->history, op_of(w, i));
}

/* As the texts of proof.h want it: a view of one object. */
struct named {
    struct ord_call call;
    struct ord_object object;
    struct ord_view view;
};

static const struct named *name(const struct ord_lin_words *w, uint32_t i,
                                struct named *n)
{
    const struct ord_op *inv = op_of(w, i);
    const struct ord_op *done = done_of(w, i);

    n->object = (struct ord_object){.key = w->key};
    n->view = (struct ord_view){
        .history = w->in->history, .objects = &n->object, .object_count = 1};
    n->call = (struct ord_call){
        .inv = inv,
        .done = done,
        .begin = inv->index,
        .end = ORD_NEVER,
        .node = inv->node,
        .f = inv->f,
        .type = done == NULL ? ORD_OP_INFO : done->type,
    };
    if (done != NULL && done->node != ORD_NODE_NONE)
        n->call.node = done->node;
    return n;
}

struct ord_text ord_lin_text(const struct ord_lin_words *w, uint32_t i)
{
    struct named n;

    return ord_text_call(&name(w, i, &n)->view, &n.call);
}

static struct ord_text did(const struct ord_lin_words *w, uint32_t i)
{
    struct named n;

    return ord_text_did(&name(w, i, &n)->view, &n.call);
}

static struct ord_text began(const struct ord_lin_words *w, uint32_t i)
{
    return ord_text_when(op_of(w, i));
}

static struct ord_text ended(const struct ord_lin_words *w, uint32_t i)
{
    const struct ord_op *done = done_of(w, i);

    return ord_text_when(done == NULL ? op_of(w, i) : done);
}

struct ord_text ord_lin_place(const struct ord_lin_words *w, uint32_t place)
{
    return ord_text_when(ord_history_op(w->in->history, place));
}

static uint32_t value_of(const struct ord_lin *lin, uint32_t i)
{
    return lin->f[i] == ORD_F_READ ? lin->out[i] : lin->in[i];
}

/* A violation with those calls as its operations. */
static struct ord_named take(const struct ord_lin_words *w)
{
    struct ord_named named = {.key = w->key};

    for (uint32_t i = 0;
         i < w->lin->why_count && named.count < ORD_NAMED_MAX - 1; i++) {
        if (w->lin->why_calls[i] != NONE)
            named.ops[named.count++] = op_of(w, w->lin->why_calls[i]);
    }
    return named;
}

/* ---- registers ---------------------------------------------------------- */

static void tell_unwritten(const struct ord_lin_words *w)
{
    const struct ord_lin *lin = w->lin;
    uint32_t i = lin->why_calls[0];
    uint32_t value = lin->out[i]; /* read, or expected */
    struct ord_named named = take(w);
    struct ord_text why = {"nobody had written that value"};

    for (uint32_t j = 0; j < lin->count; j++) {
        if (lin->type[j] != ORD_OP_FAIL ||
            (lin->f[j] != ORD_F_WRITE && lin->f[j] != ORD_F_CAS) ||
            lin->in[j] != value)
            continue;
        (void)snprintf(why.at, sizeof why.at,
                       "the only write of that value had been told that it "
                       "failed: %.180s, at %.30s",
                       ord_lin_text(w, j).at, ended(w, j).at);
        named.ops[named.count++] = op_of(w, j);
        break;
    }
    ord_found(w->in, w->out, &named, "%s: %s succeeded at %s, but %s",
              ord_text_key(&w->key).at, ord_lin_text(w, i).at, ended(w, i).at,
              why.at);
}

static void tell_twice(const struct ord_lin_words *w)
{
    const uint32_t *why = w->lin->why_calls;
    const struct ord_named named = take(w);

    ord_found(w->in, w->out, &named,
              "%s: %s (began %s) and %s (began %s) both succeeded, but that "
              "value was %s",
              ord_text_key(&w->key).at, ord_lin_text(w, why[0]).at,
              began(w, why[0]).at, ord_lin_text(w, why[1]).at,
              began(w, why[1]).at,
              why[2] == NONE ? "there only at the start" : "written only once");
}

static void tell_reversed(const struct ord_lin_words *w)
{
    uint32_t early = w->lin->why_calls[0];
    uint32_t late = w->lin->why_calls[1];
    const struct ord_named named = take(w);
    bool is_own = value_of(w->lin, early) == value_of(w->lin, late);

    ord_found(w->in, w->out, &named,
              "%s: %s ended at %s, before %s began at %s, though it %s",
              ord_text_key(&w->key).at, ord_lin_text(w, late).at,
              ended(w, late).at, ord_lin_text(w, early).at, began(w, early).at,
              is_own ? "needs the value that this one wrote"
                     : "can only come after it: its value was made from the "
                       "other by compare-and-set");
}

static void tell_cycle(const struct ord_lin_words *w)
{
    const struct ord_named named = take(w);

    ord_found(w->in, w->out, &named,
              "%s: %s needs a value that nobody can have written before it, "
              "only compare-and-sets that need it themselves",
              ord_text_key(&w->key).at,
              ord_lin_text(w, w->lin->why_calls[0]).at);
}

static void tell_conflict(const struct ord_lin_words *w)
{
    const uint32_t *why = w->lin->why_calls; /* x1, y1, y2, x2 */
    const struct ord_named named = take(w);
    const struct ord_text key = ord_text_key(&w->key);
    const struct ord_text what = did(w, why[3]);
    const struct ord_text last = ord_lin_text(w, why[2]);

    if (why[0] == NONE)
        ord_found(w->in, w->out, &named,
                  "%s: %s, %s, but %s, another value, had ended at %s, before "
                  "that began at %s",
                  key.at, what.at,
                  value_of(w->lin, why[3]) == ORD_ATOM_NIL
                      ? "the initial value"
                      : "made from the initial value by compare-and-set",
                  last.at, ended(w, why[2]).at, began(w, why[3]).at);
    else
        ord_found(w->in, w->out, &named,
                  "%s: %s, but that had been replaced: %s ended at %s, before "
                  "%s began at %s, and %s ended at %s, before the first of "
                  "these began at %s",
                  key.at, what.at, ord_lin_text(w, why[0]).at,
                  ended(w, why[0]).at, ord_lin_text(w, why[1]).at,
                  began(w, why[1]).at,
                  why[1] == why[2] ? "the latter" : last.at,
                  ended(w, why[2]).at, began(w, why[3]).at);
}

static void tell_dead(const struct ord_lin_words *w)
{
    const struct ord_lin *lin = w->lin;
    const struct ord_named named = take(w);
    uint32_t call = lin->why_calls[0];
    char possible[ORD_TEXT_SIZE] = "";

    if (lin->why[0] != '\0')
        (void)snprintf(possible, sizeof possible,
                       ", the value can only be %.200s", lin->why);
    ord_found(w->in, w->out, &named,
              "%s: no order explains %s, which ended at %s: after all that had "
              "ended before, and whatever of the %u other open operations "
              "happened%s",
              ord_text_key(&w->key).at, ord_lin_text(w, call).at,
              ended(w, call).at, lin->open_count, possible);
}

/* ---- locks ----------------------------------------------------------------
 */

static bool counts(const struct ord_lin *lin, uint32_t i, enum ord_f f)
{
    return lin->type[i] != ORD_OP_FAIL && lin->f[i] == f;
}

/* Did i's process begin to release it after i and by the end of call? */
static bool is_released(const struct ord_lin_words *w, uint32_t i,
                        uint32_t call)
{
    const struct ord_lin *lin = w->lin;

    for (uint32_t j = i + 1; j < lin->count && lin->begin[j] <= lin->end[call];
         j++)
        if (counts(lin, j, ORD_F_RELEASE) &&
            op_of(w, j)->process == op_of(w, i)->process)
            return true;
    return false;
}

enum { HOLDERS_MAX = 64 };

/* Who still held it at the end of call: the last to have acquired it whose
 * process had not begun to release it since; else the last but `call`.  Of the
 * last HOLDERS_MAX to begin, so that a long history costs no square. */
static uint32_t holder(const struct ord_lin_words *w, uint32_t call)
{
    const struct ord_lin *lin = w->lin;
    uint32_t found = NONE, last = NONE, seen = 0;

    for (uint32_t i = lin->count; i-- > 0 && seen < HOLDERS_MAX;) {
        if (i == call || !counts(lin, i, ORD_F_ACQUIRE) ||
            lin->end[i] > lin->end[call])
            continue;
        seen++;
        if (last == NONE || lin->end[i] > lin->end[last])
            last = i;
        if ((found == NONE || lin->end[i] > lin->end[found]) &&
            !is_released(w, i, call))
            found = i;
    }
    return found != NONE ? found : last;
}

/* Of f, how many had ended (else begun) by the end of call. */
static uint32_t count_by(const struct ord_lin *lin, enum ord_f f, uint32_t call,
                         bool is_ended)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < lin->count; i++)
        count += counts(lin, i, f) &&
                 (is_ended ? lin->end[i] : lin->begin[i]) <= lin->end[call];
    return count;
}

static void tell_held(const struct ord_lin_words *w)
{
    const struct ord_lin *lin = w->lin;
    uint32_t call = lin->why_calls[0];
    uint32_t by = holder(w, call);
    struct ord_named named = take(w);

    ORD_ASSERT(by != NONE); /* counting needs two */
    named.ops[named.count++] = op_of(w, by);
    ord_found(w->in, w->out, &named,
              "%s: %s succeeded at %s, while it was held: %s had succeeded at "
              "%s, and of the %u acquires that had succeeded by then only %u "
              "had begun to be released",
              ord_text_key(&w->key).at, ord_lin_text(w, call).at,
              ended(w, call).at, ord_lin_text(w, by).at, ended(w, by).at,
              count_by(lin, ORD_F_ACQUIRE, call, true),
              count_by(lin, ORD_F_RELEASE, call, false));
    ord_evidence(w->out, op_of(w, by));
}

static void tell_free(const struct ord_lin_words *w)
{
    const struct ord_lin *lin = w->lin;
    uint32_t call = lin->why_calls[0];
    const struct ord_named named = take(w);

    ord_found(w->in, w->out, &named,
              "%s: %s succeeded at %s, but by then nobody held it: %u releases "
              "had succeeded, and only %u acquires had begun",
              ord_text_key(&w->key).at, ord_lin_text(w, call).at,
              ended(w, call).at, count_by(lin, ORD_F_RELEASE, call, true),
              count_by(lin, ORD_F_ACQUIRE, call, false));
}

/* ---- all models --------------------------------------------------------- */

enum { CORE_SHOWN_MAX = 24, CORE_NAMED_MAX = 4 };

/* Of a core's calls that have to have happened, the one that began last. */
static uint32_t accused(const struct ord_lin *lin)
{
    uint32_t last = NONE;

    for (uint32_t i = 0; i < lin->core_count; i++) {
        const struct ord_lin_part *part = &lin->core[i];

        if (part->keep != 0 && lin->end[part->call] != ORD_CALL_NEVER &&
            (last == NONE || lin->begin[part->call] > lin->begin[last]))
            last = part->call;
    }
    return last;
}

/* "no order explains X, which ended at .., beside Y and Z: <law>" */
static void tell_core(const struct ord_lin_words *w, uint32_t call)
{
    const struct ord_lin *lin = w->lin;
    const struct ord_named named = {
        .key = w->key, .ops = {op_of(w, call)}, .count = 1};
    char others[ORD_WHY_SIZE / 2] = "";
    uint32_t named_count = 0;
    size_t size = 0;

    for (uint32_t i = 0; i < lin->core_count && named_count < CORE_NAMED_MAX;
         i++) {
        uint32_t other = lin->core[i].call;

        if (other == call || size >= sizeof others)
            continue;
        size += (size_t)snprintf(others + size, sizeof others - size, "%s%s",
                                 named_count == 0 ? ", beside " : ", ",
                                 ord_lin_text(w, other).at);
        named_count++;
    }
    if (lin->core_count > named_count + 1 && size < sizeof others)
        (void)snprintf(others + size, sizeof others - size, " and %u more",
                       lin->core_count - named_count - 1);
    ord_found(w->in, w->out, &named,
              "%s: no order explains %s, which ended at %s%s: %s",
              ord_text_key(&w->key).at, ord_lin_text(w, call).at,
              ended(w, call).at, others, w->model->law);
}

/* ---- counters ----------------------------------------------------------- */

struct sums { /* of the adds that bear on a read */
    int64_t least;
    int64_t most;
    uint32_t last; /* the last add that had ended when it began; or NONE */
};

static struct sums sums_of(const struct ord_lin *lin, uint32_t read)
{
    struct sums sums = {.last = NONE};

    for (uint32_t i = 0; i < lin->count && lin->begin[i] <= lin->end[read];
         i++) {
        const struct ord_value v = ord_lin_value(lin, lin->in[i]);
        bool is_done = lin->end[i] < lin->begin[read];

        if (!counts(lin, i, ORD_F_ADD) || v.kind != ORD_INT)
            continue;
        if (is_done || v.as.number < 0)
            sums.least += v.as.number;
        if (is_done || v.as.number > 0)
            sums.most += v.as.number;
        if (is_done && (sums.last == NONE || lin->end[i] > lin->end[sums.last]))
            sums.last = i;
    }
    return sums;
}

/* A read that no sum can be, by the bounds alone.  False: there is none in the
 * core, or it needs more than that.  (The engine knows that no sum wraps.) */
static bool tell_sum(const struct ord_lin_words *w)
{
    const struct ord_lin *lin = w->lin;
    const struct ord_text key = ord_text_key(&w->key);

    for (uint32_t i = lin->core_count; i-- > 0;) {
        uint32_t read = lin->core[i].call;
        const struct ord_value v = ord_lin_value(lin, lin->out[read]);
        int64_t value = v.kind == ORD_INT ? v.as.number : 0;
        struct ord_named named = {.key = w->key, .count = 1};
        struct sums sums;

        if (lin->f[read] != ORD_F_READ || lin->core[i].keep == 0 ||
            (v.kind != ORD_INT && v.kind != ORD_NIL))
            continue;
        sums = sums_of(lin, read);
        if (value >= sums.least && value <= sums.most)
            return false; /* more are not looked at: each costs a pass */
        named.ops[0] = op_of(w, read);
        if (sums.last != NONE)
            named.ops[named.count++] = op_of(w, sums.last);
        if (value > sums.most)
            ord_found(w->in, w->out, &named,
                      "%s: %s ended at %s, but all that may have been added by "
                      "then sums to at most %lld",
                      key.at, ord_lin_text(w, read).at, ended(w, read).at,
                      (long long)sums.most);
        else
            ord_found(w->in, w->out, &named,
                      "%s: %s began at %s, but what had been added by then "
                      "sums to at least %lld%s%s",
                      key.at, ord_lin_text(w, read).at, began(w, read).at,
                      (long long)sums.least,
                      sums.last == NONE ? "" : "; the last was ",
                      sums.last == NONE ? "" : ord_lin_text(w, sums.last).at);
        ord_evidence(w->out, op_of(w, read));
        if (sums.last != NONE)
            ord_evidence(w->out, op_of(w, sums.last));
        return true;
    }
    return false;
}

static void tell(const struct ord_lin_words *w)
{
    const struct ord_lin *lin = w->lin;
    const struct ord_named named = take(w);
    const struct ord_text key = ord_text_key(&w->key);

    if (lin->why[0] != '\0' && lin->why_count > 0)
        ord_found(w->in, w->out, &named, "%s: %s (%s, which ended at %s)",
                  key.at, lin->why, ord_lin_text(w, lin->why_calls[0]).at,
                  ended(w, lin->why_calls[0]).at);
    else if (lin->why[0] != '\0')
        ord_found(w->in, w->out, &named, "%s: %s", key.at, lin->why);
    else if (lin->why_count > 0)
        ord_found(w->in, w->out, &named,
                  "%s: no order of all operations explains %s, which ended at "
                  "%s",
                  key.at, ord_lin_text(w, lin->why_calls[0]).at,
                  ended(w, lin->why_calls[0]).at);
    else if (w->model != NULL && strcmp(w->model->name, "counter") == 0 &&
             tell_sum(w))
        return;
    else if (w->model != NULL && w->model->law != NULL &&
             lin->core_count <= CORE_SHOWN_MAX && accused(lin) != NONE)
        tell_core(w, accused(lin));
    else
        ord_found(w->in, w->out, &named,
                  "%s: no order explains all of the operations", key.at);
}

void ord_lin_accuse(const struct ord_lin_words *w)
{
    static void (*const tellers[])(const struct ord_lin_words *w) = {
        [ORD_LIN_UNSAID] = tell,      [ORD_LIN_UNWRITTEN] = tell_unwritten,
        [ORD_LIN_TWICE] = tell_twice, [ORD_LIN_REVERSED] = tell_reversed,
        [ORD_LIN_CYCLE] = tell_cycle, [ORD_LIN_CONFLICT] = tell_conflict,
        [ORD_LIN_HELD] = tell_held,   [ORD_LIN_FREE] = tell_free,
        [ORD_LIN_DEAD] = tell_dead,
    };
    const struct ord_lin *lin = w->lin;

    ORD_ASSERT(lin->outcome == ORD_INVALID);
    ORD_ASSERT(lin->reason < sizeof tellers / sizeof *tellers);
    if (ord_found_enough(w->out))
        return;
    tellers[lin->reason](w);
    if (w->out->violation_count > 1)
        return; /* the evidence is another object's */
    for (uint32_t i = 0; i < lin->why_count; i++) {
        if (lin->why_calls[i] != NONE)
            ord_evidence(w->out, op_of(w, lin->why_calls[i]));
    }
    /* A long one says nothing to a person. */
    for (uint32_t i = 0;
         i < lin->core_count && lin->core_count <= CORE_SHOWN_MAX; i++)
        ord_evidence(w->out, op_of(w, lin->core[i].call));
}

void ord_lin_doubt(const struct ord_lin_words *w, char *text, size_t room)
{
    const struct ord_lin *lin = w->lin;
    bool has_end = lin->undecided_to < lin->event_count;

    (void)snprintf(
        text, room,
        "%s: %s; undecided from operation %u (%s) to %s; all before is "
        "fine%s",
        ord_text_key(&w->key).at,
        lin->why[0] == '\0' ? "it could not be decided" : lin->why,
        lin->undecided_from, ord_lin_place(w, lin->undecided_from).at,
        has_end ? ord_lin_place(w, lin->undecided_to).at : "the end",
        has_end && lin->is_rest_decided ? ", and so is all after" : "");
}

void ord_lin_misfit(const struct ord_lin_words *w,
                    const struct ord_model *model, uint32_t odd, char *text,
                    size_t room)
{
    const struct ord_text key = ord_text_key(&w->key);

    if (odd == NONE)
        (void)snprintf(text, room, "%s: no model is known for it", key.at);
    else if (model != NULL)
        (void)snprintf(
            text, room, "%s: the model %s has no %s (operation %lld)", key.at,
            model->name, op_of(w, odd)->name, (long long)op_of(w, odd)->index);
    else
        (void)snprintf(text, room,
                       "%s: no model is known for what was done to it: %s at "
                       "%s does not fit%s",
                       key.at, ord_lin_text(w, odd).at, began(w, odd).at,
                       odd == 0 ? "" : " what was done to it before");
}
