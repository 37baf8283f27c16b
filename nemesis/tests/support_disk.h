/* support_disk.h -- one disk fault on its way through plan, inject, took_hold
 * and heal, under a shell script on each node.
 */
#ifndef ORD_NEMESIS_TESTS_SUPPORT_DISK_H
#define ORD_NEMESIS_TESTS_SUPPORT_DISK_H

#include "harness/control/tests/support_trial.h"
#include "nemesis/env.h"
#include "nemesis/nemesis.h"

struct bench {
    struct trial *trial;
    struct ord_arena arena;
    struct ord_nemesis_env env;
    struct ord_fault_plan plan;
    struct ord_fault_state state;
    struct ord_buf evidence;
    const char *script; /* that each node runs in its data directory */
    bool held;
};

/* Starts the script on all nodes; 0 if all is well, as of all of these. */
int bench_init(struct bench *bench, struct trial *t, const char *script);
void bench_fini(struct bench *bench);
/* Plans and injects the fault; asks whether it took hold, and heals. */
int bench_begin(struct bench *bench, const char *text);
int bench_end(struct bench *bench);

/* Does the evidence hold the text? Prints it if not. */
bool bench_says(struct bench *bench, const char *text);
/* Size of a file of a node; -1: there is none. */
long bench_size(struct bench *bench, uint32_t node, const char *name);
/* Waits until the file has so many bytes, the node's log holds the text. */
bool bench_grows(struct bench *bench, uint32_t node, const char *name,
                 long size);
bool bench_logs(struct bench *bench, uint32_t node, const char *text);

/* Runs it in a sandbox with so many nodes; skips, with why, what this machine
 * refuses. */
void bench_try(int (*body)(struct trial *), uint32_t node_count,
               bool has_disks);
/* The same on real ext4, which takes root. */
void bench_try_ext4(int (*body)(struct trial *), uint32_t node_count);

#endif
