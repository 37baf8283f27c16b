#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "harness/base/clock.h"
#include "targets/refdb/config.h"

enum { WORDS_MAX = 16 };

struct row {
    char more[64]; /* words after a good command line */
    char want[64]; /* part of the error; "": none */
};

static int parse(char *more, struct rd_config *config, struct ord_err *err)
{
    char *argv[WORDS_MAX] = {"refdb",    "--id=2",
                             "--ip",     "127.0.0.12",
                             "--peers",  "1=127.0.0.11,2=127.0.0.12",
                             "--data=d", NULL};
    int argc = 7;

    for (char *at = more; *at != '\0' && argc < WORDS_MAX;) {
        char *space = strchr(at, ' ');

        argv[argc++] = at;
        if (space == NULL)
            break;
        *space = '\0';
        at = space + 1;
    }
    return rd_config_parse(config, argc, argv, err);
}

ParameterizedTestParameters(config, lines)
{
    static struct row rows[] = {
        {"", ""},
        {"--ack=async --failover=manual --fencing=off", ""},
        {"--ack=sync --candidate=any --stonith=both", ""},
        {"--timeout 250ms --snapshot-after=10", ""},
        {"--nonsense=1", "unknown setting --nonsense"},
        {"--ack=some", "async, semi-sync, sync, quorum"},
        {"--ack", "needs a value"},
        {"ack=sync", "--KEY=VALUE"},
        {"--timeout=300", "--timeout=300"},
        {"--timeout=1ms", "20ms to 60000ms"},
        {"--id=0", "from 1 to 64"},
        {"--id=3", "does not name node 3"},
        {"--id=3 --join=on", ""},
        {"--controller=9 --ack=async", "not among"},
        {"--ip=localhost", "IPv4"},
        {"--peers=1=127.0.0.1", "each id once"},
        {"--failover=manual", "ack=quorum needs failover=election"},
        {"--candidate=any", "ack=quorum needs candidate"},
        {"--fencing=off", "ack=quorum needs fencing=on"},
        {"--stonith=one", "ack=quorum needs stonith=off"},
        {"--log=statement", "row"},
    };
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, config, lines, .timeout = 5)
{
    struct rd_config config;
    struct ord_err err = {0};
    char more[64];
    int rc;

    memcpy(more, row->more, sizeof more);
    rc = parse(more, &config, &err);
    if (row->want[0] == '\0') {
        cr_expect_eq(rc, ORD_OK, "%s: %s", row->more, err.text);
        return;
    }
    cr_expect_eq(rc, ORD_EUSAGE, "%s", row->more);
    cr_expect_not_null(strstr(err.text, row->want), "%s: %s", row->more,
                       err.text);
}

Test(config, defaults)
{
    struct rd_config config;
    struct ord_err err = {0};
    char none[] = "";

    cr_assert_eq(parse(none, &config, &err), ORD_OK, "%s", err.text);
    cr_expect_eq(config.core.ack, RD_QUORUM);
    cr_expect_eq(config.core.failover, RD_ELECTION);
    cr_expect(config.core.is_fencing);
    cr_expect_eq(config.core.timeout_ns, 300 * ORD_MS);
    cr_expect_eq(config.core.controller, 2);
    cr_expect_eq(config.client_port, 6379);
    cr_expect_eq(config.peer_port, 7000);
}
