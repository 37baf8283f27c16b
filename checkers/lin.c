/* lin.c -- the models there are, and how a question is put to one. */
#include "checkers/lin.h"

#include <string.h>

#include "checkers/models.h"

static const struct ord_model *const models[] = {
    &ord_model_cas_register, &ord_model_counter,         &ord_model_fifo_queue,
    &ord_model_kv,           &ord_model_multi_register,  &ord_model_mutex,
    &ord_model_owner_mutex,  &ord_model_register,        &ord_model_set,
    &ord_model_stack,        &ord_model_unordered_queue, NULL,
};

const struct ord_model *const *ord_models(void)
{
    return models;
}

const struct ord_model *ord_model_find(const char *name)
{
    ORD_ASSERT(name != NULL);
    for (size_t i = 0; models[i] != NULL; i++) {
        if (strcmp(models[i]->name, name) == 0)
            return models[i];
    }
    return NULL;
}

static void forget(struct ord_lin *lin)
{
    lin->outcome = ORD_UNKNOWN;
    lin->is_declined = false;
    lin->is_rest_decided = false;
    lin->order = NULL;
    lin->order_count = 0;
    lin->core = NULL;
    lin->core_count = 0;
    lin->reason = ORD_LIN_UNSAID;
    lin->why_count = 0;
    lin->open_count = 0;
    lin->why[0] = '\0';
    lin->undecided_from = 0;
    lin->undecided_to = lin->event_count;
}

int ord_lin_decide(const struct ord_model *model, struct ord_lin *lin,
                   struct ord_err *err)
{
    int rc = ORD_OK;

    ORD_ASSERT(model->fast != NULL || model->exact != NULL);
    ORD_ASSERT(lin->arena != NULL);
    ORD_ASSERT(lin->steps_left != NULL);
    if (model->fast != NULL) {
        forget(lin);
        rc = model->fast(lin, err);
        if (rc != ORD_OK || !lin->is_declined)
            return rc;
        ORD_ASSERT(lin->outcome == ORD_UNKNOWN);
    }
    if (model->exact == NULL)
        return ORD_OK;
    forget(lin);
    return model->exact(lin, err);
}
