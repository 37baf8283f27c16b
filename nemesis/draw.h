/* draw.h -- what a seed makes of a campaign's nemesis entries.
 *
 * A parameter may be a list of texts, or a range of durations or of numbers
 * with one unit (5ms..2s, 1%..10%, +-1s..+-1m): each seed draws one value for
 * its whole run.  A wide range (the high end 8 times the low one, or more) is
 * drawn by its order of magnitude first, so that small values come as well.
 * In swarm mode a seed also leaves a random half of the entries out, though
 * never all, and narrows the ranges of every and for: faults come often in one
 * run and seldom in another.  See Groce et al., "Swarm Testing", ISSTA 2012:
 * what is left out cannot hide what the rest would find.
 */
#ifndef ORD_NEMESIS_DRAW_H
#define ORD_NEMESIS_DRAW_H

#include "nemesis/nemesis.h"

/* Is there anything to draw, swarm mode or not? */
bool ord_entries_vary(const struct ord_nemesis_entry *entries, uint32_t count);

/* Sets out[0 .. count-1] (indexes stay as they are) in the arena.  A pure
 * function of entries, seed and is_swarm.  ORD_ENOMEM. */
int ord_entries_draw(const struct ord_nemesis_entry *entries, uint32_t count,
                     uint64_t seed, bool is_swarm, struct ord_arena *arena,
                     struct ord_nemesis_entry *out, struct ord_err *err);

/* Tries what could be drawn: each choice, and both ends of each range, beside
 * the first of the others.  Ends with the first error of `trial`. */
typedef int ord_entry_trial(void *ctx, const struct ord_nemesis_entry *entry,
                            struct ord_err *err);
int ord_entry_try(const struct ord_nemesis_entry *entry,
                  struct ord_arena *arena, ord_entry_trial *trial, void *ctx,
                  struct ord_err *err);
/* Does the entry's fault understand all of it? ORD_EUSAGE names the parameter.
 */
int ord_entry_check(const struct ord_nemesis_entry *entry,
                    const struct ord_plan_in *in, struct ord_err *err);
/* Can all of it work on this machine? See ord_nemesis_probe(). */
int ord_entry_probe(const struct ord_nemesis_entry *entry,
                    struct ord_arena *arena, struct ord_err *err);

/* Swarm mode's coin for each of count things, but never all are left out.
 * what: a word of its own for each kind of things. */
void ord_swarm_pick(uint64_t seed, const char *what, uint32_t count,
                    bool *is_left_out);

#endif
