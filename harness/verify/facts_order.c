/* facts_order.c -- causal and sequential consistency, told again from the
 * definitions at the head of checkers/causal.c and sequential.c. */
#include "harness/verify/ring.h"

#define REGISTERS (1U << KIND_REGISTER)

static uint32_t sessions_of(const struct facts *f)
{
    return f->calls->session_count;
}

/* ---- causal -------------------------------------------------------------- */

static bool is_violation(const struct facts *f)
{
    return f->v->claim->verdict == CLAIM_VIOLATION;
}

/* What a read knew of is before what it saw. */
static bool add_pairs(struct known *k)
{
    const struct deeds *d = k->d;

    for (uint32_t r = 0; r < d->count; r++) {
        uint32_t key = ord_deeds_key(d, r);

        if (d->is_read[r] == 0 || !ord_saw_deed(d->saw[r]))
            continue;
        for (uint32_t i = k->row_first[key]; i < k->row_first[key + 1]; i++) {
            uint32_t last = ord_known_last(k, &k->rows[i], r);

            if (last != NO_NODE && last != d->saw[r] &&
                !ord_knows(k, d->saw[r], last) &&
                !ord_known_arc(k, last, d->saw[r]))
                return false;
        }
    }
    return true;
}

/* Replicas can agree on one order. */
static void check_ccv(struct known *k)
{
    if (is_violation(k->d->f) && !ord_ring_check(k))
        return;
    if (add_pairs(k) && ord_known_close(k) && !is_violation(k->d->f) &&
        ord_known_is_cyclic(k))
        k->d->f->violations++;
}

/* A read of nil, by a session that must have put a write before it. */
static bool has_nil(const struct known *k)
{
    const struct deeds *d = k->d;

    for (uint32_t i = 0; i < d->count; i++) {
        if (d->is_read[i] != 0 && d->saw[i] == SAW_INITIAL &&
            (k->session == ANY_SESSION ||
             ord_deeds_session(d, i) == k->session) &&
            ord_known_is_bad(k, i))
            return true;
    }
    return false;
}

/* Each session saw one order: all do where the reads of all together lead to
 * no contradiction, else each is asked for itself. */
static void check_cm(struct known *k)
{
    struct facts *f = k->d->f;
    bool has_one = false;

    k->derives = true;
    ord_known_restart(k);
    if (!ord_known_close(k) || (!ord_known_is_cyclic(k) && !has_nil(k)))
        return;
    for (uint32_t i = 0; i < sessions_of(f); i++) {
        k->session = i;
        ord_known_restart(k);
        if (!ord_known_close(k))
            return;
        if (!ord_known_is_cyclic(k) && !has_nil(k))
            continue;
        if (has_one || !is_violation(f))
            f->violations++;
        else if (!ord_ring_check(k)) /* which counts it */
            return;
        has_one = true;
    }
}

void ord_recount_causal(struct facts *f)
{
    struct deeds d;
    struct known k;
    uint64_t judged;
    bool needs_objects = false;

    if (!ord_deeds_init(&d, f) || !ord_known_init(&k, &d, LOG_NONE, false) ||
        !ord_known_close(&k))
        return;
    ord_deeds_thin_air(&d);
    judged = ord_known_judge(&k);
    if (f->violations == 0 && ord_facts_option(f, "level", "ccv")) {
        needs_objects = true;
        check_ccv(&k);
    } else if (f->violations == 0 && ord_facts_option(f, "level", "cm")) {
        needs_objects = true;
        check_cm(&k);
    }
    if (f->is_over)
        return;
    if (f->v->claim->has_objects && (!needs_objects || !is_violation(f))) {
        f->is_over = true;
        (void)ord_verify_refuse(f->v, "there is no cycle to tell of");
        return;
    }
    ord_deeds_doubt(&d, REGISTERS, judged);
    ord_fact(f, "reads", (double)judged);
    ord_fact(f, "sessions", (double)sessions_of(f));
    ord_fact(f, "violations", (double)f->violations);
}

/* ---- sequential ---------------------------------------------------------- */

/* A cycle in the proof, or none: then all orders are tried. */
static void refute(struct deeds *d)
{
    struct facts *f = d->f;
    struct known k;
    bool exists = false;

    if (f->v->claim->has_objects) {
        if (ord_known_init(&k, d, LOG_NONE, true) && ord_known_close(&k))
            (void)ord_ring_check(&k);
        return;
    }
    if (!ord_serial_search(d, &exists) || exists)
        return;
    f->names_no_key = true;
    f->violations++;
    for (uint32_t i = 0; i < d->count; i++)
        f->blamed[d->call[i]] = 1;
}

void ord_recount_sequential(struct facts *f)
{
    struct deeds d;

    if (!ord_deeds_init(&d, f))
        return;
    ord_deeds_thin_air(&d);
    if (f->violations > 0 && f->v->claim->has_objects) {
        f->is_over = true;
        (void)ord_verify_refuse(f->v, "there is no order to tell of");
        return;
    }
    if (f->violations == 0 && d.read_count > d.several_count) {
        if (is_violation(f))
            refute(&d);
        else
            (void)ord_serial_check(&d);
    }
    if (f->is_over)
        return;
    ord_deeds_doubt(&d, REGISTERS, d.read_count - d.several_count);
    ord_fact(f, "operations", (double)d.count);
    ord_fact(f, "sessions", (double)sessions_of(f));
}
