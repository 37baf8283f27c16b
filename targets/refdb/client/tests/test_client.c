#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/clock.h"
#include "targets/refdb/client/tests/support_fake.h"

enum { TIMEOUT_MS = 300 };

/* ---- each way that a call can end --------------------------------------- */

struct end_row {
    enum fake_way ways[FAKE_NODES];
    char home; /* the client's own node */
    char op[80];
    char workload[12];
    char settings[64];
    char want[64];   /* a part of the answer */
    char trace[100]; /* of the C client; "" is not looked at */
};

#define W "\"f\":\"write\",\"key\":1,\"value\":5"
#define R "\"f\":\"read\",\"key\":1"
#define LFF                                                                    \
    {                                                                          \
        FAKE_LEADS, FAKE_FOLLOWS, FAKE_FOLLOWS                                 \
    }
#define ALL(way)                                                               \
    {                                                                          \
        way, way, way                                                          \
    }
#define ANY "\"read-from\":\"any\""
#define HOME "\"route\":\"home\""

static const struct end_row rows[] = {
    /* the leader is where it is asked first, or one hint away */
    {LFF, 1, W, "register", "", "\"ok\"", "1 SET 1 5"},
    {LFF, 2, W, "register", "", "\"ok\"", "2 SET 1 5, 1 SET 1 5"},
    {LFF, 2, W, "register", HOME, "\"fail\"", ""},
    {LFF, 2, R, "register", "", "null", "2 GET 1, 1 GET 1"},
    {{FAKE_HINTS_3, FAKE_FOLLOWS, FAKE_LEADS},
     1,
     W,
     "register",
     "",
     "\"ok\"",
     "1 SET 1 5, 3 SET 1 5"},
    /* nobody to follow: the others are asked in turn */
    {{FAKE_NO_LEADER, FAKE_FENCED, FAKE_LEADS},
     1,
     W,
     "register",
     "",
     "\"ok\"",
     ""},
    {{FAKE_DOWN, FAKE_LOST_HINT, FAKE_LEADS},
     1,
     W,
     "register",
     "",
     "\"ok\"",
     "2 SET 1 5, 3 SET 1 5"},
    {{FAKE_LEADS, FAKE_DEAF, FAKE_FOLLOWS}, 2, W, "register", "", "\"ok\"", ""},
    /* definite: nothing happened, whoever is asked */
    {ALL(FAKE_NO_LEADER), 1, W, "register", "", "\"fail\"", ""},
    {ALL(FAKE_FENCED), 1, W, "register", "", "\"fail\"", ""},
    {ALL(FAKE_LOADING), 1, W, "register", "", "\"fail\"", ""},
    {ALL(FAKE_DOWN), 1, W, "register", "", "\"fail\"", ""},
    {ALL(FAKE_DEAF), 1, W, "register", "", "\"fail\"", ""},
    {ALL(FAKE_BAD_COMMAND), 1, W, "register", "", "\"fail\"", "1 SET 1 5"},
    /* nobody knows; and nobody else may be asked */
    {ALL(FAKE_UNCERTAIN), 1, W, "register", "", "\"info\"", "1 SET 1 5"},
    {ALL(FAKE_ODD_ERROR), 1, W, "register", "", "\"info\"", "1 SET 1 5"},
    {ALL(FAKE_SILENT), 1, W, "register", "", "\"info\"", "1 SET 1 5"},
    {ALL(FAKE_CLOSES), 1, W, "register", "", "\"info\"", "1 SET 1 5"},
    {ALL(FAKE_RESETS), 1, W, "register", "", "\"info\"", "1 SET 1 5"},
    {ALL(FAKE_HALF), 1, W, "register", "", "\"info\"", "1 SET 1 5"},
    {ALL(FAKE_GARBAGE), 1, W, "register", "", "\"info\"", "1 SET 1 5"},
    {ALL(FAKE_PLAIN), 1, W, "register", "", "\"info\"", "1 SET 1 5"},
    {ALL(FAKE_LATE), 1, W, "register", "", "\"info\"", "1 SET 1 5"},
    {{FAKE_FOLLOWS, FAKE_UNCERTAIN, FAKE_LEADS},
     2,
     W,
     "register",
     "",
     "\"info\"",
     "2 SET 1 5"},
    /* a read changed nothing, however it ended */
    {ALL(FAKE_SILENT), 1, R, "register", "", "\"fail\"", ""},
    {ALL(FAKE_RESETS), 1, R, "register", "", "\"fail\"", ""},
    {ALL(FAKE_GARBAGE), 1, R, "register", "", "\"fail\"", ""},
    {ALL(FAKE_HALF), 1, R, "register", ANY, "\"fail\"", ""},
    {ALL(FAKE_LOADING), 1, R, "register", ANY, "\"fail\"", ""},
    {ALL(FAKE_DOWN), 1, R, "register", ANY, "\"fail\"", ""},
    {LFF, 1, R, "register", ANY, "\"value\":null", ""},
    {{FAKE_TRICKLES, FAKE_FOLLOWS, FAKE_FOLLOWS},
     1,
     W,
     "register",
     "",
     "\"ok\"",
     "1 SET 1 5"},
    /* compare and set: two commands, two answers */
    {LFF, 1, "\"f\":\"cas\",\"key\":1,\"value\":[null,4]", "register", "",
     "\"ok\"", "1 CASNIL 1 4"},
    {LFF, 1, "\"f\":\"cas\",\"key\":1,\"value\":[3,4]", "register", "",
     "\"fail\"", "1 CAS 1 3 4"},
    /* sets and lists */
    {LFF, 1, "\"f\":\"add\",\"key\":1,\"value\":7", "set", "", "\"ok\"",
     "1 SADD 1 7"},
    {LFF, 1, "\"f\":\"append\",\"key\":1,\"value\":7", "list", "", "\"ok\"",
     "1 RPUSH 1 7"},
    {LFF, 1, R, "set", "", "\"value\":[]", "1 SMEMBERS 1"},
    {LFF, 1, R, "list", "", "\"value\":[]", "1 LRANGE 1"},
    /* one replica's own state, from nobody else */
    {LFF, 1, R ",\"node\":\"n2\",\"final\":true", "register", "",
     "\"node\":\"n2\"", "2 LOCAL GET 1"},
    {{FAKE_LEADS, FAKE_DOWN, FAKE_FOLLOWS},
     1,
     R ",\"node\":\"n2\"",
     "register",
     "",
     "\"fail\"",
     ""},
    {{FAKE_LEADS, FAKE_LOADING, FAKE_FOLLOWS},
     1,
     R ",\"node\":\"n2\"",
     "register",
     "",
     "\"fail\"",
     "2 LOCAL GET 1"},
};

static void check_end(const struct end_row *row, enum program_kind kind)
{
    static struct program program;
    static struct fake fake;
    char trace[FAKE_TRACE_SIZE];
    char line[256];

    fake_start(&fake);
    for (int i = 0; i < FAKE_NODES; i++)
        fake.ways[i] = row->ways[i];
    (void)poll(NULL, 0, 10); /* listeners that shall be down go down */
    cr_assert(program_start(&program, kind, &fake, row->home, row->workload,
                            row->settings, TIMEOUT_MS));
    (void)snprintf(line, sizeof line, "{\"id\":17,%s}", row->op);
    cr_assert(program_say(&program, line), "no answer to %s", line);
    cr_expect_not_null(strstr(program.line, "{\"id\":17,"), "%s", program.line);
    cr_expect_not_null(strstr(program.line, row->want),
                       "program %d, ways %d %d %d, %s: %s lacks %s", kind,
                       row->ways[0], row->ways[1], row->ways[2], row->op,
                       program.line, row->want);
    fake_look(&fake, trace);
    if (row->trace[0] != '\0' && kind == PROGRAM_C)
        cr_expect_str_eq(trace, row->trace, "%s: asked %s, not %s", row->op,
                         trace, row->trace);
    cr_expect_eq(program_end(&program), 0);
    fake_stop(&fake);
}

/* Rows in a loop: Criterion's own parameters leak under ASan. */
Test(client, ends, .timeout = 120)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_end(&rows[i], PROGRAM_C);
}

/* The same of the client in Python, apart from whom it asks. */
Test(client, ends_in_python, .timeout = 120)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].settings, HOME) != 0) /* which it does not know */
            check_end(&rows[i], PROGRAM_PYTHON);
    }
}

/* ---- what follows a call ------------------------------------------------ */

static struct fake fake;
static struct program program;
static char trace[FAKE_TRACE_SIZE];

static const char *ask(const char *line)
{
    cr_assert(program_say(&program, line), "no answer to %s", line);
    fake_look(&fake, trace);
    return program.line;
}

static void begin(enum program_kind kind, int home, const char *workload,
                  const char *settings)
{
    fake_start(&fake);
    cr_assert(program_start(&program, kind, &fake, home, workload, settings,
                            TIMEOUT_MS));
}

static void finish(void)
{
    cr_expect_eq(program_end(&program), 0);
    fake_stop(&fake);
}

static void expect_asked(const char *want)
{
    cr_expect_str_eq(trace, want, "asked %s, not %s", trace, want);
}

/* The answer of an operation that was given up must not be the next one's. */
static void late_answer(enum program_kind kind)
{
    int good_count = 0;

    begin(kind, 1, "register", "");
    fake.ways[0] = FAKE_LATE;
    cr_expect_not_null(
        strstr(ask("{\"id\":1,\"f\":\"write\",\"value\":5}"), "info"));
    fake.ways[0] = FAKE_LEADS;
    for (int id = 2; id < 40; id++) {
        char line[100];
        char want[32];

        (void)snprintf(line, sizeof line,
                       "{\"id\":%d,\"f\":\"write\",\"value\":%d}", id, id);
        if (strstr(ask(line), "\"ok\"") == NULL)
            continue; /* the node is still busy with the old one */
        good_count++;
        (void)snprintf(line, sizeof line, "{\"id\":%d,\"f\":\"read\"}", id);
        (void)snprintf(want, sizeof want, "\"value\":%d", id);
        cr_expect_not_null(strstr(ask(line), want), "%s", program.line);
    }
    cr_expect_gt(good_count, 10);
    finish();
}

Test(client, late_answers_are_nobodys, .timeout = 60)
{
    late_answer(PROGRAM_C);
    late_answer(PROGRAM_PYTHON);
}

/* A connection that died while nobody looked costs nothing. */
Test(client, connections_that_died_are_made_again, .timeout = 20)
{
    begin(PROGRAM_C, 1, "register", "");
    (void)ask("{\"id\":1,\"f\":\"write\",\"value\":5}");
    fake.ways[0] = FAKE_DOWN;
    (void)poll(NULL, 0, 50);
    fake.ways[0] = FAKE_LEADS;
    (void)poll(NULL, 0, 50);
    cr_expect_not_null(
        strstr(ask("{\"id\":2,\"f\":\"write\",\"value\":6}"), "\"ok\""));
    finish();
}

Test(client, answers_carry_node_epoch_position_and_stamps, .timeout = 20)
{
    int64_t before_ns = ord_now_ns();
    long long sent_ns = 0;
    long long received_ns = 0;
    const char *at;

    begin(PROGRAM_C, 2, "register", "");
    at = strstr(ask("{\"id\":1,\"f\":\"write\",\"value\":5}"), "\"sent_ns\"");
    cr_assert_not_null(at);
    cr_expect_eq(sscanf(at, "\"sent_ns\":%lld,\"received_ns\":%lld", &sent_ns,
                        &received_ns),
                 2);
    cr_expect(before_ns < sent_ns && sent_ns < received_ns &&
              received_ns < ord_now_ns());
    cr_expect_not_null(
        strstr(program.line, "\"node\":\"n1\",\"epoch\":3,\"position\":11}"));
    finish();
}

/* The leader is remembered; home is asked again when it fails, and every so
 * often anyway. */
Test(client, leader_is_remembered_and_looked_for_again, .timeout = 20)
{
    begin(PROGRAM_C, 2, "register", "\"rediscover\":\"3\"");
    (void)ask("{\"id\":1,\"f\":\"write\",\"value\":5}");
    expect_asked("2 SET 0 5, 1 SET 0 5");
    (void)ask("{\"id\":2,\"f\":\"write\",\"value\":6}");
    expect_asked("1 SET 0 6");
    fake.ways[0] = FAKE_FOLLOWS;
    fake.ways[1] = FAKE_LEADS;
    (void)ask("{\"id\":3,\"f\":\"write\",\"value\":7}");
    expect_asked("1 SET 0 7, 2 SET 0 7");
    fake.ways[0] = FAKE_LEADS; /* two leaders: home's counts in the end */
    fake.ways[1] = FAKE_FOLLOWS;
    (void)ask("{\"id\":4,\"f\":\"write\",\"value\":8}");
    expect_asked("2 SET 0 8, 1 SET 0 8");
    fake.ways[1] = FAKE_LEADS;
    (void)ask("{\"id\":5,\"f\":\"write\",\"value\":9}");
    (void)ask("{\"id\":6,\"f\":\"write\",\"value\":9}");
    (void)ask("{\"id\":7,\"f\":\"write\",\"value\":9}");
    (void)ask("{\"id\":8,\"f\":\"write\",\"value\":9}");
    expect_asked("2 SET 0 9");
    finish();
}

#define WRITE(key, session, device)                                            \
    "{\"id\":1,\"f\":\"write\",\"key\":" #key                                  \
    ",\"value\":5,\"session\":" #session ",\"device\":" #device "}"
#define READ(key, session, device)                                             \
    "{\"id\":2,\"f\":\"read\",\"key\":" #key ",\"session\":" #session          \
    ",\"device\":" #device "}"

Test(client, any_asks_all_replicas, .timeout = 20)
{
    int asked[FAKE_NODES] = {0};

    begin(PROGRAM_C, 1, "sessions", "\"read-from\":\"any\"");
    for (int i = 0; i < 60; i++) {
        (void)ask(READ(1, 1, 0));
        cr_assert(trace[0] >= '1' && trace[0] <= '3');
        asked[trace[0] - '1']++;
        cr_expect_str_eq(trace + 1, " LOCAL GET 1");
    }
    for (int i = 0; i < FAKE_NODES; i++)
        cr_expect_gt(asked[i], 5, "n%d: %d of 60", i + 1, asked[i]);
    finish();
}

Test(client, sticky_stays_and_moves_on_when_it_must, .timeout = 20)
{
    char first;
    char second;

    begin(PROGRAM_C, 1, "sessions", "\"read-from\":\"sticky\"");
    (void)ask(READ(1, 7, 0));
    first = trace[0];
    for (int i = 0; i < 10; i++) {
        (void)ask(READ(1, 7, 1));
        cr_expect_eq(trace[0], first);
    }
    fake.ways[first - '1'] = FAKE_DOWN;
    (void)poll(NULL, 0, 20);
    cr_expect_not_null(strstr(ask(READ(1, 7, 0)), "\"ok\""));
    second = trace[0];
    cr_expect_neq(second, first);
    fake.ways[first - '1'] = FAKE_FOLLOWS;
    (void)ask(READ(1, 7, 0));
    cr_expect_eq(trace[0], second, "it has to stay there");
    finish();
}

Test(client, own_data_comes_from_the_leader, .timeout = 20)
{
    begin(PROGRAM_C, 1, "sessions", "\"read-from\":\"own-from-leader\"");
    (void)ask(READ(4, 4, 1)); /* the user's own key */
    expect_asked("1 GET 4");
    (void)ask(READ(5, 4, 1));
    cr_expect_not_null(strstr(trace, " LOCAL GET 5"));
    (void)ask(WRITE(5, 4, 0));
    (void)ask(READ(5, 4, 1)); /* by now it is, on every device */
    expect_asked("1 GET 5");
    (void)ask(READ(5, 6, 1));
    cr_expect_not_null(strstr(trace, " LOCAL GET 5"));
    finish();
}

Test(client, leader_answers_for_a_while_after_a_write, .timeout = 20)
{
    begin(PROGRAM_C, 1, "sessions",
          "\"read-from\":\"leader-for\",\"leader-for\":\"200ms\"");
    (void)ask(READ(1, 1, 0));
    cr_expect_not_null(strstr(trace, " LOCAL GET 1"));
    (void)ask(WRITE(1, 1, 0));
    (void)ask(READ(1, 1, 1));
    expect_asked("1 GET 1");
    (void)ask(READ(1, 2, 0)); /* others wrote nothing */
    cr_expect_not_null(strstr(trace, " LOCAL GET 1"));
    (void)poll(NULL, 0, 220);
    (void)ask(READ(1, 1, 1));
    cr_expect_not_null(strstr(trace, " LOCAL GET 1"));
    finish();
}

Test(client, lag_below_falls_back_to_the_leader, .timeout = 20)
{
    begin(PROGRAM_C, 1, "sessions",
          "\"read-from\":\"lag-below\",\"lag-below\":\"40ms\"");
    (void)ask(READ(1, 1, 0));
    cr_expect_not_null(strstr(trace, " MAXLAG 40 GET 1"));
    for (int i = 0; i < FAKE_NODES; i++)
        fake.ways[i] = i == 0 ? FAKE_LEADS : FAKE_LAGS;
    for (int i = 0; i < 20; i++) {
        cr_expect_not_null(strstr(ask(READ(1, 1, 0)), "\"ok\""));
        if (trace[0] != '1')
            cr_expect_not_null(strstr(trace, ", 1 GET 1"), "%s", trace);
    }
    (void)ask(WRITE(1, 1, 0));
    (void)ask(READ(1, 1, 0)); /* a replica's lag may be that old */
    expect_asked("1 GET 1");
    finish();
}

Test(client, position_is_the_devices, .timeout = 20)
{
    begin(PROGRAM_C, 1, "sessions", "\"read-from\":\"position\"");
    (void)ask(WRITE(1, 1, 0)); /* at 11 */
    (void)ask(READ(1, 1, 0));
    cr_expect_not_null(strstr(trace, " MINPOS 11 75 GET 1"), "%s", trace);
    (void)ask(READ(1, 1, 1)); /* the other device knows of nothing */
    cr_expect_not_null(strstr(trace, " MINPOS 0 75 GET 1"), "%s", trace);
    (void)ask(READ(1, 1, 1)); /* but of what it has read */
    cr_expect_not_null(strstr(trace, " MINPOS 11 75 GET 1"), "%s", trace);
    finish();
}

Test(client, central_position_is_the_users, .timeout = 20)
{
    begin(PROGRAM_C, 1, "sessions", "\"read-from\":\"position-central\"");
    (void)ask(WRITE(1, 1, 0));
    (void)ask(READ(1, 1, 1));
    cr_expect_not_null(strstr(trace, " MINPOS 11 75 GET 1"), "%s", trace);
    (void)ask(READ(1, 2, 0));
    cr_expect_not_null(strstr(trace, " MINPOS 0 75 GET 1"), "%s", trace);
    finish();
}

Test(client, laggards_send_us_to_the_leader, .timeout = 20)
{
    begin(PROGRAM_C, 1, "sessions", "\"read-from\":\"position\"");
    for (int i = 1; i < FAKE_NODES; i++)
        fake.ways[i] = FAKE_LAGS;
    (void)ask(WRITE(1, 1, 0));
    for (int i = 0; i < 20; i++)
        cr_expect_not_null(strstr(ask(READ(1, 1, 0)), "\"value\":5"));
    finish();
}

/* What a node of an older epoch says is of a history that was given up. */
Test(client, an_older_epoch_does_not_count, .timeout = 20)
{
    begin(PROGRAM_C, 1, "sessions", "\"read-from\":\"position\"");
    (void)ask(WRITE(1, 1, 0));
    fake.epochs[1] = 2;
    fake.epochs[2] = 2;
    for (int i = 0; i < 20; i++)
        cr_expect_not_null(strstr(ask(READ(1, 1, 0)), "\"epoch\":3"), "%s",
                           program.line);
    /* A new leader has lost what we saw: its word replaces ours. */
    for (int i = 0; i < FAKE_NODES; i++) {
        fake.epochs[i] = 4;
        fake.ways[i] = i == 0 ? FAKE_LEADS : FAKE_LAGS;
    }
    fake.position = 8;
    (void)ask(WRITE(1, 1, 0));
    (void)ask(READ(1, 1, 0));
    cr_expect_not_null(strstr(trace, " MINPOS 9 75 GET 1"), "%s", trace);
    finish();
}

Test(client, probes, .timeout = 20)
{
    char leader[32];
    char follower[32];

    fake_start(&fake);
    (void)snprintf(leader, sizeof leader, "127.0.0.1:%d", fake.ports[0]);
    (void)snprintf(follower, sizeof follower, "127.0.0.1:%d", fake.ports[1]);
    cr_expect_eq(program_probe(&program, "--ready", leader), 0);
    cr_expect_eq(program_probe(&program, "--ready", follower), 1);
    cr_expect_eq(program_probe(&program, "--primary", leader), 0);
    cr_expect_str_eq(program.line, "7");
    cr_expect_eq(program_probe(&program, "--primary", follower), 1);
    fake.ways[1] = FAKE_DEAF;
    cr_expect_eq(program_probe(&program, "--primary", follower), 1);
    fake.ways[1] = FAKE_DOWN;
    (void)poll(NULL, 0, 50);
    cr_expect_eq(program_probe(&program, "--ready", follower), 1);
    cr_expect_eq(program_probe(&program, "--ready", "not an address"), 1);
    cr_expect_eq(program_probe(&program, "--what", leader), 64);
    fake_stop(&fake);
}

Test(client, bad_settings_are_refused_at_the_start, .timeout = 20)
{
    static const char *const settings[] = {
        "\"read-from\":\"moon\"",   "\"route\":\"scenic\"",
        "\"leader-for\":\"1\"",     "\"lag-below\":\"fast\"",
        "\"rediscover\":\"never\"",
    };

    fake_start(&fake);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        cr_expect_not(program_start(&program, PROGRAM_C, &fake, 1, "register",
                                    settings[i], TIMEOUT_MS));
        cr_expect_eq(program_end(&program), 64, "%s", settings[i]);
    }
    fake_stop(&fake);
}
