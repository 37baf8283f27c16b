/* target.h -- a system under test, as its target.yaml describes it.
 *
 * Command lines are lists of templates, never shell strings.  Placeholders:
 * {bin} {target} {node} {index} {ip} {data} {peers} {settings} {seed} {count}
 * {members} {via};
 * `{settings}` as a whole argument becomes one `--name=value` per setting of
 * the nodes.
 */
#ifndef ORD_RUN_TARGET_H
#define ORD_RUN_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/arena.h"
#include "harness/base/err.h"

struct ord_setting_spec {
    const char *name;
    const char *preset;        /* "": not passed on unless it is set */
    const char *about;         /* NULL: nothing said */
    const char *const *values; /* NULL: any text; else NULL at the end */
    bool is_for_client;        /* not passed to the nodes */
};

struct ord_setting {
    const char *name;
    const char *value;
};

struct ord_target { /* in the arena it was loaded into */
    const char *name;
    const char *about;
    const char *dir;          /* the folder of target.yaml */
    const char *bin;          /* the folder of ordeal's own programs */
    const char *const *needs; /* programs, or paths; NULL: none.  Without one
                                 of them cells are skipped, and say so */
    const char *const *start;
    const char *const *ready;   /* NULL: ready when started */
    const char *const *settled; /* asked after healing, once the node is ready:
                                   may final reads begin?  NULL: at once */
    const char *const *primary; /* NULL: the target has none */
    const char *const *promote; /* makes the node the primary; NULL: none */
    const char *const *members; /* prints the cluster's members, asked at {via};
                                   NULL, or with `join` and `leave` */
    const char *const *join;    /* makes {node} a member, asked at {via} */
    const char *const *leave;   /* and none any more */
    const char *const *start_joined; /* of a node that was not there at the
                                        beginning; NULL: `start` */
    const struct ord_setting *fixed; /* with these the members never change */
    uint32_t fixed_count;
    const char *const *client;
    const char *const *logs; /* patterns of files that `on: log` watches,
                                besides what a node prints; NULL: none */
    const char *const *env;  /* NAME=VALUE; NULL: none */
    const char *peer;        /* template of one element of {peers} */
    int stop_signal;         /* to the main program, for a graceful end... */
    const char *const *stop_argv; /* ...or (not NULL) run inside the node */
    int64_t grace_ns;             /* so long that may take */
    int64_t ready_within_ns;
    int64_t timeout_ns; /* of one operation, unless the cell says otherwise */
    const char *const *workloads;
    const struct ord_setting_spec *settings;
    uint32_t setting_count;
};

/* What the placeholders stand for. */
struct ord_template {
    const struct ord_target *target;
    uint32_t node; /* 1..count; 0: of no node */
    uint32_t count;
    uint64_t seed;
    uint32_t via;     /* who is asked; 0: nobody */
    uint64_t members; /* of {members}, bit i-1 is node i; 0: 1..count */
    const char *data; /* the node's data folder; NULL where there is none */
    const struct ord_setting *settings; /* effective, all of the target's */
    uint32_t setting_count;
};

/* name_or_dir: a folder with a target.yaml, relative to from_dir when it
 * starts with '.', or a name in targets_dir.  ORD_EUSAGE with file and line;
 * ORD_ENOTFOUND names the folders looked at. */
int ord_target_load(const char *name_or_dir, const char *from_dir,
                    const char *targets_dir, const char *bin_dir,
                    struct ord_arena *arena, const struct ord_target **out,
                    struct ord_err *err);
const struct ord_setting_spec *
ord_target_setting(const struct ord_target *target, const char *name);
/* The command that faults may ask for: "primary", "promote"; NULL: none. */
const char *const *ord_target_command(const struct ord_target *target,
                                      const char *what);
/* "10.77.0.11" of node 1, in the arena. */
const char *ord_target_ip(struct ord_arena *arena, uint32_t node);
/* Fills in the placeholders; NULL at the end, in the arena.  ORD_EUSAGE for an
 * unknown placeholder. */
int ord_template_argv(const struct ord_template *in, const char *const *argv,
                      struct ord_arena *arena, const char *const **out,
                      struct ord_err *err);
/* The first of `needs` that is neither a path (in which '*' stands for
 * anything) nor in PATH nor in bin; NULL if all are there. */
const char *ord_target_missing(const struct ord_target *target);

#endif
