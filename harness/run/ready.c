#include "harness/run/ready.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/control/node.h"

enum {
    OUTPUT_SIZE_MAX = 4096,
    ARENA_SIZE_MAX = 1 << 20,
    PROBES_MAX = 8, /* at once: with many nodes, asking must not starve them */
};

struct ord_template ord_cell_template(const struct ord_cell *cell,
                                      uint32_t node, const char *data)
{
    return (struct ord_template){
        .target = cell->target,
        .node = node,
        .count = cell->start_count,
        .seed = cell->seed,
        .data = data,
        .settings = cell->settings,
        .setting_count = cell->setting_count,
    };
}

int ord_ask_nodes_init(struct ord_ask_nodes *ask, struct ord_cluster *cluster,
                       const struct ord_cell *cell, const char *what,
                       int64_t timeout_ns, int64_t timeout_max_ns,
                       struct ord_arena *arena, struct ord_err *err)
{
    const char *const *argv = ord_target_command(cell->target, what);

    *ask = (struct ord_ask_nodes){.cluster = cluster,
                                  .what = what,
                                  .timeout_ns = timeout_ns,
                                  .timeout_max_ns = timeout_max_ns};
    for (uint32_t i = 1; argv != NULL && i <= cell->node_count; i++) {
        const struct ord_template in = ord_cell_template(cell, i, NULL);
        int rc = ord_template_argv(&in, argv, arena, &ask->argv[i], err);

        if (rc != ORD_OK)
            return rc;
    }
    return ORD_OK;
}

void ord_ask_reset(struct ord_ask_nodes *ask)
{
    for (uint32_t i = 1; i <= ORD_NODES_MAX; i++) {
        ord_probe_free(&ask->probes[i]);
        ask->again_ns[i] = 0;
        ask->number[i] = 0;
        ask->asked[i] = (struct ord_asked){0};
    }
    ask->asking = 0;
    ask->yes = 0;
}

/* The end of the text, for that is where an interpreter says what is wrong. */
static void put_end(char *out, size_t size, const char *text)
{
    size_t length = strlen(text);

    while (length > 0 && text[length - 1] == '\n')
        length--;
    if (length >= size) {
        text += length - (size - 1);
        length = size - 1;
    }
    for (size_t i = 0; i < length; i++)
        out[i] = text[i] == '\n' ? '|' : text[i];
    out[length] = '\0';
}

/* An interpreter's start alone takes over a second where the machine is busy,
 * and with the same deadline each time it would never come to its answer: who
 * was late has longer next time. */
static void note_late(struct ord_ask_nodes *ask, uint32_t node)
{
    struct ord_asked *asked = &ask->asked[node];
    int64_t twice_ns = asked->timeout_ns * 2;

    asked->times++;
    asked->late_ns = asked->timeout_ns;
    asked->timeout_ns =
        twice_ns < ask->timeout_max_ns ? twice_ns : ask->timeout_max_ns;
    ask->yes &= ~ord_node_mask(node);
}

static void note_answer(struct ord_ask_nodes *ask, uint32_t node,
                        const struct ord_exit *exit)
{
    bool is_yes = !exit->is_signal && exit->code == 0;
    struct ord_asked *asked = &ask->asked[node];

    asked->times++;
    asked->late_ns = 0;
    asked->exit = *exit;
    put_end(asked->said, sizeof asked->said,
            ord_buf_str(ord_probe_output(ask->probes[node])));
    if (is_yes) {
        ask->number[node] =
            strtoll(ord_buf_str(ord_probe_output(ask->probes[node])), NULL, 10);
        ask->yes |= ord_node_mask(node);
    } else {
        ask->yes &= ~ord_node_mask(node);
    }
}

static void look(struct ord_ask_nodes *ask, uint32_t node, int64_t next_ns)
{
    struct ord_err ignored = {0};
    struct ord_exit exit = {0};
    bool has_ended = false;
    int rc = ord_probe_poll(ask->probes[node], &has_ended, &exit, &ignored);

    if (rc == ORD_OK && !has_ended)
        return;
    if (rc == ORD_OK)
        note_answer(ask, node, &exit);
    else
        note_late(ask, node);
    ord_probe_free(&ask->probes[node]);
    ask->asking &= ~ord_node_mask(node);
    ask->again_ns[node] = next_ns;
}

static int ask_node(struct ord_ask_nodes *ask, uint32_t node,
                    struct ord_err *err)
{
    struct ord_asked *asked = &ask->asked[node];
    int rc;

    if (asked->timeout_ns == 0)
        asked->timeout_ns = ask->timeout_ns;
    rc = ord_probe_start(ask->cluster, 0, ask->argv[node], asked->timeout_ns,
                         OUTPUT_SIZE_MAX, &ask->probes[node], err);
    if (rc != ORD_OK)
        return ord_wrap(err, "'%s' in target.yaml", ask->what);
    ask->asking |= ord_node_mask(node);
    return ORD_OK;
}

int ord_ask_step(struct ord_ask_nodes *ask, uint64_t whom, int64_t now_ns,
                 int64_t again_ns, struct ord_err *err)
{
    uint32_t count = ord_cluster_node_count(ask->cluster);

    if (count > PROBES_MAX)
        again_ns *= count / PROBES_MAX;
    for (uint32_t i = 1; i <= count; i++) {
        int rc = ORD_OK;

        if (ask->probes[i] != NULL) {
            look(ask, i, now_ns + again_ns);
        } else if ((whom & ord_node_mask(i)) != 0 &&
                   now_ns >= ask->again_ns[i] &&
                   __builtin_popcountll(ask->asking) < PROBES_MAX) {
            rc = ask_node(ask, i, err);
        }
        if (rc != ORD_OK)
            return rc;
    }
    return ORD_OK;
}

void ord_exit_describe(const struct ord_exit *exit, char *out, size_t size)
{
    if (exit->is_signal)
        snprintf(out, size, "was killed by signal %d", exit->code);
    else
        snprintf(out, size, "exited with status %d", exit->code);
}

void ord_ask_describe(const struct ord_ask_nodes *ask, uint32_t node, char *out,
                      size_t size)
{
    const struct ord_asked *asked = &ask->asked[node];
    char how[64];

    if (asked->times == 0) {
        snprintf(out, size, "; '%s' has not answered yet", ask->what);
        return;
    }
    ord_exit_describe(&asked->exit, how, sizeof how);
    if (asked->late_ns > 0)
        snprintf(how, sizeof how, "had no answer within %.1f s",
                 (double)asked->late_ns / 1e9);
    snprintf(out, size, "; '%s' was asked %u time%s, at last it %s%s%s",
             ask->what, asked->times, asked->times == 1 ? "" : "s", how,
             asked->late_ns > 0 || asked->said[0] == '\0' ? "" : ", saying: ",
             asked->late_ns > 0 ? "" : asked->said);
}

/* ---- one question -------------------------------------------------------- */

static void put_line(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text);
    for (char *c = out; *c != '\0'; c++) {
        if (*c == '\n')
            *c = c[1] != '\0' ? '|' : '\0';
    }
}

int ord_ask_target(struct ord_cluster *cluster, const struct ord_cell *cell,
                   const char *what, uint32_t node, int64_t timeout_ns,
                   struct ord_node_answer *answer, struct ord_err *err)
{
    const struct ord_template in = ord_cell_template(cell, node, NULL);
    const char *const *command = ord_target_command(in.target, what);
    const char *const *argv = NULL;
    struct ord_exit exit = {0};
    struct ord_arena arena;
    struct ord_buf out;
    int rc;

    *answer = (struct ord_node_answer){0};
    if (command == NULL)
        return ord_fail(err, ORD_EUSAGE, "target %s has no '%s'",
                        in.target->name, what);
    ord_arena_init(&arena, ARENA_SIZE_MAX);
    ord_buf_init(&out, OUTPUT_SIZE_MAX);
    rc = ord_template_argv(&in, command, &arena, &argv, err);
    if (rc == ORD_OK) {
        rc = ord_cluster_run(cluster, 0, argv, timeout_ns, &out, &exit, err);
        answer->is_yes = rc == ORD_OK && !exit.is_signal && exit.code == 0;
        answer->number = strtoll(ord_buf_str(&out), NULL, 10);
        put_line(answer->text, sizeof answer->text, ord_buf_str(&out));
    }
    ord_buf_fini(&out);
    ord_arena_fini(&arena);
    return rc == ORD_ETIMEOUT ? ORD_OK : rc;
}
