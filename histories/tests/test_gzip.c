#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include "histories/history.h"
#include "support_history.h"

/* Members and what stands behind them. */
Test(gzip, members_are_one_file_and_nothing_else_is)
{
    static const struct {
        const char *behind;
        size_t size;
        const char *want; /* NULL: it is fine */
    } rows[] = {
        {"", 0, NULL},
        {"\0\0\0", 3, NULL},
        {"x", 1, "something else behind the end of the gzip data"},
        {"{:process 1}", 12, "something else behind the end"},
        {"\0\0x\n", 4, "something else behind the end"},
        {"\x1f\x8b\x08", 3, "the gzip data is cut"},
        {"\x1f\x8b junk of no meaning", 21, "bad gzip data: "},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[PATH_SIZE];
        struct ord_history *h = NULL;
        struct ord_err err = {0};
        int fd;
        int rc;

        fresh_path(path);
        for (int member = 0; member < 2; member++) {
            gzFile file = gzopen(path, "ab");

            cr_assert_not_null(file);
            gzprintf(file, "{:process %d, :type :invoke, :f :read}\n", member);
            gzclose(file);
        }
        fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
        cr_assert_geq(fd, 0);
        cr_assert_eq(write(fd, rows[i].behind, rows[i].size),
                     (ssize_t)rows[i].size);
        close(fd);
        rc = ord_history_open(path, NULL, &h, &err);
        cr_expect_eq(rc, rows[i].want == NULL ? ORD_OK : ORD_EFORMAT);
        if (rows[i].want != NULL)
            cr_expect_not_null(strstr(err.text, rows[i].want), "%s: %s",
                               rows[i].want, err.text);
        else if (rc == ORD_OK)
            cr_expect_eq(ord_history_count(h), 2);
        ord_history_free(&h);
        unlink(path);
    }
}
