/* monotonic_writes.c -- a session's writes stay in the order it made them.
 *
 * Claim:       registers, each value written once: for each object there is one
 *              order of its versions (replicas agree on it, as Terry's do) in
 *              which every session's writes stand as
 *              that session made them (the first acknowledged before the second
 *              began), each successful cas comes after what it expected, and
 *              (readers: monotonic, the default) no session reads something
 *              older than what it read or wrote before.  A session may span
 *              several devices and processes.
 *              readers: any makes no use of who read what in which order, for
 *              a reader on a replica that lags sees old versions, too, and the
 *              writes may be innocent: then only cas tells.
 * Not claimed: writes of one session to several objects (causal,
 *              consistent-prefix); what needs other guarantees besides for its
 *              contradiction; reads of nil; final reads; unfinished writes
 *              that nobody saw.
 * Unknown:     a read object is no register; a read returned a value written
 *              more than once; no session wrote to one object twice; nothing
 *              was read.
 * Cost:        O(calls log calls).  A violation is a cycle of versions.
 * Source:      Terry et al.: Session guarantees for weakly consistent
 *              replicated data, PDIS 1994; the graph: version_graph.h.
 */
#include "checkers/registry.h"
#include "checkers/version_graph.h"

static int check(const struct ord_check_in *in, struct ord_verdict *out,
                 struct ord_err *err)
{
    return ord_version_graph_check(in, ORD_MONOTONIC_WRITES, out, err);
}

const struct ord_checker ord_checker_monotonic_writes = {
    .name = "monotonic-writes",
    .claim = "a session's writes to one object stay in the order it made them",
    .options = "readers: monotonic (what a session reads later is newer), or "
               "any",
    .check = check,
};
