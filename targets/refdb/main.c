/* main.c -- refdb: one node of the bundled reference database. */
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/arena.h"
#include "targets/refdb/node.h"

enum { EXIT_USAGE = 64, EXIT_BROKEN = 1 };

int main(int argc, char *argv[])
{
    struct rd_config config;
    struct ord_arena arena;
    struct ord_err err;
    struct rd_node *node;
    int rc;

    if (rd_config_parse(&config, argc, argv, &err) != ORD_OK) {
        (void)fprintf(stderr, "refdb: %s\n", err.text);
        return EXIT_USAGE;
    }
    ord_arena_init(&arena, 4 * sizeof *node);
    node = ord_arena_alloc(&arena, sizeof *node);
    if (node == NULL) {
        (void)fprintf(stderr, "refdb: no memory\n");
        ord_arena_fini(&arena);
        return EXIT_BROKEN;
    }
    rc = rd_node_run(node, &config, &err);
    if (rc != ORD_OK)
        (void)fprintf(stderr, "refdb: %s\n", err.text);
    ord_arena_fini(&arena);
    return rc == ORD_OK ? EXIT_SUCCESS : EXIT_BROKEN;
}
