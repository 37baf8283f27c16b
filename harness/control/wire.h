/* wire.h -- the network as a matrix of links in shared memory.
 *
 * Two banks hold a whole matrix each; one store puts the other in force, on
 * the switch's next frame.  One process (the operator) writes; every process
 * forked after ord_wire_new() may read counters.
 *
 * Faults overlap, so each lays its own changes over the base under its own
 * number and takes away no more than these: a link is up if nobody cut it,
 * delays and jitters add, probabilities combine as 1-(1-a)(1-b), the lowest
 * rate, the longest burst and the byte limit that is reached first win, and a
 * link is clogged while anybody clogs it.  The outcome does not depend on the
 * order of laying on and clearing.
 *
 * Changes are in force only after ord_wire_commit(): cut ten links and commit
 * once, and no frame sees half of a partition.
 */
#ifndef ORD_CONTROL_WIRE_H
#define ORD_CONTROL_WIRE_H

#include <stdint.h>

#include "harness/base/err.h"
#include "harness/control/link.h"

enum { ORD_WIRE_OVERLAYS_MAX = 65536 };

struct ord_wire; /* the handle; a fork copies it, the banks stay shared */

/* port_count 2..ORD_PORTS_MAX; all links plain.  ORD_ENOMEM, ORD_EIO. */
int ord_wire_new(uint32_t port_count, uint64_t seed, struct ord_wire **out,
                 struct ord_err *err);
void ord_wire_free(struct ord_wire **wire);
uint32_t ord_wire_port_count(const struct ord_wire *wire);

/* --- the writer's side: one process only ------------------------------- */

/* What lies under all faults, e.g. the distance between datacenters. */
void ord_wire_base(struct ord_wire *wire, uint32_t from, uint32_t to,
                   const struct ord_link *link);
/* Lays `change` of fault `fault_id` over a link; the same fault and link
 * again: replaces.  ORD_ELIMIT beyond ORD_WIRE_OVERLAYS_MAX. */
int ord_wire_overlay(struct ord_wire *wire, uint64_t fault_id, uint32_t from,
                     uint32_t to, const struct ord_link *change,
                     struct ord_err *err);
/* Takes away what this fault laid; unknown ones are fine. */
void ord_wire_clear(struct ord_wire *wire, uint64_t fault_id);
void ord_wire_clear_all(struct ord_wire *wire);
/* Puts base and overlays in force.  O(ports^2 + overlays); waits for the
 * switch to have seen the commit before this one, some 10 us, at most 1 s:
 * ORD_ETIMEOUT then, ORD_EDIED if the switch is dead. */
int ord_wire_commit(struct ord_wire *wire, struct ord_err *err);

/* --- everybody's side -------------------------------------------------- */

/* The link in force. */
struct ord_link ord_wire_link(const struct ord_wire *wire, uint32_t from,
                              uint32_t to);
struct ord_link_counts ord_wire_counts(const struct ord_wire *wire,
                                       uint32_t from, uint32_t to);
/* Commits so far; the last one that the switch has acted on. */
uint64_t ord_wire_generation(const struct ord_wire *wire);
uint64_t ord_wire_seen(const struct ord_wire *wire);
/* CLOCK_MONOTONIC ns of the last commit's store; 0: none yet. */
int64_t ord_wire_commit_ns(const struct ord_wire *wire);
/* When the link dropped its first frame because it was cut, since the last
 * commit; 0: none yet. */
int64_t ord_wire_first_drop_ns(const struct ord_wire *wire, uint32_t from,
                               uint32_t to);

#endif
