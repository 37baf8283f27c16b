/* support_server.h -- a server on loopback that answers as a test says: for
 * tests of what a client concludes from each way that a call can end.
 *
 * One thread, one connection at a time.  What it speaks is the test's; the
 * struct is a test's own and starts zeroed. */
#ifndef ORD_CLIENT_TESTS_SUPPORT_SERVER_H
#define ORD_CLIENT_TESTS_SUPPORT_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { SERVER_ADDRESS_SIZE = 32 };

struct server {
    void (*serve)(int fd); /* one connection; it is closed afterwards */
    _Atomic int way;       /* what it shall do: the test's numbers */
    _Atomic int request_count;
    char address[SERVER_ADDRESS_SIZE]; /* "127.0.0.1:PORT" */
    /* ---- its own ---- */
    pthread_t thread;
    int listener;
    _Atomic bool is_over;
};

/* Listens; asserts that it could. */
void server_start(struct server *server, void (*serve)(int fd));
void server_stop(struct server *server);

/* Exactly so many bytes; false: the other side closed, or the test is over. */
bool server_read(struct server *server, int fd, void *to, size_t size);
/* A text that is whole when is_whole says so; false: as above, or it is longer
 * than `room`.  Zero-terminated. */
bool server_read_text(struct server *server, int fd, char *text, size_t room,
                      bool (*is_whole)(const char *text, size_t size));
void server_say(int fd, const void *data, size_t size);
/* The end of the connection will be a reset. */
void server_will_reset(int fd);

#endif
