/* support_fake.h -- servers that speak PostgreSQL's protocol and answer the one
 * statement that a test is about in the way the test wants. */
#ifndef ORD_POSTGRES_TESTS_SUPPORT_FAKE_H
#define ORD_POSTGRES_TESTS_SUPPORT_FAKE_H

#include <stdatomic.h>
#include <stdbool.h>

enum way {
    WAY_ANSWERS,      /* INSERT 0 1 */
    WAY_LEAVES,       /* the same, and closes */
    WAY_NO_ROW,       /* UPDATE 0 */
    WAY_CONFLICT,     /* ERROR 40001 */
    WAY_DEADLOCK,     /* ERROR 40P01 */
    WAY_CONSTRAINT,   /* ERROR 23505 */
    WAY_READ_ONLY,    /* ERROR 25006 */
    WAY_WHO_KNOWS,    /* ERROR 40003, the outcome is not known */
    WAY_INTERNAL,     /* ERROR XX000 */
    WAY_CANCELLED,    /* ERROR 57014 */
    WAY_SHUTDOWN,     /* FATAL 57P01, and closes */
    WAY_FATAL,        /* FATAL with the class of a refusal, and closes */
    WAY_WAIT_BROKEN,  /* the warning about standbys, and INSERT 0 1 */
    WAY_OTHER_NOTICE, /* some other warning, and INSERT 0 1 */
    WAY_ROLLED_BACK,  /* COMMIT answered by ROLLBACK */
    WAY_NOTHING,      /* ready for the next, without any result */
    WAY_CLOSES,       /* after it has read the statement */
    WAY_RESETS,
    WAY_SILENT,
    WAY_HALF,    /* half an answer */
    WAY_GARBAGE, /* not of this protocol */
    WAY_STARTING /* FATAL 57P03 to whoever connects */
};

enum { FAKES_MAX = 3 };

struct fake {
    int listener;
    char where[32]; /* "127.0.0.1:PORT" */
    _Atomic bool is_standby;
    _Atomic int way;
    _Atomic int calm; /* reads of a transaction, before the way strikes */
    const char *_Atomic strikes_at; /* other statements are done; NULL: all */
    _Atomic bool has_insert;        /* something of the key is there */
    _Atomic int count; /* statements but those that a client begins with */
    char sql[512];     /* the last of them */
    char set[256];     /* what the session was set to */
};

extern struct fake fakes[FAKES_MAX];

void fakes_start(void);
void fakes_stop(void);

#endif
