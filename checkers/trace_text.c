/* trace_text.c -- deeds in words, and verdicts that several checkers share. */
#include <stdio.h>
#include <string.h>

#include "checkers/trace.h"

/* One call as text.c wants it. */
struct said {
    struct ord_view view;
    struct ord_object object;
    struct ord_call call;
};

static void say(const struct ord_trace *t, uint32_t call, struct said *said)
{
    const struct ord_op *inv = ord_history_op(t->history, t->calls.begin[call]);
    const struct ord_op *done = ord_history_pair(t->history, inv);
    uint8_t f = t->calls.f[call];

    said->object = (struct ord_object){
        .key = t->calls.keys[t->calls.key == NULL ? 0 : t->calls.key[call]]};
    said->view =
        (struct ord_view){.history = t->history, .objects = &said->object};
    said->call = (struct ord_call){
        .inv = inv,
        .done = done,
        .node = done != NULL && done->node != ORD_NODE_NONE ? done->node
                                                            : inv->node,
        .f = f == ORD_F_GET   ? ORD_F_READ
             : f == ORD_F_PUT ? ORD_F_WRITE
                              : f,
        .type = t->calls.type[call],
    };
}

const struct ord_op *ord_deed_op(const struct ord_trace *t, uint32_t deed)
{
    ORD_ASSERT(deed < t->count);
    return ord_history_op(t->history, ord_deed_begin(t, deed));
}

const struct ord_op *ord_deed_done(const struct ord_trace *t, uint32_t deed)
{
    return ord_history_pair(t->history, ord_deed_op(t, deed));
}

struct ord_value ord_deed_value(const struct ord_trace *t, uint32_t deed)
{
    const struct ord_calls *calls = &t->calls;

    return ord_atom_value(calls, ord_deed_is_read(t, deed)
                                     ? calls->out[t->call[deed]]
                                     : calls->in[t->call[deed]]);
}

struct ord_text ord_deed_text(const struct ord_trace *t, uint32_t deed)
{
    struct said said;

    say(t, t->call[deed], &said);
    return ord_text_call(&said.view, &said.call);
}

struct ord_text ord_deed_did(const struct ord_trace *t, uint32_t deed)
{
    struct said said;

    say(t, t->call[deed], &said);
    return ord_text_did(&said.view, &said.call);
}

struct ord_text ord_deed_who(const struct ord_trace *t, uint32_t deed)
{
    struct said said;

    say(t, t->call[deed], &said);
    return ord_text_who(&said.call);
}

struct ord_text ord_deed_unwritten(const struct ord_trace *t, uint32_t read,
                                   struct ord_named *named)
{
    struct ord_text text = {"nobody had begun to write that value"};
    const struct ord_calls *calls = &t->calls;
    uint32_t key = ord_deed_key(t, read);
    uint32_t atom = calls->out[t->call[read]];

    for (uint32_t i = calls->key_first[key]; i < calls->key_first[key + 1];
         i++) {
        uint32_t call = calls->by_key[i];
        struct said said;

        if (call == t->call[read] || calls->in[call] != atom ||
            (calls->f[call] != ORD_F_WRITE && calls->f[call] != ORD_F_PUT &&
             calls->f[call] != ORD_F_CAS))
            continue;
        say(t, call, &said);
        (void)snprintf(text.at, sizeof text.at, "%s %s: %.200s, at %.30s",
                       "the only write of that value",
                       calls->type[call] == ORD_OP_FAIL
                           ? "had been told that it failed"
                           : "began only later",
                       ord_text_call(&said.view, &said.call).at,
                       ord_text_when(said.call.inv).at);
        ORD_ASSERT(named->count < ORD_NAMED_MAX);
        named->ops[named->count++] = said.call.inv;
        break;
    }
    return text;
}

bool ord_trace_is_odd(const struct ord_trace *t, unsigned kinds,
                      struct ord_verdict *out)
{
    static const char *const names[] = {
        [ORD_OBJECT_SET] = "a set",
        [ORD_OBJECT_LIST] = "a list",
        [ORD_OBJECT_MIXED] = "no register, set or list",
    };
    const struct ord_calls *calls = &t->calls;

    for (uint32_t i = 0; i < calls->count; i++) {
        uint32_t key = calls->key == NULL ? 0 : calls->key[i];
        uint8_t kind = t->key_kind[key];

        if ((calls->f[i] != ORD_F_READ && calls->f[i] != ORD_F_GET) ||
            calls->type[i] != ORD_OP_OK ||
            (calls->is_final != NULL && calls->is_final[i]) ||
            kind == ORD_OBJECT_REGISTER || (kinds >> kind & 1) != 0)
            continue;
        (void)ord_conclude(out, ORD_UNKNOWN,
                           "%s is %s, of which this checker says nothing",
                           ord_text_key(&calls->keys[key]).at, names[kind]);
        return true;
    }
    return false;
}

bool ord_trace_is_open(const struct ord_trace *t, struct ord_verdict *out)
{
    struct ord_value value;

    if (t->several_count == 0)
        return false;
    value = ord_deed_value(t, t->several);
    (void)ord_conclude(
        out, ORD_UNKNOWN,
        "%u read%s returned a value that was written more than once: which "
        "write was it? The first: %s, and %s was written several times",
        t->several_count, t->several_count == 1 ? "" : "s",
        ord_deed_did(t, t->several).at, ord_text_value(&value).at);
    return true;
}

void ord_trace_prove(const struct ord_trace *t, const struct ord_check_in *in,
                     struct ord_verdict *out, enum ord_proof_kind kind,
                     const uint32_t *deeds, const uint8_t *marks,
                     uint32_t count)
{
    struct ord_proof *proof = NULL;
    uint32_t *ops = NULL;
    uint8_t *why = NULL;

    if (!in->wants_proof || count == 0)
        return;
    proof = ord_arena_zalloc(in->arena, 1, sizeof *proof);
    ops = ord_arena_zalloc(in->arena, count, sizeof *ops);
    why = ord_arena_zalloc(in->arena, count, 1);
    if (proof == NULL || ops == NULL || why == NULL)
        return; /* a verdict without its proof, as if none had been asked for */
    for (uint32_t i = 0; i < count; i++)
        ops[i] = ord_deed_begin(t, deeds[i]);
    if (marks != NULL)
        memcpy(why, marks, count);
    *proof = (struct ord_proof){.next = out->proof,
                                .key = t->calls.keys[ord_deed_key(t, deeds[0])],
                                .kind = kind,
                                .ops = ops,
                                .marks = marks == NULL ? NULL : why,
                                .count = count};
    out->proof = proof;
}
