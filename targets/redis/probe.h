/* probe.h -- can a node serve, has it caught up, does it lead?
 *
 * where: "IP", or "IP/COUNT" of a group of so many nodes under Sentinel.
 */
#ifndef ORD_REDIS_PROBE_H
#define ORD_REDIS_PROBE_H

#include <stdbool.h>
#include <stdint.h>

/* It answers, and its Sentinel knows all replicas and all Sentinels; or its
 * cluster serves every slot. */
bool redis_ready(const char *where, int64_t deadline_ns);
/* It follows, connected, the node that its Sentinel takes for the leader, or
 * is that node; in a cluster: follows or leads, and all slots are served. */
bool redis_settled(const char *where, int64_t deadline_ns);
/* It says that it leads, and its Sentinel says so too; *epoch is that of the
 * configuration.  Of a cluster's leaders each is one. */
bool redis_primary(const char *where, int64_t deadline_ns, int64_t *epoch);

#endif
