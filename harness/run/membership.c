#include "harness/run/membership.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "harness/control/node.h"

enum { OUTPUT_SIZE_MAX = 1 << 16, WORD_SIZE = 64 };

static const int64_t COMMAND_NS = ORD_S;
static const size_t ARENA_SIZE_MAX = (size_t)1 << 24;

struct ord_member_job {
    struct ord_membership *members;
    enum ord_member_verb verb;
    struct ord_probe *probe;
};

/* ---- who is listed -------------------------------------------------------
 */

/* "n3", "3" or "10.77.0.13"; 0: none of these. */
static uint32_t node_of(const char *word, uint32_t node_count)
{
    for (uint32_t i = 1; i <= node_count; i++) {
        char texts[3][WORD_SIZE];

        (void)snprintf(texts[0], WORD_SIZE, "n%u", i);
        (void)snprintf(texts[1], WORD_SIZE, "%u", i);
        (void)snprintf(texts[2], WORD_SIZE, "10.77.0.%u", 10 + i);
        for (int k = 0; k < 3; k++)
            if (strcmp(word, texts[k]) == 0)
                return i;
    }
    return 0;
}

bool ord_membership_parse(const char *text, uint32_t node_count,
                          uint64_t *members, uint64_t *joining)
{
    *members = *joining = 0;
    while (*text != '\0') {
        char word[WORD_SIZE] = "";
        char more[WORD_SIZE] = "";
        size_t size = strcspn(text, "\n");
        char line[2 * WORD_SIZE];
        uint32_t node;

        if (size >= sizeof line)
            return false;
        memcpy(line, text, size);
        line[size] = '\0';
        text += size + (text[size] == '\n');
        if (sscanf(line, "%63s %63s", word, more) < 1)
            continue;
        node = node_of(word, node_count);
        if (node == 0)
            return false;
        if (strcmp(more, "joining") == 0)
            *joining |= ord_node_mask(node);
        else
            *members |= ord_node_mask(node);
    }
    return *members != 0;
}

/* ---- commands ------------------------------------------------------------
 */

static const char *const *command_of(const struct ord_target *target,
                                     enum ord_member_verb verb)
{
    switch (verb) {
    case ORD_MEMBER_LIST:
        return target->members;
    case ORD_MEMBER_JOIN:
        return target->join;
    case ORD_MEMBER_LEAVE:
        break;
    }
    return target->leave;
}

static int begin(void *ctx, enum ord_member_verb verb, uint32_t via,
                 uint32_t node, struct ord_member_job **out,
                 struct ord_err *err)
{
    struct ord_membership *members = ctx;
    const struct ord_cell *cell = members->cell;
    const struct ord_template in = {
        .target = cell->target,
        .node = node,
        .count = cell->start_count,
        .seed = cell->seed,
        .via = via,
        .members = members->listed,
        .settings = cell->settings,
        .setting_count = cell->setting_count,
    };
    struct ord_member_job *job = calloc(1, sizeof *job);
    const char *const *argv = NULL;
    struct ord_arena arena;
    int rc;

    if (job == NULL)
        return ord_fail(err, ORD_ENOMEM, "members");
    *job = (struct ord_member_job){.members = members, .verb = verb};
    ord_arena_init(&arena, ARENA_SIZE_MAX);
    rc = ord_template_argv(&in, command_of(cell->target, verb), &arena, &argv,
                           err);
    if (rc == ORD_OK)
        rc = ord_probe_start(members->cluster, via, argv, COMMAND_NS,
                             OUTPUT_SIZE_MAX, &job->probe, err);
    ord_arena_fini(&arena);
    if (rc == ORD_OK)
        *out = job;
    else
        free(job);
    return rc;
}

static int look(struct ord_member_job *job, struct ord_member_answer *out,
                struct ord_err *err)
{
    struct ord_membership *members = job->members;
    struct ord_exit exit = {0};
    int rc = ord_probe_poll(job->probe, &out->is_over, &exit, err);

    if (rc == ORD_ETIMEOUT) {
        out->is_over = true;
        return ORD_OK;
    }
    if (rc != ORD_OK || !out->is_over)
        return rc;
    out->is_yes = !exit.is_signal && exit.code == 0;
    if (!out->is_yes || job->verb != ORD_MEMBER_LIST)
        return ORD_OK;
    out->is_yes = ord_membership_parse(
        ord_buf_str(ord_probe_output(job->probe)), members->cell->node_count,
        &out->members, &out->joining);
    if (out->is_yes)
        members->listed = out->members | out->joining;
    return ORD_OK;
}

static void drop(struct ord_member_job **job)
{
    if (*job == NULL)
        return;
    ord_probe_free(&(*job)->probe);
    free(*job);
    *job = NULL;
}

/* ---- data ----------------------------------------------------------------
 */

static int path_of(const struct ord_membership *members, uint32_t node,
                   const char *end, char path[ORD_PATH_MAX],
                   struct ord_err *err)
{
    char name[32];

    (void)snprintf(name, sizeof name, "n%u%s", node, end);
    return ord_path_join(path, members->nodes_dir, name, err);
}

/* The folder itself stays: it may be where something is mounted. */
static int empty(const char *dir, struct ord_err *err)
{
    DIR *list = opendir(dir);
    const struct dirent *entry;
    int rc = ORD_OK;

    if (list == NULL)
        return errno == ENOENT ? ORD_OK : ord_fail_errno(err, "%s", dir);
    while (rc == ORD_OK && (entry = readdir(list)) != NULL) {
        char path[ORD_PATH_MAX];

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        rc = ord_path_join(path, dir, entry->d_name, err);
        if (rc == ORD_OK)
            rc = ord_remove_all(path, err);
    }
    (void)closedir(list);
    return rc;
}

static int wipe(void *ctx, uint32_t node, struct ord_err *err)
{
    const struct ord_membership *members = ctx;
    struct ord_disk *disk;
    char path[ORD_PATH_MAX];
    int rc = path_of(members, node, ".joined", path, err);

    /* First that: half wiped it must not start as what it was. */
    if (rc == ORD_OK)
        rc = ord_file_replace(path, ord_bytes_of(""), err);
    if (rc == ORD_OK)
        rc = path_of(members, node, "", path, err);
    if (rc == ORD_OK)
        rc = empty(path, err);
    /* No power cut brings back what an operator has erased for good. */
    disk = ord_node_disk(members->cluster, node);
    return rc == ORD_OK && disk != NULL ? ord_disk_settle(disk, err) : rc;
}

const char *const *ord_membership_start(const struct ord_membership *members,
                                        uint32_t node)
{
    const struct ord_target *target = members->cell->target;
    char path[ORD_PATH_MAX];
    struct ord_err ignored;

    if (target->start_joined == NULL)
        return target->start;
    if (node > members->cell->start_count)
        return target->start_joined;
    return path_of(members, node, ".joined", path, &ignored) == ORD_OK &&
                   access(path, F_OK) == 0
               ? target->start_joined
               : target->start;
}

/* ---- whether at all ------------------------------------------------------
 */

void ord_membership_init(struct ord_membership *members,
                         const struct ord_cell *cell, const char *nodes_dir,
                         struct ord_nemesis_env *env)
{
    static const struct ord_member_actions actions = {
        .begin = begin, .look = look, .drop = drop, .wipe = wipe};

    *members = (struct ord_membership){
        .cell = cell, .cluster = env->cluster, .nodes_dir = nodes_dir};
    env->members = cell->target->members != NULL ? &actions : NULL;
    env->members_ctx = members;
    for (uint32_t i = 1; i <= cell->start_count; i++)
        members->listed |= ord_node_mask(i);
    for (uint32_t i = cell->start_count + 1; i <= cell->node_count; i++)
        env->spare |= ord_node_mask(i);
    env->absent = env->spare;
}

int ord_membership_check(const struct ord_cell *cell, struct ord_err *err)
{
    const struct ord_target *target = cell->target;

    if (target->members == NULL)
        return ord_fail(err, ORD_EUSAGE,
                        "the members of %s never change: its target.yaml has "
                        "no `membership`",
                        target->name);
    for (uint32_t i = 0; i < target->fixed_count; i++) {
        for (uint32_t k = 0; k < cell->setting_count; k++) {
            if (strcmp(target->fixed[i].name, cell->settings[k].name) == 0 &&
                strcmp(target->fixed[i].value, cell->settings[k].value) == 0)
                return ord_fail(err, ORD_EUSAGE,
                                "with %s=%s the members of %s never change",
                                target->fixed[i].name, target->fixed[i].value,
                                target->name);
        }
    }
    return ORD_OK;
}
