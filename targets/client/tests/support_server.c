#include "support_server.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOK_MS = 10 };

static void *run(void *context)
{
    struct server *server = context;

    while (!server->is_over) {
        struct pollfd ready = {.fd = server->listener, .events = POLLIN};
        int fd;

        if (poll(&ready, 1, LOOK_MS) <= 0)
            continue;
        fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        server->serve(fd);
        (void)close(fd);
    }
    return NULL;
}

void server_start(struct server *server, void (*serve)(int fd))
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;

    server->serve = serve;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(server->listener, (struct sockaddr *)&at, size), 0);
    cr_assert_eq(listen(server->listener, 8), 0);
    cr_assert_eq(getsockname(server->listener, (struct sockaddr *)&at, &size),
                 0);
    (void)snprintf(server->address, sizeof server->address, "127.0.0.1:%d",
                   ntohs(at.sin_port));
    cr_assert_eq(pthread_create(&server->thread, NULL, run, server), 0);
}

void server_stop(struct server *server)
{
    server->is_over = true;
    (void)pthread_join(server->thread, NULL);
    (void)close(server->listener);
}

bool server_read(struct server *server, int fd, void *to, size_t size)
{
    char *at = to;
    size_t got = 0;

    while (got < size) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        ssize_t more;

        if (server->is_over)
            return false;
        if (poll(&ready, 1, LOOK_MS) <= 0)
            continue;
        more = recv(fd, at + got, size - got, 0);
        if (more <= 0)
            return false;
        got += (size_t)more;
    }
    return true;
}

bool server_read_text(struct server *server, int fd, char *text, size_t room,
                      bool (*is_whole)(const char *text, size_t size))
{
    for (size_t size = 0; size + 1 < room;) {
        if (!server_read(server, fd, text + size, 1))
            return false;
        text[++size] = '\0';
        if (is_whole(text, size))
            return true;
    }
    return false;
}

void server_say(int fd, const void *data, size_t size)
{
    (void)send(fd, data, size, MSG_NOSIGNAL);
}

void server_will_reset(int fd)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}
