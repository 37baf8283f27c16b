/* minimise.c -- see minimise.h. */
#include "checkers/minimise.h"

int ord_minimise(const struct ord_model *model, struct ord_lin *lin,
                 bool *is_minimal, struct ord_err *err)
{
    ORD_ASSERT(model != NULL);
    ORD_ASSERT(lin->outcome == ORD_INVALID);
    (void)err;
    /* NEEDSWORK(proofs): the core is what the engine gave. */
    *is_minimal = false;
    return ORD_OK;
}
