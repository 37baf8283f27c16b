/* bad.c -- ordeal-bad-client: one misbehaviour after N good answers.
 *
 * For tests of the harness, which has to survive each of these.
 *
 *     ordeal-bad-client hang|exit|garbage|long|twice|wrong-id|bad-type [N]
 *     ordeal-bad-client slow-start [MILLISECONDS]
 *     ordeal-bad-client die-at-start
 *
 * It misbehaves by itself and uses the library for the good answers only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/base/buf.h"
#include "harness/base/file.h"
#include "targets/client/client.h"

enum {
    EXIT_USAGE = 64,
    EXIT_BAD = 3,
    HANG_MINUTES = 10,
    SLOW_START_MS = 3000,
    LONG_SIZE = 10 << 20,
};

enum way {
    WAY_HANG,
    WAY_EXIT,
    WAY_GARBAGE,
    WAY_LONG,
    WAY_TWICE,
    WAY_WRONG_ID,
    WAY_BAD_TYPE,
    WAY_SLOW_START,
    WAY_DIE_AT_START,
    WAY_COUNT
};

static const char *const way_names[] = {
    [WAY_HANG] = "hang",
    [WAY_EXIT] = "exit",
    [WAY_GARBAGE] = "garbage",
    [WAY_LONG] = "long",
    [WAY_TWICE] = "twice",
    [WAY_WRONG_ID] = "wrong-id",
    [WAY_BAD_TYPE] = "bad-type",
    [WAY_SLOW_START] = "slow-start",
    [WAY_DIE_AT_START] = "die-at-start",
};
_Static_assert(sizeof way_names / sizeof *way_names == WAY_COUNT,
               "every way has its name");

struct bad {
    enum way way;
    int64_t good_count; /* answers still to be good; of slow-start: ms */
};

/* Nothing waits for ever, not even this. */
static void hang(void)
{
    for (int minutes = 0; minutes < HANG_MINUTES; minutes++)
        ord_client_pause(60000);
}

static void say(struct ord_bytes text)
{
    struct ord_err err;

    if (ord_write_all(STDOUT_FILENO, text, &err) != ORD_OK)
        exit(EXIT_BAD); /* the harness has had enough of us */
}

static void say_answer(int64_t id, const char *type)
{
    struct ord_buf line;

    ord_buf_init(&line, 256);
    ord_buf_printf(&line, "{\"id\":%lld,\"type\":\"%s\"}\n", (long long)id,
                   type);
    say(ord_buf_bytes(&line));
    ord_buf_fini(&line);
}

static void say_long_line(void)
{
    struct ord_buf line;
    char *at;

    ord_buf_init(&line, LONG_SIZE + 1);
    at = ord_buf_reserve(&line, LONG_SIZE);
    ORD_ASSERT(at != NULL);
    memset(at, 'x', LONG_SIZE);
    ord_buf_commit(&line, LONG_SIZE);
    ord_buf_char(&line, '\n');
    say(ord_buf_bytes(&line));
    ord_buf_fini(&line);
}

static int bad_open(const struct ord_client_init *init, void **state,
                    struct ord_err *err)
{
    (void)init;
    (void)state;
    (void)err;
    return ORD_OK;
}

/* Returns where the library's own answer follows. */
static void misbehave(enum way way, int64_t id)
{
    switch (way) {
    case WAY_HANG:
        hang();
        return;
    case WAY_EXIT:
        exit(EXIT_BAD);
    case WAY_GARBAGE:
        say(ord_bytes_of("\x01\xff{]garbage\n"));
        return;
    case WAY_LONG:
        say_long_line();
        return;
    case WAY_TWICE:
        say_answer(id, "ok");
        return;
    case WAY_WRONG_ID:
        say_answer(id + 1000, "ok");
        hang(); /* the right answer never comes */
        return;
    case WAY_BAD_TYPE:
        say_answer(id, "maybe");
        hang();
        return;
    default:
        return;
    }
}

static void bad_invoke(void *state, const struct ord_client_op *op,
                       struct ord_client_done *done)
{
    struct bad *bad = state;

    done->type = ORD_CLIENT_OK;
    done->has_value = op->f == ORD_CLIENT_READ;
    if (bad->way == WAY_SLOW_START)
        return;
    if (bad->good_count > 0)
        bad->good_count--;
    else
        misbehave(bad->way, op->id);
}

static bool parse_count(const char *text, int64_t *count)
{
    struct ord_client_value value = ord_client_scalar(ord_bytes_of(text));

    *count = value.as.number;
    return value.kind == ORD_CLIENT_INT && *count >= 0;
}

int main(int argc, char **argv)
{
    struct bad bad = {.way = WAY_COUNT};
    const struct ord_client_ops ops = {
        .name = "ordeal-bad-client",
        .context = &bad,
        .open = bad_open,
        .invoke = bad_invoke,
    };

    for (int way = 0; argc > 1 && way < WAY_COUNT; way++) {
        if (strcmp(argv[1], way_names[way]) == 0)
            bad.way = (enum way)way;
    }
    if (bad.way == WAY_SLOW_START)
        bad.good_count = SLOW_START_MS;
    if (bad.way == WAY_COUNT || argc > 3 ||
        (argc == 3 && !parse_count(argv[2], &bad.good_count))) {
        (void)fprintf(stderr, "usage: %s WAY [COUNT], see its source\n",
                      ops.name);
        return EXIT_USAGE;
    }
    if (bad.way == WAY_DIE_AT_START)
        return EXIT_BAD;
    if (bad.way == WAY_SLOW_START)
        ord_client_pause(bad.good_count);
    return ord_client_main(1, argv, &ops);
}
