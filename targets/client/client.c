#include "targets/client/client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/base/buf.h"
#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "targets/client/line.h"

enum {
    EXIT_USAGE = 64,
    READ_SIZE = 1 << 16,
    ARENA_SIZE_MAX = 64 << 20,
    READY_MS = 950, /* of the second that the contract gives */
    PRIMARY_MS = 280,
    CHANGE_MS = 900,
    PAUSE_MS_MAX = 60000,
};

/* ---- helpers ------------------------------------------------------------ */

static const char *find(const struct ord_client_setting *settings,
                        uint32_t count, const char *name, const char *preset)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(settings[i].name, name) == 0)
            return settings[i].value;
    }
    return preset;
}

const char *ord_client_setting(const struct ord_client_init *init,
                               const char *name, const char *preset)
{
    return find(init->settings, init->setting_count, name, preset);
}

int64_t ord_client_param(const struct ord_client_init *init, const char *name,
                         int64_t preset)
{
    const char *text = find(init->params, init->param_count, name, "");
    struct ord_client_value value = ord_client_scalar(ord_bytes_of(text));

    return value.kind == ORD_CLIENT_INT ? value.as.number : preset;
}

bool ord_client_is_first(const struct ord_client_init *init)
{
    return init->process == init->worker;
}

void ord_client_conclude(struct ord_client_done *done,
                         enum ord_client_type type, const char *format, ...)
{
    va_list args;

    done->type = type;
    va_start(args, format);
    (void)vsnprintf(done->error, sizeof done->error, format, args);
    va_end(args);
}

void ord_client_pause(int64_t ms)
{
    int64_t until_ns =
        ord_now_ns() + (ms < PAUSE_MS_MAX ? ms : PAUSE_MS_MAX) * ORD_MS;

    for (;;) {
        int64_t left_ns = until_ns - ord_now_ns();
        struct timespec left = {.tv_sec = left_ns / ORD_S,
                                .tv_nsec = left_ns % ORD_S};

        if (left_ns <= 0)
            return;
        (void)ppoll(NULL, 0, &left, NULL);
    }
}

struct ord_client_value ord_client_int(int64_t number)
{
    return (struct ord_client_value){.kind = ORD_CLIENT_INT,
                                     .as = {.number = number}};
}

struct ord_client_value ord_client_text(struct ord_bytes text)
{
    ORD_ASSERT(text.size <= UINT32_MAX);
    return (struct ord_client_value){.kind = ORD_CLIENT_TEXT,
                                     .count = (uint32_t)text.size,
                                     .as = {.text = text.at}};
}

struct ord_client_value ord_client_scalar(struct ord_bytes text)
{
    bool is_negative = text.size > 0 && text.at[0] == '-';
    size_t i = is_negative ? 1 : 0;
    bool is_number = text.size > i && (text.at[i] != '0' || text.size == 1);
    int64_t number = 0;

    for (; i < text.size && is_number; i++) {
        int digit = text.at[i] - '0';

        is_number = digit >= 0 && digit <= 9 &&
                    !__builtin_mul_overflow(number, 10, &number) &&
                    !__builtin_sub_overflow(number, digit, &number);
    }
    /* Summed up below zero, for INT64_MIN has no positive twin. */
    if (is_number && !is_negative)
        is_number = !__builtin_sub_overflow(0, number, &number);
    return is_number ? ord_client_int(number) : ord_client_text(text);
}

struct ord_bytes ord_client_bytes(const struct ord_client_value *value,
                                  char digits[ORD_CLIENT_DIGITS_SIZE])
{
    ORD_ASSERT(value->kind != ORD_CLIENT_LIST);
    if (value->kind == ORD_CLIENT_TEXT)
        return (struct ord_bytes){value->as.text, value->count};
    digits[0] = '\0';
    if (value->kind == ORD_CLIENT_INT)
        (void)snprintf(digits, ORD_CLIENT_DIGITS_SIZE, "%lld",
                       (long long)value->as.number);
    return ord_bytes_of(digits);
}

struct ord_client_value ord_client_copied(const struct ord_client_done *done,
                                          struct ord_bytes text)
{
    text.at = ord_arena_copy(done->arena, text);
    if (text.at == NULL)
        text.size = 0;
    return ord_client_scalar(text);
}

bool ord_client_equal(const struct ord_client_value *a,
                      const struct ord_client_value *b)
{
    char digits[2][ORD_CLIENT_DIGITS_SIZE];
    struct ord_bytes x = ord_client_bytes(a, digits[0]);
    struct ord_bytes y = ord_client_bytes(b, digits[1]);

    return (a->kind == ORD_CLIENT_NIL) == (b->kind == ORD_CLIENT_NIL) &&
           x.size == y.size && (x.size == 0 || memcmp(x.at, y.at, x.size) == 0);
}

enum ord_client_type ord_client_eased(uint8_t type, bool changes)
{
    return !changes && type == ORD_CLIENT_INFO ? ORD_CLIENT_FAIL
                                               : (enum ord_client_type)type;
}

int ord_client_address(const char *text, int preset,
                       char ip[ORD_CLIENT_IP_SIZE])
{
    const char *colon = strchr(text, ':');

    (void)snprintf(ip, ORD_CLIENT_IP_SIZE, "%.*s",
                   colon != NULL ? (int)(colon - text) : (int)strlen(text),
                   text);
    return colon != NULL ? (int)strtol(colon + 1, NULL, 10) : preset;
}

/* ---- lines -------------------------------------------------------------- */

struct input {
    struct ord_buf buf;
    size_t line_size; /* of the line handed out last, with its line end */
    size_t seen_size; /* bytes known to hold no line end */
};

/* The next line without its end; line->at == NULL at the end of input.  Waits
 * as long as the harness likes: its death ends the input. */
static int input_line(struct input *in, struct ord_bytes *line,
                      struct ord_err *err)
{
    ord_buf_consume(&in->buf, in->line_size);
    in->line_size = 0;
    in->seen_size = 0;
    *line = (struct ord_bytes){0};
    for (;;) {
        const char *end = NULL;
        char *room;
        ssize_t got;

        if (in->buf.size > in->seen_size)
            end = memchr(in->buf.at + in->seen_size, '\n',
                         in->buf.size - in->seen_size);
        if (end != NULL) {
            *line = (struct ord_bytes){in->buf.at, (size_t)(end - in->buf.at)};
            in->line_size = line->size + 1;
            return ORD_OK;
        }
        in->seen_size = in->buf.size;
        if (in->buf.size > ORD_CLIENT_LINE_MAX)
            return ord_fail(err, ORD_ELIMIT, "a line of more than %d bytes",
                            ORD_CLIENT_LINE_MAX);
        room = ord_buf_reserve(&in->buf, READ_SIZE);
        if (room == NULL)
            return ord_fail(err, ORD_ENOMEM, "standard input");
        got = read(STDIN_FILENO, room, READ_SIZE);
        if (got < 0 && errno != EINTR)
            return ord_fail_errno(err, "read standard input");
        if (got == 0)
            return ORD_OK; /* half a line at the end is nobody's operation */
        if (got > 0)
            ord_buf_commit(&in->buf, (size_t)got);
    }
}

/* ---- the loop ----------------------------------------------------------- */

struct session {
    const struct ord_client_ops *ops;
    void *state;
    struct ord_client_init init;
    struct ord_arena arena; /* of one operation */
    struct input in;
    struct ord_buf out;
};

static int answer(struct session *s, int64_t id, const struct ord_client_op *op,
                  struct ord_client_done *done, struct ord_err *err)
{
    ord_buf_clear(&s->out);
    ord_client_answer_write(&s->init, id, done, &s->out);
    if (s->out.failed) { /* too long to be said: a read may fail */
        done->has_value = false;
        ord_client_conclude(
            done, op->f == ORD_CLIENT_READ ? ORD_CLIENT_FAIL : ORD_CLIENT_INFO,
            "the answer is longer than %d bytes", ORD_CLIENT_ANSWER_MAX);
        ord_buf_clear(&s->out);
        ord_client_answer_write(&s->init, id, done, &s->out);
        if (s->out.failed)
            return ord_fail(err, ORD_ENOMEM, "an answer");
    }
    return ord_write_all(STDOUT_FILENO, ord_buf_bytes(&s->out), err);
}

static int one_op(struct session *s, struct ord_bytes line, struct ord_err *err)
{
    struct ord_client_value pair[2];
    struct ord_client_op op;
    struct ord_client_done done = {.node = ORD_CLIENT_NO_NODE,
                                   .epoch = -1,
                                   .position = -1,
                                   .arena = &s->arena};
    struct ord_err bad = {0};
    int rc = ord_client_op_parse(line, &s->init, &s->arena, pair, &op, &bad);

    if (rc == ORD_ENOTFOUND) { /* never sent to anyone: it did not happen */
        ord_client_conclude(&done, ORD_CLIENT_FAIL, "%.100s", bad.text);
    } else if (rc != ORD_OK) {
        return ord_fail(err, ORD_EFORMAT, "%s", bad.text);
    } else {
        int64_t before_ns = ord_now_ns();

        s->ops->invoke(s->state, &op, &done);
        if (done.sent_ns == 0)
            done.sent_ns = before_ns;
        if (done.received_ns == 0)
            done.received_ns = ord_now_ns();
    }
    rc = answer(s, op.id, &op, &done, err);
    if (s->arena.used_size > 0)
        ord_arena_fini(&s->arena);
    return rc;
}

static int serve(struct session *s, struct ord_err *err)
{
    struct ord_bytes line;

    for (;;) {
        int rc = input_line(&s->in, &line, err);

        if (rc != ORD_OK || line.at == NULL)
            return rc;
        rc = one_op(s, line, err);
        if (rc != ORD_OK)
            return rc;
    }
}

static int begin(struct session *s, struct ord_arena *arena,
                 struct ord_err *err)
{
    struct ord_bytes line;
    int rc = input_line(&s->in, &line, err);

    if (rc == ORD_OK && line.at == NULL)
        return ord_fail(err, ORD_EFORMAT, "no init line");
    if (rc == ORD_OK)
        rc = ord_client_init_parse(line, arena, &s->init, err);
    if (rc == ORD_OK)
        rc = s->ops->open(&s->init, &s->state, err);
    if (rc != ORD_OK)
        return rc;
    return ord_write_all(STDOUT_FILENO, ord_bytes_of("{\"ready\":true}\n"),
                         err);
}

static int exit_code(const struct ord_client_ops *ops, int rc,
                     const struct ord_err *err)
{
    if (rc == ORD_OK)
        return 0;
    (void)fprintf(stderr, "%s: %s\n", ops->name, err->text);
    return rc == ORD_EUSAGE || rc == ORD_EFORMAT || rc == ORD_ELIMIT
               ? EXIT_USAGE
               : 1;
}

static int probe_members(const char *via, const struct ord_client_ops *ops)
{
    struct ord_buf out;
    struct ord_err err;
    bool is_known;

    ord_buf_init(&out, 1 << 16);
    is_known =
        ops->members(via, ord_now_ns() + CHANGE_MS * ORD_MS, &out) &&
        !out.failed &&
        ord_write_all(STDOUT_FILENO, ord_buf_bytes(&out), &err) == ORD_OK;
    ord_buf_fini(&out);
    return is_known ? 0 : 1;
}

static int probe_change(char **argv, const struct ord_client_ops *ops)
{
    bool is_join = strcmp(argv[1], "--join") == 0;
    struct ord_client_value index = ord_client_scalar(ord_bytes_of(argv[3]));

    if (index.kind != ORD_CLIENT_INT || index.as.number < 1)
        return EXIT_USAGE;
    return ops->change(argv[2], is_join, index.as.number, argv[4],
                       ord_now_ns() + CHANGE_MS * ORD_MS)
               ? 0
               : 1;
}

static int probe(int argc, char **argv, const struct ord_client_ops *ops)
{
    int64_t now_ns = ord_now_ns();
    int64_t epoch = 0;

    if (argc == 3 && strcmp(argv[1], "--ready") == 0 && ops->ready != NULL)
        return ops->ready(argv[2], now_ns + READY_MS * ORD_MS) ? 0 : 1;
    if (argc == 3 && strcmp(argv[1], "--settled") == 0 && ops->settled != NULL)
        return ops->settled(argv[2], now_ns + READY_MS * ORD_MS) ? 0 : 1;
    if (argc == 3 && strcmp(argv[1], "--primary") == 0 &&
        ops->primary != NULL) {
        if (!ops->primary(argv[2], now_ns + PRIMARY_MS * ORD_MS, &epoch))
            return 1;
        return printf("%lld\n", (long long)epoch) > 0 && fflush(stdout) == 0
                   ? 0
                   : 1;
    }
    if (argc == 3 && strcmp(argv[1], "--members") == 0 && ops->members != NULL)
        return probe_members(argv[2], ops);
    if (argc == 5 && ops->change != NULL &&
        (strcmp(argv[1], "--join") == 0 || strcmp(argv[1], "--leave") == 0))
        return probe_change(argv, ops);
    (void)fprintf(stderr,
                  "usage: %s                  serve operations on standard "
                  "input\n       %s --ready IP      exit 0 if it can serve\n"
                  "       %s --settled IP    exit 0 if it has caught up\n"
                  "       %s --primary IP    print its epoch if it leads\n"
                  "       %s --members VIA   print the cluster's members\n"
                  "       %s --join|--leave VIA INDEX IP\n",
                  ops->name, ops->name, ops->name, ops->name, ops->name,
                  ops->name);
    return EXIT_USAGE;
}

int ord_client_main(int argc, char **argv, const struct ord_client_ops *ops)
{
    struct session s = {.ops = ops, .state = ops->context};
    struct ord_arena arena;
    struct ord_err err = {0};
    bool is_open;
    int rc;

    ORD_ASSERT(ops->open != NULL);
    ORD_ASSERT(ops->invoke != NULL);
    /* A database or a harness that is gone is an error code, not a death. */
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc > 1)
        return probe(argc, argv, ops);
    ord_arena_init(&arena, ARENA_SIZE_MAX);
    ord_arena_init(&s.arena, ARENA_SIZE_MAX);
    ord_buf_init(&s.in.buf, ORD_CLIENT_LINE_MAX + 2 * READ_SIZE);
    ord_buf_init(&s.out, ORD_CLIENT_ANSWER_MAX);
    rc = begin(&s, &arena, &err);
    is_open = rc == ORD_OK;
    if (is_open)
        rc = serve(&s, &err);
    if (is_open && ops->close != NULL)
        ops->close(s.state);
    ord_buf_fini(&s.out);
    ord_buf_fini(&s.in.buf);
    ord_arena_fini(&s.arena);
    ord_arena_fini(&arena);
    return exit_code(ops, rc, &err);
}
