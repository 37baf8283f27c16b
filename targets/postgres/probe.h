/* probe.h -- what the harness asks about a server: can it serve, has it caught
 * up, does it lead; what its start script asks: whom to follow; and the order
 * to lead.
 *
 * where: "IP/PEERS", the node's address and those of all nodes, by commas.
 */
#ifndef ORD_POSTGRES_PROBE_H
#define ORD_POSTGRES_PROBE_H

#include <stdbool.h>
#include <stdint.h>

/* A primary with every other node streaming from it, or a standby that streams
 * (both: that answers a query).  With logical replication: a publisher with a
 * slot for every other node, or a subscriber. */
bool pg_ready(const char *where, int64_t deadline_ns);
/* The only primary, or a standby that has replayed all that the only primary
 * had written when asked.  With logical replication: it applied all that the
 * others had written when asked, or apply has come to a conflict, for ever. */
bool pg_settled(const char *where, int64_t deadline_ns);
/* It is a primary; *epoch is its timeline. */
bool pg_primary(const char *where, int64_t deadline_ns, int64_t *epoch);

/* Prints "IP TIMELINE" of the primary among PEERS with the highest timeline,
 * after a checkpoint there: pg_rewind reads the control file, which a new
 * primary writes late.  The exit code: 1 if there is none. */
int pg_look(const char *peers);
/* Makes a standby the primary; returns at once.  The exit code: 1 if it is
 * none, or not fit: only_ahead and another standby has received more. */
int pg_promote(const char *where, bool only_ahead);

#endif
