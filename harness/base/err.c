#include "harness/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int rc_of_errno(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
        return ORD_EFULL;
    case EPERM:
    case EACCES:
        return ORD_EDENIED;
    case ENOMEM:
        return ORD_ENOMEM;
    default:
        return ORD_EIO;
    }
}

int ord_fail(struct ord_err *err, int rc, const char *format, ...)
{
    va_list args;

    ORD_ASSERT(err != NULL);
    ORD_ASSERT(rc < 0);
    err->rc = rc;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return rc;
}

int ord_fail_errno(struct ord_err *err, const char *format, ...)
{
    int number = errno;
    va_list args;
    size_t used;

    ORD_ASSERT(err != NULL);
    err->rc = rc_of_errno(number);
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    used = strlen(err->text);
    snprintf(err->text + used, sizeof err->text - used, ": %s",
             strerror(number));
    return err->rc;
}

int ord_wrap(struct ord_err *err, const char *format, ...)
{
    char old[ORD_ERR_TEXT_SIZE];
    va_list args;
    size_t used;

    ORD_ASSERT(err != NULL);
    ORD_ASSERT(err->rc < 0); /* nothing to wrap is a bug of the caller */
    memcpy(old, err->text, sizeof old);
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    used = strlen(err->text);
    snprintf(err->text + used, sizeof err->text - used, ": %s", old);
    return err->rc;
}

_Noreturn void ord_assert_failed(const char *expression, const char *file,
                                 int line)
{
    fprintf(stderr, "ordeal: bug: %s:%d: %s does not hold\n", file, line,
            expression);
    abort();
}
