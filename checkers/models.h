/* models.h -- the models that lin.c lists, and the engines of registers. */
#ifndef ORD_CHECKERS_MODELS_H
#define ORD_CHECKERS_MODELS_H

#include "checkers/lin.h"

extern const struct ord_model ord_model_cas_register;
extern const struct ord_model ord_model_counter;
extern const struct ord_model ord_model_fifo_queue;
extern const struct ord_model ord_model_kv;
extern const struct ord_model ord_model_multi_register;
extern const struct ord_model ord_model_mutex;
extern const struct ord_model ord_model_owner_mutex;
extern const struct ord_model ord_model_register;
extern const struct ord_model ord_model_set;
extern const struct ord_model ord_model_stack;
extern const struct ord_model ord_model_unordered_queue;

/* Unique values: zones of Gibbons and Korach (SIAM J. Comput. 26(4), 1997),
 * extended by chains of compare-and-set (ours; see register_zones.c).
 * Declines where a value is written twice, or nil, or a failed cas says
 * something.  O(calls + atoms) time; 12 bytes an atom, 20 with cas, and where
 * the order is wanted 4 an atom and 4 a call. */
int ord_register_zones(struct ord_lin *lin, struct ord_err *err);

/* Any values: a search over the configurations that are possible at each
 * place (see register_search.c). */
int ord_register_search(struct ord_lin *lin, struct ord_err *err);

#endif
