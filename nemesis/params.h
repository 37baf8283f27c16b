/* params.h -- reading a fault's parameters, and naming nodes; for nemesis/. */
#ifndef ORD_NEMESIS_PARAMS_H
#define ORD_NEMESIS_PARAMS_H

#include "nemesis/nemesis.h"

/* The text given, else the preset. */
const char *ord_fault_param(const struct ord_nemesis_ops *ops,
                            const struct ord_fault_param *params,
                            uint32_t count, const char *name);
/* Was it given at all? */
bool ord_fault_has(const struct ord_fault_param *params, uint32_t count,
                   const char *name);

/* All return ORD_EUSAGE with "name: text: expected ...". */
int ord_parse_choice(const char *name, const char *text,
                     const char *const *choices, uint32_t *out,
                     struct ord_err *err);
int ord_parse_us(const char *name, const char *text, uint32_t *us,
                 struct ord_err *err); /* a duration up to 60 s */
int ord_parse_ppm(const char *name, const char *text, uint32_t *ppm,
                  struct ord_err *err); /* "5%", "0.05" */
int ord_parse_rate(const char *name, const char *text, uint64_t *bit_s,
                   struct ord_err *err); /* "10Mbit", "0": none */

int ord_parse_size(const char *name, const char *text, uint64_t *bytes,
                   struct ord_err *err); /* "1500", "64KiB", up to 1 TB */

/* Whom a fault is about: names, or a way to choose. */
enum ord_pick {
    ORD_PICK_RANDOM,
    ORD_PICK_LEADER,
    ORD_PICK_NAMED,
    ORD_PICK_THAT, /* whose event it was */
};
struct ord_pick_nodes {
    enum ord_pick pick;
    uint64_t nodes; /* NAMED */
};
/* "random", "leader", "that node", or "n1" or "n1,n3" (also separated by
 * blanks). */
int ord_parse_nodes(const char *name, const char *text, uint32_t node_count,
                    struct ord_pick_nodes *out, struct ord_err *err);

static inline uint64_t ord_all_nodes(uint32_t node_count)
{
    return node_count >= 64 ? UINT64_MAX : (UINT64_C(1) << node_count) - 1;
}
static inline uint64_t ord_one_node(uint32_t node) /* 1..64 */
{
    return UINT64_C(1) << (node - 1);
}
/* Is port (0: clients) in the mask of nodes? */
static inline bool ord_has_node(uint64_t nodes, uint32_t port)
{
    return port > 0 && (nodes >> (port - 1) & 1) != 0;
}
/* The lowest node of a mask that is not empty. */
static inline uint32_t ord_first_node(uint64_t nodes)
{
    return (uint32_t)__builtin_ctzll(nodes) + 1;
}

/* A random order of nodes 1..node_count, the same for all parts of the
 * fault's occasion. */
void ord_fault_order(const struct ord_fault *fault, uint32_t node_count,
                     uint32_t order[ORD_NODES_MAX]);
/* The nodes named, the primary, or one by the fault's seed; empty if it is the
 * primary and primary is ORD_PRIMARY_LATER. */
uint64_t ord_pick_one(const struct ord_fault *fault,
                      const struct ord_pick_nodes *pick, uint32_t node_count,
                      uint32_t primary);
/* "n1 n2 n3" */
void ord_print_nodes(uint64_t nodes, struct ord_buf *out);
/* Sets fault->what; no nodes: "the leader". */
void ord_fault_say(struct ord_fault *fault, const char *before, uint64_t nodes,
                   const char *after);

#endif
