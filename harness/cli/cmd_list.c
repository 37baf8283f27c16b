#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkers/lin.h"
#include "harness/cli/cli.h"
#include "harness/report/json_out.h"

enum { OUTPUT_SIZE_MAX = 1 << 24 };

static const char help[] =
    "ordeal list checkers|models|nemeses|workloads|targets\n"
    "ordeal list nemeses --json\n"
    "ordeal list runs [FOLDER]\n"
    "What can stand in a campaign, a line each; parameters below it, and what "
    "a "
    "fault needs\nbesides a sandbox, and whether that is to be had here.  Or "
    "the "
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

/* Can it work here? If not, *why says so. */
static bool is_available(const struct ord_nemesis_ops *ops, struct ord_err *why)
{
    return ops->probe == NULL || ops->probe(NULL, why) == ORD_OK;
}

static void list_nemeses(void)
{
    for (const struct ord_nemesis_ops *const *n = ord_nemeses(); *n != NULL;
         n++) {
        struct ord_err why = {0};

        printf("%-12s %s\n", (*n)->name, (*n)->about);
        printf(
            "    needs: %s%s%s\n",
            (*n)->needs == NULL ? "nothing beyond the sandbox" : (*n)->needs,
            is_available(*n, &why) ? "" : "; not to be had here: ", why.text);
        for (const struct ord_fault_spec *p = (*n)->params;
             p != NULL && p->name != NULL; p++)
            printf("    %-16s %s (default: %s)\n", p->name, p->about,
                   p->preset);
    }
}

static void put_nemesis(const struct ord_nemesis_ops *ops, struct ord_buf *out)
{
    struct ord_err why = {0};

    ord_out_next(out);
    ord_buf_char(out, '{');
    ord_out_text(out, "name", ops->name);
    ord_out_text(out, "about", ops->about);
    ord_out_text(out, "needs", ops->needs);
    ord_out_bool(out, "available", is_available(ops, &why));
    ord_out_text(out, "why", why.rc == ORD_OK ? NULL : why.text);
    ord_out_name(out, "params");
    ord_buf_char(out, '[');
    for (const struct ord_fault_spec *p = ops->params;
         p != NULL && p->name != NULL; p++) {
        ord_out_next(out);
        ord_buf_char(out, '{');
        ord_out_text(out, "name", p->name);
        ord_out_text(out, "preset", p->preset);
        ord_out_text(out, "about", p->about);
        ord_buf_char(out, '}');
    }
    ord_buf_text(out, "]}");
}

static int list_nemeses_json(void)
{
    struct ord_buf out;
    int code;

    ord_buf_init(&out, OUTPUT_SIZE_MAX);
    ord_buf_text(&out, "{\"ordeal\":1,\"kind\":\"nemeses\",\"nemeses\":[");
    for (const struct ord_nemesis_ops *const *n = ord_nemeses(); *n != NULL;
         n++)
        put_nemesis(*n, &out);
    ord_buf_text(&out, "]}\n");
    code = ord_say(STDOUT_FILENO, &out);
    ord_buf_fini(&out);
    return code;
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
    bool is_json = cli->argc == 3 && strcmp(cli->argv[1], "nemeses") == 0 &&
                   strcmp(cli->argv[2], "--json") == 0;
    bool has_folder = cli->argc == 3 && strcmp(cli->argv[1], "runs") == 0;
    const char *what =
        cli->argc == 2 || has_folder || is_json ? cli->argv[1] : "";

    if (strcmp(what, "--help") == 0)
        fputs(help, stdout);
    else if (strcmp(what, "checkers") == 0)
        list_checkers();
    else if (strcmp(what, "models") == 0)
        list_models();
    else if (is_json)
        return list_nemeses_json();
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
