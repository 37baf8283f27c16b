/* fitting.c -- see fitting.h. */
#include "checkers/fitting.h"

#include <string.h>

enum { EVENTS_MAX = 1 << 16, READS_MAX = 16 };

#define BIT(f) (UINT64_C(1) << (f))

struct looks {
    const struct ord_history *history;
    uint64_t fs;
    bool numbers; /* a read brought one, or nobody reads */
    bool pairs;   /* ... a list of [key number]: balances */
    bool inserts; /* of Adya's tests: no function that we know */
};

/* [[account balance] ...] or [[:r k v] ...]: what has lists in it. */
static bool is_of_pairs(const struct ord_value *value)
{
    return value->kind == ORD_LIST && value->count > 0 &&
           value->as.items[0].kind == ORD_LIST && value->as.items[0].count == 2;
}

static void look(struct looks *looks)
{
    int64_t count = ord_history_count(looks->history);
    int64_t added = INT64_MIN;
    uint32_t reads = 0;

    for (int64_t i = 0; i < count && i < EVENTS_MAX && reads < READS_MAX; i++) {
        const struct ord_op *op = ord_history_op(looks->history, i);

        if (op->process < 0)
            continue;
        if (op->f == ORD_F_OTHER && strcmp(op->name, "insert") == 0)
            looks->inserts = true;
        if (op->f == ORD_F_ADD && op->type == ORD_OP_INVOKE &&
            op->value.kind == ORD_INT) {
            /* Elements are added once, amounts again and again. */
            looks->numbers |= (looks->fs & BIT(ORD_F_READ)) == 0 &&
                              op->value.as.number == added;
            added = op->value.as.number;
        }
        if (op->f != ORD_F_READ || op->type != ORD_OP_OK)
            continue;
        reads++;
        looks->numbers |= op->value.kind == ORD_INT;
        looks->pairs |= is_of_pairs(&op->value);
    }
}

struct names {
    const char **at;
    uint32_t count;
};

static void add(struct names *names, const char *name)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (strcmp(names->at[i], name) == 0)
            return;
    }
    ORD_ASSERT(names->count < ORD_FITTING_MAX);
    names->at[names->count++] = name;
}

/* What is read whole is seldom meant to be linearizable: that has to be asked
 * for.  Operations on single elements are. */
static void add_collections(const struct looks *looks, struct names *names)
{
    const uint64_t single = BIT(ORD_F_CONTAINS) | BIT(ORD_F_REMOVE) |
                            BIT(ORD_F_GET) | BIT(ORD_F_PUT);

    if ((looks->fs & (BIT(ORD_F_ADD) | BIT(ORD_F_APPEND))) == 0)
        return;
    if ((looks->fs & single) != 0) {
        add(names, "linearizable");
        return;
    }
    if (looks->numbers) {
        add(names, "counter");
        return;
    }
    add(names, "set-full");
    add(names, "stale");
    if ((looks->fs & BIT(ORD_F_APPEND)) != 0)
        add(names, "consistent-prefix");
}

uint32_t ord_fitting_checkers(const struct ord_history *history,
                              const char *at[ORD_FITTING_MAX])
{
    const uint64_t objects =
        BIT(ORD_F_WRITE) | BIT(ORD_F_CAS) | BIT(ORD_F_ENQUEUE) |
        BIT(ORD_F_DEQUEUE) | BIT(ORD_F_PUSH) | BIT(ORD_F_POP) |
        BIT(ORD_F_ACQUIRE) | BIT(ORD_F_RELEASE) | BIT(ORD_F_PUT);
    struct ord_history_facts facts = {0};
    struct looks looks = {.history = history};
    struct names names = {.at = at};
    struct ord_err err = {0};

    /* A history that cannot tell will not please the checkers either. */
    (void)ord_history_facts(history, &facts, &err);
    looks.fs = facts.fs;
    look(&looks);
    add(&names, "stats");
    add_collections(&looks, &names);
    /* Only who drains a queue can tell what is lost. */
    if ((facts.fs & BIT(ORD_F_DRAIN)) != 0)
        add(&names, "total-queue");
    else if ((facts.fs & BIT(ORD_F_ENQUEUE)) != 0)
        add(&names, "queue");
    if ((facts.fs & BIT(ORD_F_GENERATE)) != 0)
        add(&names, "unique-ids");
    if ((facts.fs & BIT(ORD_F_TRANSFER)) != 0 ||
        (looks.pairs && (facts.fs & ~BIT(ORD_F_READ)) == 0))
        add(&names, "bank");
    if (looks.inserts)
        add(&names, "adya-g2");
    if (facts.has_final) {
        add(&names, "lost");
        add(&names, "convergence");
    }
    /* It chooses its model itself, and says which operation it does not know:
     * `stats` alone would be an empty pass. */
    if (names.count == 1 || (facts.fs & objects) != 0)
        add(&names, "linearizable");
    return names.count;
}
