/* registry.h -- the faults that registry.c lists, one file each. */
#ifndef ORD_NEMESIS_REGISTRY_H
#define ORD_NEMESIS_REGISTRY_H

#include "nemesis/nemesis.h"

extern const struct ord_nemesis_ops ord_nemesis_partition;
extern const struct ord_nemesis_ops ord_nemesis_slow;
extern const struct ord_nemesis_ops ord_nemesis_flaky;
extern const struct ord_nemesis_ops ord_nemesis_packet;
extern const struct ord_nemesis_ops ord_nemesis_kill;
extern const struct ord_nemesis_ops ord_nemesis_pause;
extern const struct ord_nemesis_ops ord_nemesis_clock;
extern const struct ord_nemesis_ops ord_nemesis_process;
extern const struct ord_nemesis_ops ord_nemesis_disk;
extern const struct ord_nemesis_ops ord_nemesis_promote;
extern const struct ord_nemesis_ops ord_nemesis_member;

#endif
