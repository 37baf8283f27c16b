/* disk_int.h -- what disk.c and the files of its kinds share. */
#ifndef ORD_NEMESIS_DISK_INT_H
#define ORD_NEMESIS_DISK_INT_H

#include "harness/disk/disk.h"
#include "nemesis/env.h"
#include "nemesis/nemesis.h"

enum disk_kind {
    DISK_POWER_CUT,
    DISK_FULL,
    DISK_EIO,
    DISK_LYING_FSYNC,
    DISK_SLOW,
    DISK_FLIP,
    DISK_TRUNCATE,
    DISK_KINDS,
};

enum disk_region { DISK_TAIL, DISK_HEAD, DISK_ANY };

struct disk_fault { /* an entry's parameters, understood */
    uint32_t kind;  /* enum disk_kind */
    uint32_t keep_ppm;
    uint32_t torn;    /* enum ord_disk_torn */
    uint32_t model;   /* enum ord_disk_model */
    uint32_t backend; /* enum ord_disk_backend */
    uint32_t ops;     /* bit 1 << enum ord_disk_op */
    uint32_t ppm;
    uint32_t delay_us;
    uint64_t room;
    const char *files; /* a pattern */
    uint32_t region;   /* enum disk_region */
    uint32_t count;
    uint64_t size;
};

/* One kind, between inject and heal. */
struct disk_kind_ops {
    bool needs_disk; /* else it does with files as they are */
    bool kills;
    int (*inject)(struct ord_nemesis_env *env, struct ord_fault_state *state,
                  const struct disk_fault *disk, struct ord_err *err);
    int (*heal)(struct ord_nemesis_env *env, struct ord_fault_state *state,
                struct ord_err *err);
    int (*took_hold)(struct ord_nemesis_env *env, struct ord_fault_state *state,
                     bool *held, struct ord_buf *evidence, struct ord_err *err);
};

extern const struct disk_kind_ops ord_disk_power_ops;
extern const struct disk_kind_ops ord_disk_rule_ops; /* full to slow */
extern const struct disk_kind_ops ord_disk_damage_ops;

int ord_disk_fault_read(const struct ord_nemesis_ops *ops,
                        const struct ord_fault_param *params, uint32_t count,
                        struct disk_fault *out, struct ord_err *err);

/* Starts again what the fault killed. */
int ord_disk_restart(struct ord_nemesis_env *env, struct ord_fault_state *state,
                     struct ord_err *err);

#endif
