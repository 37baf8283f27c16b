/* version_graph.h -- which versions of a register came before which, by what
 * sessions did and saw; for checkers only.
 *
 * For each object a graph of its writes, and edges a -> b, a before b:
 *   kept:  what the guarantee at hand promises: MW, a session wrote a and then
 *          b; WFR, a session read a and then wrote b;
 *   seen:  a successful cas from a put b; and, unless readers may be anywhere,
 *          a session read or wrote a and then read b.
 * "Then" is certain: the first had ended before the second began.  The
 * guarantee is broken iff a kept edge lies on a cycle of these edges.  Reads of
 * nil, of what nobody wrote and of repeated values take no part.
 *
 * Cost: O(n log n) for n deeds, and for each that is concurrent with others of
 * its session one edge for each of these; 24 bytes an edge.
 */
#ifndef ORD_CHECKERS_VERSION_GRAPH_H
#define ORD_CHECKERS_VERSION_GRAPH_H

#include "checkers/trace.h"

enum ord_guarantee { ORD_MONOTONIC_WRITES, ORD_WRITES_FOLLOW_READS };

/* The whole check: of all objects, with its verdict. */
int ord_version_graph_check(const struct ord_check_in *in,
                            enum ord_guarantee guarantee,
                            struct ord_verdict *out, struct ord_err *err);

#endif
