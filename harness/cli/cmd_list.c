#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkers/lin.h"
#include "harness/cli/cli.h"

static const char help[] =
    "ordeal list checkers|models|nemeses|workloads|targets\n"
    "ordeal list runs [FOLDER]\n"
    "What can stand in a campaign, a line each; parameters below it.  Or the "
    "runs in a\nfolder (default: runs), the newest last, from its catalogue, "
    "which is brought up to\ndate first; `ordeal query FOLDER 'SQL'` asks it "
    "more.\n";

static void list_checkers(void)
{
    for (const struct ord_checker *const *c = ord_checkers(); *c != NULL; c++) {
        printf("%-18s %s\n", (*c)->name, (*c)->claim);
        for (const char *at = (*c)->options; at != NULL && *at != '\0';) {
            int size = (int)strcspn(at, "\n");

            printf("%-18s   %.*s\n", "", size, at);
            at += size + (at[size] == '\n');
        }
    }
}

static void list_models(void)
{
    for (const struct ord_model *const *m = ord_models(); *m != NULL; m++)
        printf("%-18s %s\n", (*m)->name, (*m)->about);
}

static void list_nemeses(void)
{
    for (const struct ord_nemesis_ops *const *n = ord_nemeses(); *n != NULL;
         n++) {
        printf("%-12s %s\n", (*n)->name, (*n)->about);
        for (const struct ord_fault_spec *p = (*n)->params;
             p != NULL && p->name != NULL; p++)
            printf("    %-16s %s (default: %s)\n", p->name, p->about,
                   p->preset);
    }
}

static void list_workloads(void)
{
    for (const struct ord_workload_ops *const *w = ord_workloads(); *w != NULL;
         w++) {
        printf("%-12s %s\n", (*w)->name, (*w)->about);
        for (const struct ord_param_spec *p = (*w)->params;
             p != NULL && p->name != NULL; p++)
            printf("    %-16s %s (default: %s)\n", p->name, p->about,
                   p->preset);
    }
}

static void print_target(const struct ord_target *target)
{
    const char *missing = ord_target_missing(target);

    printf("%-12s %s%s%s%s\n", target->name, target->about,
           missing != NULL ? " [not here: " : "",
           missing != NULL ? missing : "", missing != NULL ? "]" : "");
    for (uint32_t i = 0; i < target->setting_count; i++) {
        const struct ord_setting_spec *s = &target->settings[i];

        printf("    %-16s %s (default: %s)\n", s->name,
               s->about != NULL ? s->about : "", s->preset);
    }
}

static int list_targets(const struct ord_cli *cli)
{
    struct dirent **names = NULL;
    int count = scandir(cli->targets_dir, &names, NULL, alphasort);
    struct ord_arena arena;
    struct ord_err err = {0};
    int code = 0;

    if (count < 0) {
        ord_fail_errno(&err, "read %s", cli->targets_dir);
        return ord_complain(&err);
    }
    ord_arena_init(&arena, (size_t)1 << 26);
    for (int i = 0; i < count; i++) {
        const struct ord_target *target = NULL;

        if (names[i]->d_name[0] != '.') {
            if (ord_target_load(names[i]->d_name, ".", cli->targets_dir,
                                cli->bin_dir, &arena, &target, &err) == ORD_OK)
                print_target(target);
            else
                code = ord_complain(&err);
        }
        free(names[i]);
    }
    free(names);
    ord_arena_fini(&arena);
    return code;
}

static int list_runs(const char *folder)
{
    struct ord_catalogue *catalogue = NULL;
    struct ord_err err = {0};
    int code = 0;

    if (ord_open_catalogue(folder, &catalogue, &err) != ORD_OK ||
        ord_catalogue_query(
            catalogue,
            "select run, campaign, verdict, cells, passed, printf('%.1f', "
            "wall_ms / 1000) as seconds, finished from runs order by "
            "written_ns, run",
            ORD_SQL_TABLE, STDOUT_FILENO, &err) != ORD_OK)
        code = ord_complain(&err);
    ord_catalogue_close(&catalogue);
    return code;
}

int ord_cmd_list(const struct ord_cli *cli)
{
    bool has_folder = cli->argc == 3 && strcmp(cli->argv[1], "runs") == 0;
    const char *what = cli->argc == 2 || has_folder ? cli->argv[1] : "";

    if (strcmp(what, "--help") == 0)
        fputs(help, stdout);
    else if (strcmp(what, "checkers") == 0)
        list_checkers();
    else if (strcmp(what, "models") == 0)
        list_models();
    else if (strcmp(what, "nemeses") == 0)
        list_nemeses();
    else if (strcmp(what, "workloads") == 0)
        list_workloads();
    else if (strcmp(what, "targets") == 0)
        return list_targets(cli);
    else if (strcmp(what, "runs") == 0)
        return list_runs(has_folder ? cli->argv[2] : "runs");
    else
        return ord_usage(cli, "expected one of checkers, models, nemeses, "
                              "workloads, targets, runs");
    return fflush(stdout) == 0 ? 0 : ORD_CELL_INFRASTRUCTURE;
}
