#include "harness/run/ready.h"

#include <stdio.h>
#include <stdlib.h>

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
                       const struct ord_cell *cell, const char *const *argv,
                       int64_t timeout_ns, struct ord_arena *arena,
                       struct ord_err *err)
{
    *ask = (struct ord_ask_nodes){.cluster = cluster, .timeout_ns = timeout_ns};
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
    }
    ask->asking = 0;
    ask->yes = 0;
}

static void note_answer(struct ord_ask_nodes *ask, uint32_t node,
                        const struct ord_exit *exit)
{
    bool is_yes = !exit->is_signal && exit->code == 0;

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
        ask->yes &= ~ord_node_mask(node);
    ord_probe_free(&ask->probes[node]);
    ask->asking &= ~ord_node_mask(node);
    ask->again_ns[node] = next_ns;
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
            rc = ord_probe_start(ask->cluster, 0, ask->argv[i], ask->timeout_ns,
                                 OUTPUT_SIZE_MAX, &ask->probes[i], err);
            if (rc == ORD_OK)
                ask->asking |= ord_node_mask(i);
        }
        if (rc != ORD_OK)
            return rc;
    }
    return ORD_OK;
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
