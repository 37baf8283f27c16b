#include "nemesis/overlap.h"

#include <stdio.h>
#include <string.h>

#include "nemesis/params.h"

enum ord_grip ord_fault_grip(const struct ord_fault *fault)
{
    return fault->ops->grip == NULL ? ORD_GRIP_RUNS : fault->ops->grip(fault);
}

void ord_beside_add(struct ord_beside *beside, const struct ord_fault *fault)
{
    ORD_ASSERT(beside->count < ORD_PLAN_MAX);
    beside->faults[beside->count++] = fault;
    if (ord_fault_grip(fault) == ORD_GRIP_DOWN) {
        beside->down |= fault->nodes;
        beside->frozen &= ~fault->nodes;
    }
    if (ord_fault_grip(fault) == ORD_GRIP_FROZEN)
        beside->frozen |= fault->nodes & ~beside->down;
}

static uint64_t out_of_it(const struct ord_beside *beside)
{
    uint64_t nodes = 0;

    for (uint32_t i = 0; i < beside->count; i++) {
        if (ord_fault_grip(beside->faults[i]) == ORD_GRIP_OUT)
            nodes |= beside->faults[i]->nodes;
    }
    return nodes;
}

static void say(char why[ORD_WHY_NOT_SIZE], const char *before, uint64_t nodes,
                const char *after)
{
    struct ord_buf text;

    ord_buf_init(&text, 4096);
    ord_buf_text(&text, before);
    ord_print_nodes(nodes, &text);
    (void)snprintf(why, ORD_WHY_NOT_SIZE, "%s%s%s", ord_buf_str(&text),
                   (nodes & (nodes - 1)) == 0 ? " is " : " are ", after);
    ord_buf_fini(&text);
}

static bool is_excluded(const struct ord_fault *fault,
                        const struct ord_beside *beside,
                        char why[ORD_WHY_NOT_SIZE])
{
    for (uint32_t i = 0; fault->ops->excludes != NULL && i < beside->count;
         i++) {
        const struct ord_fault *other = beside->faults[i];

        if (other->ops->excludes == NULL ||
            strcmp(other->ops->excludes, fault->ops->excludes) != 0 ||
            (other->nodes & fault->nodes) == 0)
            continue;
        (void)snprintf(why, ORD_WHY_NOT_SIZE,
                       "%s %s (fault %u) is in force there", other->ops->name,
                       other->what, other->id);
        return true;
    }
    return false;
}

/* Is there nobody whom it could do something to? */
static bool is_pointless(const struct ord_fault *fault,
                         const struct ord_beside *beside, uint64_t out,
                         char why[ORD_WHY_NOT_SIZE])
{
    enum ord_grip grip = ord_fault_grip(fault);
    uint64_t nodes = fault->nodes;

    if ((grip == ORD_GRIP_DOWN || fault->ops->wants_running) &&
        (nodes & ~beside->down) == 0)
        say(why, "", nodes & beside->down, "down");
    else if (fault->ops->wants_running &&
             (nodes & ~beside->down & ~beside->frozen) == 0)
        say(why, "", nodes & beside->frozen, "frozen");
    else if (fault->ops->wants_running &&
             (nodes & ~beside->down & ~beside->frozen & ~out) == 0)
        say(why, "", nodes & out, "no member");
    else
        return false;
    return true;
}

bool ord_may_begin(const struct ord_fault *fault,
                   const struct ord_beside *beside, char why[ORD_WHY_NOT_SIZE])
{
    uint64_t out = out_of_it(beside);
    uint64_t away = beside->down | beside->frozen | out | fault->nodes;

    if (fault->nodes == 0)
        return true;
    if (is_excluded(fault, beside, why) ||
        is_pointless(fault, beside, out, why))
        return false;
    if (ord_fault_grip(fault) == ORD_GRIP_RUNS || beside->away_max == 0 ||
        (uint32_t)__builtin_popcountll(away) <= beside->away_max)
        return true;
    (void)snprintf(why, ORD_WHY_NOT_SIZE,
                   "%d nodes would be down, frozen or out at once, %u may be",
                   __builtin_popcountll(away), beside->away_max);
    return false;
}

/* ---- of a plan ----------------------------------------------------------- */

static bool is_over(const struct ord_fault *fault, int64_t now_ns)
{
    return fault->duration_ns > 0 &&
           fault->at_ns + fault->duration_ns <= now_ns;
}

/* What is left of the faults so far when this one is due. */
static void leave_out_past(struct ord_beside *beside, int64_t now_ns)
{
    uint32_t count = beside->count;

    beside->count = 0;
    beside->down = 0;
    beside->frozen = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_over(beside->faults[i], now_ns))
            ord_beside_add(beside, beside->faults[i]);
    }
}

int ord_plan_overlaps(struct ord_fault_plan *plan, const struct ord_plan_in *in,
                      struct ord_err *err)
{
    struct ord_beside beside = {.away_max = in->away_max};

    if (plan->count == 0)
        return ORD_OK;
    beside.faults =
        ord_arena_zalloc(in->arena, plan->count, sizeof(struct ord_fault *));
    if (beside.faults == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the plan");
    for (uint32_t i = 0; i < plan->count; i++) {
        struct ord_fault *fault = &plan->faults[i];
        char why[ORD_WHY_NOT_SIZE];

        if (fault->trigger != ORD_AT_TIME || fault->nodes == 0)
            continue;
        leave_out_past(&beside, fault->at_ns);
        if (ord_may_begin(fault, &beside, why)) {
            ord_beside_add(&beside, fault);
            continue;
        }
        fault->not_begun = ord_arena_strdup(in->arena, why);
        if (fault->not_begun == NULL)
            return ord_fail(err, ORD_ENOMEM, "no memory for the plan");
    }
    return ORD_OK;
}
