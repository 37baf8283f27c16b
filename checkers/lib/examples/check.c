/* check.c -- a small `ordeal check`, and a history made by hand.
 *
 *     cc check.c $(pkg-config --cflags --libs ordeal) -o check
 *     ./check history.edn linearizable register
 *     ./check                    # judges the history of made_here()
 */
#include <ordeal.h>
#include <stdio.h>

/* Process 0's write is acknowledged before process 1 asks, and not seen. */
static struct ordeal_history *made_here(char *error)
{
    static const struct ordeal_event events[] = {
        {.process = 0, .type = ORDEAL_INVOKE, .f = "write", .value = "5"},
        {.process = 0, .type = ORDEAL_OK, .f = "write", .value = "5"},
        {.process = 1, .type = ORDEAL_INVOKE, .f = "read"},
        {.process = 1, .type = ORDEAL_OK, .f = "read", .value = "null"},
    };
    struct ordeal_history *history = ordeal_history_new(0, error);

    for (int i = 0; history != NULL && i < 4; i++) {
        if (ordeal_add(history, &events[i], error) != 0) {
            ordeal_history_free(history);
            return NULL;
        }
    }
    if (history != NULL && ordeal_end(history, error) != 0) {
        ordeal_history_free(history);
        return NULL;
    }
    return history;
}

static void explain(const struct ordeal_history *history,
                    const struct ordeal_result *result)
{
    const int64_t *ops = NULL;
    size_t count = ordeal_result_ops(result, &ops);
    char line[512];

    printf("%s\n", ordeal_result_why(result));
    for (size_t i = 0; i < count; i++) {
        ordeal_event_text(history, ops[i], line, sizeof line);
        printf("  %s\n", line);
    }
}

int main(int argc, char **argv)
{
    const char *checker = argc > 2 ? argv[2] : "linearizable";
    const char *model = argc > 3 ? argv[3] : NULL;
    char error[ORDEAL_ERROR_SIZE];
    struct ordeal_history *history;
    struct ordeal_result *result;
    int verdict = 64;

    history = argc > 1 ? ordeal_open(argv[1], NULL, error) : made_here(error);
    if (history == NULL) {
        fprintf(stderr, "%s\n", error);
        return verdict;
    }
    result = ordeal_check(history, checker, model, NULL, error);
    if (result == NULL) {
        fprintf(stderr, "%s\n", error);
    } else {
        explain(history, result);
        verdict = ordeal_result_verdict(result);
    }
    ordeal_result_free(result);
    ordeal_history_free(history);
    return verdict;
}
