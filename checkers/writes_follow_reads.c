/* writes_follow_reads.c -- what a session writes comes after what it had read.
 *
 * Claim:       registers, each value written once: for each object there is one
 *              order of its versions (replicas agree on it, as Terry's do) in
 *              which a version that a session wrote
 *              comes after every version of it that this session had read
 *              before (the read had ended before the write began), each
 *              successful cas comes after what it expected, and no session
 *              reads something older than what it read or wrote before.  A
 *              session may span several devices and processes.
 * Not claimed: reads and writes of several objects (causal,
 *              consistent-prefix); what needs other guarantees besides for its
 *              contradiction; reads of nil; final reads; unfinished writes that
 *              nobody saw.
 * Unknown:     a read object is no register; a read returned a value written
 *              more than once; no session read and then wrote one object.
 * Cost:        O(calls log calls).  A violation is a cycle of versions.
 * Source:      Terry et al., PDIS 1994 ("session causality" elsewhere); the
 *              graph: version_graph.h.
 */
#include "checkers/registry.h"
#include "checkers/version_graph.h"

static int check(const struct ord_check_in *in, struct ord_verdict *out,
                 struct ord_err *err)
{
    return ord_version_graph_check(in, ORD_WRITES_FOLLOW_READS, out, err);
}

const struct ord_checker ord_checker_writes_follow_reads = {
    .name = "writes-follow-reads",
    .claim = "what a session writes comes after what it had read of the object",
    .check = check,
};
