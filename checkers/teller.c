/* teller.c -- see teller.h. */
#include "checkers/teller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int ord_teller_init(struct ord_teller *teller, const struct ord_check_in *in,
                    struct ord_verdict *out, struct ord_err *err)
{
    *teller = (struct ord_teller){.in = in, .out = out};
    teller->view.history = in->history;
    teller->view.objects = &teller->object;
    teller->view.object_count = 1;
    return ord_calls_build(in->history, ORD_CALLS_KEYS, in->arena,
                           &teller->calls, err);
}

void ord_teller_turn(struct ord_teller *teller, uint32_t key)
{
    const struct ord_calls *calls = &teller->calls;

    ORD_ASSERT(key < calls->key_count);
    teller->key = key;
    teller->from = calls->key_first == NULL ? 0 : calls->key_first[key];
    teller->to =
        calls->key_first == NULL ? calls->count : calls->key_first[key + 1];
    teller->object.key =
        calls->keys == NULL ? ord_value_nil() : calls->keys[key];
}

int ord_ends_init(struct ord_ends *ends, const struct ord_teller *teller,
                  uint64_t fs, struct ord_err *err)
{
    const struct ord_calls *calls = &teller->calls;
    struct ord_arena *arena = teller->in->arena;
    uint32_t *first =
        ord_arena_zalloc(arena, (size_t)calls->key_count + 2, sizeof *first);
    uint32_t *ended =
        ord_arena_zalloc(arena, (size_t)calls->event_count + 1, sizeof *ended);
    uint32_t *at = NULL;
    uint32_t count = 0;

    if (first == NULL || ended == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u calls",
                        calls->count);
    /* first[k + 2] counts, first[k + 1] is where the next of k goes. */
    for (uint32_t i = 0; i < calls->count; i++) {
        if (calls->type[i] != ORD_OP_OK || (fs >> calls->f[i] & 1) == 0)
            continue;
        ended[calls->end[i]] = i + 1;
        first[(calls->key == NULL ? 0 : calls->key[i]) + 2]++;
        count++;
    }
    at = ord_arena_alloc(arena, ((size_t)count + 1) * sizeof *at);
    if (at == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u ends", count);
    for (uint32_t k = 0; k < calls->key_count; k++)
        first[k + 2] += first[k + 1];
    for (uint32_t event = 0; event < calls->event_count; event++) {
        uint32_t call = ended[event];

        if (call != 0)
            at[first[(calls->key == NULL ? 0 : calls->key[call - 1]) + 1]++] =
                call - 1;
    }
    ORD_ASSERT(first[calls->key_count] == count);
    *ends = (struct ord_ends){.at = at, .first = first};
    return ORD_OK;
}

uint32_t ord_teller_odd(const struct ord_teller *teller, uint64_t fs)
{
    for (uint32_t i = teller->from; i < teller->to; i++) {
        uint32_t call = ord_teller_at(teller, i);

        if ((fs >> teller->calls.f[call] & 1) == 0 &&
            teller->calls.type[call] != ORD_OP_FAIL)
            return call;
    }
    return ORD_CALL_NEVER;
}

const struct ord_op *ord_teller_inv(const struct ord_teller *teller,
                                    uint32_t call)
{
    ORD_ASSERT(call < teller->calls.count);
    return ord_history_op(teller->in->history, teller->calls.begin[call]);
}

const struct ord_op *ord_teller_done(const struct ord_teller *teller,
                                     uint32_t call)
{
    return ord_history_pair(teller->in->history, ord_teller_inv(teller, call));
}

static struct ord_call dress(const struct ord_teller *teller, uint32_t call)
{
    const struct ord_op *inv = ord_teller_inv(teller, call);
    const struct ord_op *done = ord_teller_done(teller, call);

    return (struct ord_call){
        .inv = inv,
        .done = done,
        .begin = inv->index,
        .end =
            done != NULL && done->type == ORD_OP_OK ? done->index : ORD_NEVER,
        .node = done != NULL && done->node != ORD_NODE_NONE ? done->node
                                                            : inv->node,
        .f = inv->f,
        .type = done == NULL ? (uint8_t)ORD_OP_INFO : done->type,
    };
}

struct ord_text ord_tell_call(const struct ord_teller *teller, uint32_t call)
{
    struct ord_call told = dress(teller, call);
    struct ord_text text = {{0}};

    if (told.f != ORD_F_READ)
        return ord_text_call(&teller->view, &told);
    (void)snprintf(
        text.at, sizeof text.at, "process %lld's read%s%.60s at %.30s%.40s",
        (long long)told.inv->process,
        teller->object.key.kind == ORD_NIL ? "" : " of ",
        teller->object.key.kind == ORD_NIL
            ? ""
            : ord_text_key(&teller->object.key).at,
        ord_text_when(told.inv).at, ord_text_on(&teller->view, &told).at);
    return text;
}

struct ord_text ord_tell_did(const struct ord_teller *teller, uint32_t call)
{
    struct ord_call told = dress(teller, call);

    return ord_text_did(&teller->view, &told);
}

struct ord_text ord_tell_begin(const struct ord_teller *teller, uint32_t call)
{
    return ord_text_when(ord_teller_inv(teller, call));
}

struct ord_text ord_tell_end(const struct ord_teller *teller, uint32_t call)
{
    const struct ord_op *done = ord_teller_done(teller, call);

    return done == NULL ? (struct ord_text){"no time that is known"}
                        : ord_text_when(done);
}

struct ord_text ord_tell_atom(const struct ord_teller *teller, uint32_t atom)
{
    struct ord_value value = ord_atom_value(&teller->calls, atom);

    return ord_text_value(&value);
}

struct ord_text ord_tell_tuples(const struct ord_teller *teller)
{
    const struct ord_calls *calls = &teller->calls;
    struct ord_text text = {{0}};
    uint32_t i = teller->from;
    const uint32_t *items = NULL;

    if (teller->out->violation_count > 0)
        return text; /* the first sentence said so */
    while (i < teller->to && calls->f[ord_teller_at(teller, i)] != ORD_F_READ)
        i++;
    if (i < teller->to && teller->object.key.kind == ORD_NIL &&
        ord_atom_items(calls, calls->in[ord_teller_at(teller, i)], &items) ==
            2 &&
        items[1] == ORD_ATOM_NIL)
        (void)snprintf(text.at, sizeof text.at,
                       " (its reads ask for [key nil]: with --keyed it is "
                       "judged key by key)");
    return text;
}

struct ord_named ord_tell_named(const struct ord_teller *teller, uint32_t a,
                                uint32_t b, uint32_t c)
{
    const uint32_t calls[] = {a, b, c};
    struct ord_named named = {.key = teller->object.key};

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (calls[i] != ORD_CALL_NEVER)
            named.ops[named.count++] = ord_teller_inv(teller, calls[i]);
    }
    return named;
}

int ord_option_truth(const struct ord_check_in *in, const char *name,
                     bool *is_on, struct ord_err *err)
{
    const char *text = ord_check_option(in, name);

    if (text == NULL)
        return ORD_OK;
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return ord_fail(err, ORD_EUSAGE,
                        "%s: expected true or false, found '%.40s'", name,
                        text);
    *is_on = strcmp(text, "true") == 0;
    return ORD_OK;
}

int ord_option_int(const struct ord_check_in *in, const char *name, bool *has,
                   int64_t *value, struct ord_err *err)
{
    const char *text = ord_check_option(in, name);
    struct ord_json json = {.at = text};

    *has = text != NULL;
    if (text == NULL)
        return ORD_OK;
    json.end = text + strlen(text);
    if (!ord_json_int(&json, value) || json.at != json.end)
        return ord_fail(err, ORD_EUSAGE,
                        "%s: expected a whole number, found '%.40s'", name,
                        text);
    return ORD_OK;
}

int ord_prove_facts(const struct ord_check_in *in, struct ord_verdict *out,
                    struct ord_err *err)
{
    struct ord_proof *proof = NULL;

    if (!in->wants_proof)
        return ORD_OK;
    proof = ord_arena_zalloc(in->arena, 1, sizeof *proof);
    if (proof == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the proof");
    proof->key = out->key;
    proof->kind = ORD_PROOF_FACTS;
    out->proof = proof;
    return ORD_OK;
}
