/* support_fake.h -- three nodes that do as they are told, and a client program
 * on a pipe: for tests of what a client asks whom, and what it concludes. */
#ifndef ORD_REFDB_SUPPORT_FAKE_H
#define ORD_REFDB_SUPPORT_FAKE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { FAKE_NODES = 3, FAKE_CONNS_MAX = 32, FAKE_TRACE_SIZE = 4096 };

/* What a node does with a command.  META is answered by all but DEAF. */
enum fake_way {
    FAKE_LEADS,     /* does everything */
    FAKE_FOLLOWS,   /* LOCAL, MINPOS, MAXLAG; else -NOTLEADER 1 */
    FAKE_LAGS,      /* as FOLLOWS, but -LAGGING for MINPOS and MAXLAG */
    FAKE_LOST_HINT, /* -NOTLEADER 0 */
    FAKE_HINTS_3,   /* -NOTLEADER 3 */
    FAKE_NO_LEADER,
    FAKE_FENCED,
    FAKE_LOADING,
    FAKE_BAD_COMMAND,
    FAKE_UNCERTAIN,
    FAKE_ODD_ERROR,
    FAKE_SILENT, /* takes the command, says nothing */
    FAKE_LATE,   /* answers long after the client's timeout */
    FAKE_CLOSES, /* takes the command, closes */
    FAKE_RESETS,
    FAKE_HALF, /* half an answer, then closes */
    FAKE_GARBAGE,
    FAKE_PLAIN,    /* an answer without node, epoch, position */
    FAKE_WRONG,    /* an answer of the wrong shape */
    FAKE_TRICKLES, /* byte by byte */
    FAKE_DEAF,     /* accepts, never reads */
    FAKE_DOWN,     /* refuses connections */
};

struct fake_conn {
    int fd;
    int node;
    size_t size;
    bool is_doomed;
    char in[2048];
};

struct fake {
    pthread_t thread;
    _Atomic bool is_over;
    _Atomic int ways[FAKE_NODES];
    _Atomic int64_t epochs[FAKE_NODES];
    _Atomic int64_t position; /* of the newest write */
    int ports[FAKE_NODES];
    int listeners[FAKE_NODES];
    struct fake_conn conns[FAKE_CONNS_MAX];
    pthread_mutex_t lock;
    char trace[FAKE_TRACE_SIZE]; /* "1 SET, 2 LOCAL GET" */
    char value[64];              /* of the one register; "" is nil */
    char elements[16][32];       /* of the one set or list */
    int element_count;
};

void fake_start(struct fake *fake);
void fake_stop(struct fake *fake);
/* The trace since the last look, into out. */
void fake_look(struct fake *fake, char out[FAKE_TRACE_SIZE]);

struct program {
    pid_t pid;
    int to;
    int from;
    size_t size;
    char in[1 << 16];
    char line[1 << 16]; /* the last answer */
};

enum program_kind { PROGRAM_C, PROGRAM_PYTHON };

/* Starts it, sends the init line with the settings ("\"a\":\"b\""), waits for
 * ready.  False: it ended or stayed silent. */
bool program_start(struct program *program, enum program_kind kind,
                   const struct fake *fake, int home, const char *workload,
                   const char *settings, int timeout_ms);
/* Sends a line, waits for one in program->line. */
bool program_say(struct program *program, const char *line);
/* Ends its input; its exit code, or -1. */
int program_end(struct program *program);
/* Runs it with arguments; its exit code, its output in program->line. */
int program_probe(struct program *program, const char *option,
                  const char *address);

#endif
