#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/run/target.h"
#include "support_run.h"

static struct scratch scratch;

static void setup(void)
{
    scratch_init(&scratch);
}

static void teardown(void)
{
    scratch_fini(&scratch);
}

TestSuite(target, .init = setup, .fini = teardown, .timeout = 30);

#define HEAD                                                                   \
    "ordeal: 1\nname: x\nclient: [c]\nworkloads: [set]\n" /* four lines */

static const struct ord_target *load(const char *text)
{
    const struct ord_target *target = NULL;

    scratch_file(&scratch, "x/target.yaml", ord_bytes_of(text));
    scratch.err = (struct ord_err){0};
    if (ord_target_load("x", "/nowhere", scratch.dir, "/bin/dir",
                        &scratch.arena, &target, &scratch.err) != ORD_OK)
        return NULL;
    return target;
}

Test(target, what_is_not_said_has_a_default)
{
    const struct ord_target *t = load(HEAD "node: {start: [db]}\n");

    cr_assert_not_null(t, "%s", scratch.err.text);
    cr_expect_str_eq(t->name, "x");
    cr_expect_str_eq(t->peer, "{node}={ip}");
    cr_expect_null(t->ready);
    cr_expect_null(t->settled);
    cr_expect_null(t->primary);
    cr_expect_null(t->needs);
    cr_expect_null(t->env);
    cr_expect_eq(t->ready_within_ns, 10 * ORD_S);
    cr_expect_eq(t->timeout_ns, ORD_S);
    cr_expect_eq(t->setting_count, 0);
}

Test(target, everything_said_is_read)
{
    const struct ord_target *t =
        load(HEAD "timeout: 300ms\nneeds: [a, b]\n"
                  "node: {start: [db, '{data}'], ready: [r, '{ip}'], primary: "
                  "[p], promote: [q, '{peers}'], settled: [s, '{ip}'], peer: "
                  "'{ip}:1', stop: INT, "
                  "grace: 1s, ready_within: "
                  "3s, env: {A: b, C: ''}}\n"
                  "settings: {s: {default: 1, values: [1, 2], to: client}}\n");

    cr_assert_not_null(t, "%s", scratch.err.text);
    cr_expect_eq(t->timeout_ns, 300 * ORD_MS);
    cr_expect_str_eq(t->needs[1], "b");
    cr_expect_null(t->needs[2]);
    cr_expect_str_eq(t->ready[1], "{ip}");
    cr_expect_str_eq(t->settled[1], "{ip}");
    cr_expect_eq(ord_target_command(t, "promote"), t->promote);
    cr_expect_str_eq(t->promote[1], "{peers}");
    cr_expect_eq(ord_target_command(t, "primary"), t->primary);
    cr_expect_null(ord_target_command(t, "start"));
    cr_expect_str_eq(t->env[0], "A=b");
    cr_expect_str_eq(t->env[1], "C=");
    cr_expect_null(t->env[2]);
    cr_expect_eq(t->stop_signal, SIGINT);
    cr_expect_null(t->stop_argv);
    cr_expect_eq(t->ready_within_ns, 3 * ORD_S);
    cr_assert_eq(t->setting_count, 1);
    cr_expect(t->settings[0].is_for_client);
    cr_expect_str_eq(t->settings[0].values[1], "2");
    cr_expect_eq(ord_target_setting(t, "s"), &t->settings[0]);
    cr_expect_null(ord_target_setting(t, "S"));
}

Test(target, a_node_may_be_stopped_by_a_command)
{
    const struct ord_target *t =
        load(HEAD "node: {start: [db], stop: [ctl, '{ip}', halt]}\n");

    cr_assert_not_null(t, "%s", scratch.err.text);
    cr_expect_str_eq(t->stop_argv[1], "{ip}");
    t = load(HEAD "node: {start: [db], stop: SIGQUIT}\n");
    cr_assert_not_null(t, "%s", scratch.err.text);
    cr_expect_eq(t->stop_signal, SIGQUIT);
}

Test(target, needs_are_programs_or_paths_with_stars)
{
    const struct ord_target *t =
        load(HEAD "needs: [sh, '/*/sh']\nnode: {start: [db]}\n");

    cr_assert_not_null(t, "%s", scratch.err.text);
    cr_expect_null(ord_target_missing(t));
    t = load(HEAD "needs: ['/*/no-such-program']\nnode: {start: [db]}\n");
    cr_assert_not_null(t, "%s", scratch.err.text);
    cr_expect_str_eq(ord_target_missing(t), "/*/no-such-program");
}

struct bad {
    char text[128];
    char words[64];
};

ParameterizedTestParameters(target, bad_files)
{
    static struct bad rows[] = {
        {HEAD, "key 'node' is missing"},
        {HEAD "node: {}\n", ":5: key 'start' is missing"},
        {HEAD "node: {start: []}\n", ":5: expected a program"},
        {HEAD "node: {start: db}\n", ":5: expected a list"},
        {HEAD "node: {start: [db], reddy: [x]}\n", "unknown key 'reddy'"},
        {HEAD "node: {start: [db], env: {A: [b]}}\n", ":5:"},
        {HEAD "node: {start: [db], ready_within: 1h}\n", ":5:"},
        {HEAD "node: {start: [db]}\nsettings: {s: {to: me}}\n",
         ":6: 'to' is node or client, not 'me'"},
        {HEAD "node: {start: [db]}\nsettings: {s: 1}\n", ":6:"},
        {HEAD "node: {start: [db, '{dta}']}\n", ":5: target x: '{dta}'"},
        {HEAD "node: {start: [db], ready: ['{data}']}\n",
         ":5: target x: '{data}'"},
        {HEAD "node: {start: [db, '{peers}'], peer: '{peers}'}\n",
         ":5: target x: '{peers}'"},
        {HEAD "node: {start: [db], stop: SLOW}\n", ":5: stop: expected a sig"},
        {HEAD "node: {start: [db], stop: [halt, '{when}']}\n", "'{when}'"},
        {HEAD "node: {start: [db], promote: [p, '{data}']}\n",
         ":5: target x: '{data}'"},
        {HEAD "node: {start: ['']}\n", ":5: the program's name is empty"},
        {HEAD "node: {start: [db]}\nmembership: {members: [m], join: [j]}\n",
         ":6: key 'leave' is missing"},
        {HEAD "node: {start: [db, '{via}']}\n", ":5: target x: '{via}'"},
    };
    return cr_make_param_array(struct bad, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct bad *row, target, bad_files)
{
    cr_assert_null(load(row->text), "%s", row->text);
    cr_expect_eq(scratch.err.rc, ORD_EUSAGE);
    cr_expect_not_null(strstr(scratch.err.text, "x/target.yaml"), "%s",
                       scratch.err.text);
    cr_expect_not_null(strstr(scratch.err.text, row->words), "%s: %s",
                       row->text, scratch.err.text);
}

Test(target, a_folder_is_found_beside_the_campaign)
{
    const struct ord_target *target = NULL;
    char absolute[ORD_PATH_MAX + 8];

    cr_assert_not_null(load(HEAD "node: {start: [db]}\n"));
    cr_expect_eq(ord_target_load("./x", scratch.dir, "/nowhere", "/b",
                                 &scratch.arena, &target, &scratch.err),
                 ORD_OK);
    snprintf(absolute, sizeof absolute, "%s/x", scratch.dir);
    cr_expect_eq(ord_target_load(absolute, "/no", "/nowhere", "/b",
                                 &scratch.arena, &target, &scratch.err),
                 ORD_OK);
    cr_expect_eq(ord_target_load("y", scratch.dir, scratch.dir, "/b",
                                 &scratch.arena, &target, &scratch.err),
                 ORD_ENOTFOUND);
    cr_expect_not_null(strstr(scratch.err.text, "target 'y'"));
    cr_expect_not_null(strstr(scratch.err.text, scratch.dir));
}

/* "a|b|c" of the expanded command line. */
static const char *expanded(const struct ord_template *in,
                            const char *const *argv)
{
    const char *const *to = NULL;
    const char *text = "";

    scratch.err = (struct ord_err){0};
    if (ord_template_argv(in, argv, &scratch.arena, &to, &scratch.err) !=
        ORD_OK)
        return NULL;
    for (int i = 0; to[i] != NULL; i++)
        text = ord_arena_printf(&scratch.arena, "%s%s%s", text,
                                i > 0 ? "|" : "", to[i]);
    return text;
}

static struct ord_template template_of(const struct ord_target *target)
{
    return (struct ord_template){
        .target = target, .node = 2, .count = 3, .seed = 9, .data = "/d a"};
}

Test(target, placeholders_are_filled_in)
{
    static const char *const argv[] = {
        "{bin}/db", "{target}",   "--n={node}/{index}/{count}",
        "{ip}",     "{data}",     "{peers}",
        "{seed}",   "{settings}", NULL};
    static const struct ord_setting settings[] = {
        {"a", "1 2"}, {"b", ""}, {"c", "client only"}};
    const struct ord_target *t =
        load(HEAD "node: {start: [db], peer: '{index}@{ip}'}\nsettings: "
                  "{a: {}, b: {}, c: {to: client}}\n");
    struct ord_template in;

    cr_assert_not_null(t, "%s", scratch.err.text);
    in = template_of(t);
    in.settings = settings;
    in.setting_count = 3;
    cr_expect_str_eq(
        expanded(&in, argv),
        ord_arena_printf(&scratch.arena,
                         "/bin/dir/db|%s/x|--n=n2/2/3|10.77.0.12|/d "
                         "a|1@10.77.0.11,2@10.77.0.12,3@10.77.0.13|9|--a=1 2",
                         scratch.dir));
}

Test(target, membership_is_read_and_filled_in)
{
    static const char *const argv[] = {"{via}", "{members}", "{peers}", NULL};
    const struct ord_target *t =
        load(HEAD "node: {start: [db], peer: '{node}'}\n"
                  "membership: {members: [m, '{via}'], join: [j], leave: [l], "
                  "start: [db, '{members}'], unless: {a: 'off'}}\n");
    struct ord_template in;

    cr_assert_not_null(t, "%s", scratch.err.text);
    cr_expect_str_eq(t->start_joined[1], "{members}");
    cr_assert_eq(t->fixed_count, 1);
    cr_expect_str_eq(t->fixed[0].value, "off");
    in = template_of(t);
    in.via = 4;
    in.members = 0xa; /* n2 n4 */
    cr_expect_str_eq(expanded(&in, argv), "10.77.0.14|n2,n4|n1,n2,n3");
}

Test(target, braces_without_an_end_are_text)
{
    static const char *const argv[] = {"a{", "}b", "{settings}x{", NULL};
    const struct ord_target *t = load(HEAD "node: {start: [db]}\n");
    struct ord_template in = template_of(t);

    cr_expect_null(expanded(&in, argv), "{settings} is a whole argument");
    cr_expect_not_null(strstr(scratch.err.text, "'{settings}x{'"));
    cr_expect_str_eq(expanded(&in, (const char *const[]){"a{", "}b", NULL}),
                     "a{|}b");
}

Test(target, too_many_arguments_are_an_error)
{
    static const char *argv[400];
    const struct ord_target *t = load(HEAD "node: {start: [db]}\n");
    struct ord_template in = template_of(t);

    for (int i = 0; i < 399; i++)
        argv[i] = "x";
    cr_expect_null(expanded(&in, argv));
    cr_expect_eq(scratch.err.rc, ORD_EUSAGE);
}

Test(target, programs_that_are_missing_are_named)
{
    const struct ord_target *t =
        load(HEAD "needs: [sh, ordeal-no-such-program, x]\n"
                  "node: {start: [db]}\n");

    cr_assert_not_null(t, "%s", scratch.err.text);
    cr_expect_str_eq(ord_target_missing(t), "ordeal-no-such-program");
    t = load(HEAD "needs: [sh, /bin/sh]\nnode: {start: [db]}\n");
    cr_expect_null(ord_target_missing(t));
    t = load(HEAD "needs: [/bin/no-such]\nnode: {start: [db]}\n");
    cr_expect_str_eq(ord_target_missing(t), "/bin/no-such");
    t = load(HEAD "node: {start: [db]}\n");
    cr_expect_null(ord_target_missing(t));
}
