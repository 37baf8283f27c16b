#include <criterion/criterion.h>

#include "harness/run/membership.h"

struct row {
    const char *text;
    bool is_good;
    uint64_t members;
    uint64_t joining;
};

Test(membership, lists_are_understood)
{
    static const struct row rows[] = {
        {"n1\nn2\n", true, 3, 0},
        {"10.77.0.11 voter\n10.77.0.13 joining\n", true, 1, 4},
        {"3\n\n1 more words than that\n", true, 5, 0},
        {"n2", true, 2, 0},
        {"", false, 0, 0},
        {"n1 joining\n", false, 0, 1},
        {"n9\n", false, 0, 0},
        {"error: no leader\n", false, 0, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t members, joining;

        cr_expect_eq(ord_membership_parse(rows[i].text, 3, &members, &joining),
                     rows[i].is_good, "%s", rows[i].text);
        if (!rows[i].is_good)
            continue;
        cr_expect_eq(members, rows[i].members, "%s", rows[i].text);
        cr_expect_eq(joining, rows[i].joining, "%s", rows[i].text);
    }
}

Test(membership, where_members_never_change_is_said)
{
    static const char *const argv[] = {"m", NULL};
    static const struct ord_setting fixed[] = {{"fencing", "off"}};
    struct ord_target target = {.name = "db"};
    struct ord_cell cell = {
        .target = &target, .settings = {{"fencing", "on"}}, .setting_count = 1};
    struct ord_err err;

    cr_expect_eq(ord_membership_check(&cell, &err), ORD_EUSAGE);
    target.members = argv;
    target.fixed = fixed;
    target.fixed_count = 1;
    cr_expect_eq(ord_membership_check(&cell, &err), ORD_OK);
    cell.settings[0].value = "off";
    cr_expect_eq(ord_membership_check(&cell, &err), ORD_EUSAGE);
}
