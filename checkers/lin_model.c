/* lin_model.c -- the model that fits what was done to an object. */
#include "checkers/lin_objects.h"

#define NONE ORD_LIN_NONE
#define BIT(f) (UINT64_C(1) << (f))

/* The first whose functions are all that were used; READ alone tells little. */
static const struct {
    uint64_t fs;
    const char *model;
} fits[] = {
    {BIT(ORD_F_READ) | BIT(ORD_F_WRITE) | BIT(ORD_F_CAS), "cas-register"},
    {BIT(ORD_F_ENQUEUE) | BIT(ORD_F_DEQUEUE), "fifo-queue"},
    {BIT(ORD_F_PUSH) | BIT(ORD_F_POP), "stack"},
    {BIT(ORD_F_ACQUIRE) | BIT(ORD_F_RELEASE), "mutex"},
    {BIT(ORD_F_ADD) | BIT(ORD_F_REMOVE) | BIT(ORD_F_CONTAINS) | BIT(ORD_F_READ),
     "set"},
    {BIT(ORD_F_GET) | BIT(ORD_F_PUT) | BIT(ORD_F_APPEND), "kv"},
    {BIT(ORD_F_READ) | BIT(ORD_F_WRITE) | BIT(ORD_F_TXN), "multi-register"},
};

/* It may have happened, and somebody can say what it was. */
static bool tells(const struct ord_lin *lin, uint32_t i)
{
    return lin->type[i] != ORD_OP_FAIL && !ord_lin_is_final(lin, i);
}

static bool has_number(const struct ord_lin *lin, uint32_t i)
{
    return lin->f[i] == ORD_F_READ && lin->type[i] == ORD_OP_OK &&
           ord_lin_value(lin, lin->out[i]).kind == ORD_INT;
}

static bool has_list(const struct ord_lin *lin, uint32_t i)
{
    return lin->f[i] == ORD_F_READ && lin->type[i] == ORD_OP_OK &&
           ord_lin_value(lin, lin->out[i]).kind == ORD_LIST;
}

/* Reads bring a list where there is a set, a number where there is a counter:
 * a few of them are enough to tell. */
static const char *by_reads(const struct ord_lin *lin, uint64_t fs)
{
    enum { LOOKS_MAX = 16 };
    uint32_t looks = 0;

    if ((fs & BIT(ORD_F_WRITE)) != 0 || (fs & BIT(ORD_F_READ)) == 0)
        return NULL;
    for (uint32_t i = 0; i < lin->count && looks < LOOKS_MAX; i++) {
        looks += lin->f[i] == ORD_F_READ && lin->type[i] == ORD_OP_OK;
        if (fs == BIT(ORD_F_READ) && has_list(lin, i))
            return "set";
        if ((fs & ~(BIT(ORD_F_READ) | BIT(ORD_F_ADD))) == 0 &&
            (fs & BIT(ORD_F_ADD)) != 0 && has_number(lin, i))
            return "counter";
    }
    return NULL;
}

const struct ord_model *ord_lin_model(const struct ord_lin *lin, uint32_t *odd)
{
    uint64_t fs = 0;
    uint64_t fitting = UINT64_MAX;
    const char *name = NULL;

    *odd = NONE;
    for (uint32_t i = 0; i < lin->count; i++) {
        if (tells(lin, i))
            fs |= BIT(lin->f[i]);
    }
    name = by_reads(lin, fs);
    for (size_t k = 0; k < sizeof fits / sizeof *fits && name == NULL; k++) {
        if ((fs & ~fits[k].fs) == 0)
            name = fits[k].model;
    }
    if (name != NULL)
        return ord_model_find(name);
    /* The first call that goes with none of those before it. */
    fs = 0;
    for (uint32_t i = 0; i < lin->count && *odd == NONE; i++) {
        if (!tells(lin, i))
            continue;
        fs |= BIT(lin->f[i]);
        fitting = 0;
        for (size_t k = 0; k < sizeof fits / sizeof *fits; k++)
            fitting += (fs & ~fits[k].fs) == 0;
        if (fitting == 0)
            *odd = i;
    }
    return NULL;
}
