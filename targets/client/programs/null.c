/* null.c -- ordeal-null-client: answers ok at once and talks to nobody.
 *
 * For benchmarks of the harness and for its tests: what it costs to record an
 * operation when the database costs nothing.  A read finds nothing.
 */
#include "targets/client/client.h"

static int null_open(const struct ord_client_init *init, void **state,
                     struct ord_err *err)
{
    (void)init;
    (void)err;
    *state = NULL;
    return ORD_OK;
}

static void null_invoke(void *state, const struct ord_client_op *op,
                        struct ord_client_done *done)
{
    ORD_ASSERT(state == NULL);
    done->type = ORD_CLIENT_OK;
    done->has_value = op->f == ORD_CLIENT_READ;
    done->node = op->node;
}

static bool null_ready(const char *ip, int64_t deadline_ns)
{
    (void)ip;
    (void)deadline_ns;
    return true;
}

int main(int argc, char **argv)
{
    static const struct ord_client_ops ops = {
        .name = "ordeal-null-client",
        .open = null_open,
        .invoke = null_invoke,
        .ready = null_ready,
    };

    return ord_client_main(argc, argv, &ops);
}
