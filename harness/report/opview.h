/* opview.h -- an operation as people see it: invocation and completion as one,
 * and the faults that a history tells of. */
#ifndef ORD_REPORT_OPVIEW_H
#define ORD_REPORT_OPVIEW_H

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/report/result.h"
#include "histories/history.h"

enum {
    ORD_VIEW_ITEMS_MAX = 6,  /* of a list, before "... of 900" */
    ORD_VIEW_TEXT_MAX = 160, /* bytes of a text */
};

struct ord_op_view {
    const struct ord_op *invoke;   /* never NULL; the event itself if alone */
    const struct ord_op *complete; /* NULL: it never came back */
    int64_t begin_ns;
    int64_t end_ns; /* ORD_NONE: never */
    uint16_t node;  /* who answered, else who was asked */
    uint8_t type;   /* enum ord_op_type: ok, fail or info */
};

/* Of the operation that the event at `index` belongs to. */
struct ord_op_view ord_op_view_at(const struct ord_history *history,
                                  int64_t index);

/* EDN, long lists and texts shortened. */
void ord_value_brief(const struct ord_value *value, struct ord_buf *out);
/* "k4", "\"user 3\"", or "" for nil: the key as people say it. */
void ord_key_brief(const struct ord_value *key, struct ord_buf *out);
/* "add k4 17", "read k4 -> [1 2]"; arrow is what stands before the answer. */
void ord_op_view_print(const struct ord_op_view *view, const char *arrow,
                       struct ord_buf *out);
/* "1.298 s" */
void ord_time_print(int64_t time_ns, struct ord_buf *out);

/* The operations of a list of event indexes: each once, in order of their
 * begin.  views has room for `count`; indexes that the history does not have
 * are left out. Returns how many. */
uint32_t ord_op_views(const struct ord_history *history, const int64_t *indexes,
                      uint32_t count, struct ord_op_view *views);

/* The faults in the history's own nemesis events (value ["begin"|"end", id,
 * what]), in the arena; held is true, evidence NULL. ORD_ENOMEM. */
int ord_history_faults(const struct ord_history *history,
                       struct ord_arena *arena,
                       const struct ord_fault_result **faults, uint32_t *count,
                       struct ord_err *err);

/* What the nemesis measured of a node's clock: value ["offset", fault, real_ns,
 * mono_ns, rate_ppm, strobe_ns, strobe_period_ns], at op->node. */
struct ord_clock_view {
    uint32_t fault_id; /* since whose begin or end; 0: none's */
    int64_t real_ns;   /* how far off the real clock is, */
    int64_t mono_ns;   /* and the monotonic one */
    int64_t rate_ppm;  /* by how much both run fast */
    int64_t strobe_ns; /* the real clock is off by this, too, in every other */
    int64_t strobe_period_ns; /* period; 0: in none */
};

/* False: it is no such event. */
bool ord_op_clock(const struct ord_op *op, struct ord_clock_view *out);
/* "+30.000 s, rate +10%, strobe +5.000 s every 200 ms"; "true". */
void ord_clock_view_print(const struct ord_clock_view *view,
                          struct ord_buf *out);

#endif
