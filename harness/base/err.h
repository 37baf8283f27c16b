/* err.h -- operating errors, and assertions for bugs.
 *
 * A function that can fail returns ORD_OK or a negative enum ord_rc and takes
 * `struct ord_err *err` as its last parameter.  err belongs to the caller, is
 * never NULL, and is written only on failure.  Each layer that passes an error
 * up may add one noun with ord_wrap().
 */
#ifndef ORD_BASE_ERR_H
#define ORD_BASE_ERR_H

#include <stddef.h>

enum ord_rc {
    ORD_OK = 0,
    ORD_EIO = -1,     /* a system call failed; the text has errno's words */
    ORD_ENOMEM = -2,  /* memory or an arena's limit is used up */
    ORD_ELIMIT = -3,  /* a documented bound was reached */
    ORD_EFORMAT = -4, /* bytes that are not what they should be */
    ORD_EUSAGE = -5,  /* bad arguments or configuration: exit 64 */
    ORD_ENOTFOUND = -6,
    ORD_ETIMEOUT = -7,
    ORD_EDIED = -8,   /* a child process ended when it should not have */
    ORD_EDENIED = -9, /* the machine does not allow it; the text says how */
    ORD_EFULL = -10,  /* no space left on the device */
};

enum { ORD_ERR_TEXT_SIZE = 1024 };

struct ord_err {
    int rc;
    char text[ORD_ERR_TEXT_SIZE];
};

/* Writes the text, returns rc, so that one can `return ord_fail(...)`. */
int ord_fail(struct ord_err *err, int rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with errno's text appended; ORD_EFULL for ENOSPC and EDQUOT,
 * ORD_EDENIED for EPERM and EACCES, else ORD_EIO. */
int ord_fail_errno(struct ord_err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts "noun: " before the text and returns err->rc. */
int ord_wrap(struct ord_err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Aborts with file, line and expression.  Always on: for bugs only, never for
 * anything that came from a file, a wire, a child or a user. */
#define ORD_ASSERT(expression)                                                 \
    ((expression) ? (void)0                                                    \
                  : ord_assert_failed(#expression, __FILE__, __LINE__))

_Noreturn void ord_assert_failed(const char *expression, const char *file,
                                 int line);

#endif
