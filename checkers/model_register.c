/* model_register.c -- a register, with and without compare-and-set. */
#include "checkers/models.h"

#define BIT(f) (UINT64_C(1) << (f))

const struct ord_model ord_model_cas_register = {
    .name = "cas-register",
    .about = "read, write, cas [expected new]; nil at first",
    .law = "a read returns what the last write put",
    .fs = BIT(ORD_F_READ) | BIT(ORD_F_WRITE) | BIT(ORD_F_CAS),
    .fast = ord_register_zones,
    .exact = ord_register_search,
};

const struct ord_model ord_model_register = {
    .name = "register",
    .about = "read, write; nil at first",
    .law = "a read returns what the last write put",
    .fs = BIT(ORD_F_READ) | BIT(ORD_F_WRITE),
    .fast = ord_register_zones,
    .exact = ord_register_search,
};
