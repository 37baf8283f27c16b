#include "targets/redis/probe.h"

#include <stdio.h>
#include <stdlib.h>

#include "targets/redis/call.h"

enum mode { MODE_ALONE, MODE_SENTINEL, MODE_CLUSTER };

struct probe {
    struct redis_conn server;
    struct redis_conn sentinel;
    int64_t deadline_ns;
    int64_t count; /* of nodes; 0: not said */
    enum mode mode;
};

/* The reply to words, to be freed; NULL: none, or an error. */
static redisReply *ask(struct probe *probe, struct redis_conn *conn,
                       const char *const *words)
{
    struct redis_args args = {0};
    redisReply *reply = NULL;

    for (; *words != NULL; words++)
        redis_word(&args, *words);
    (void)redis_call(conn, &args, probe->deadline_ns, &reply);
    return reply;
}

static redisReply *ask_role(struct probe *probe)
{
    static const char *const words[] = {"ROLE", NULL};
    redisReply *reply = ask(probe, &probe->server, words);

    if (reply != NULL && reply->type == REDIS_REPLY_ARRAY &&
        reply->elements >= 1 && reply->element[0]->str != NULL)
        return reply;
    freeReplyObject(reply);
    return NULL;
}

static redisReply *ask_sentinel(struct probe *probe)
{
    static const char *const words[] = {"SENTINEL", "master", "ordeal", NULL};
    redisReply *reply = ask(probe, &probe->sentinel, words);

    if (reply != NULL && reply->type == REDIS_REPLY_ARRAY)
        return reply;
    freeReplyObject(reply);
    return NULL;
}

/* A field of a flat list of names and values; "" if it has none. */
static const char *field(const redisReply *flat, const char *name)
{
    for (size_t i = 0; flat != NULL && i + 1 < flat->elements; i += 2) {
        if (flat->element[i]->str != NULL &&
            strcmp(flat->element[i]->str, name) == 0)
            return flat->element[i + 1]->str;
    }
    return "";
}

/* "cluster_state:ok" and the like in a text of lines. */
static bool has_line(const redisReply *reply, const char *line)
{
    return reply != NULL && reply->str != NULL &&
           strstr(reply->str, line) != NULL;
}

static bool is_cluster_whole(struct probe *probe)
{
    static const char *const words[] = {"CLUSTER", "INFO", NULL};
    redisReply *reply = ask(probe, &probe->server, words);
    bool is_whole = has_line(reply, "cluster_state:ok") &&
                    has_line(reply, "cluster_slots_ok:16384");

    freeReplyObject(reply);
    return is_whole;
}

/* false: the server does not answer. */
static bool open_probe(struct probe *probe, const char *where,
                       int64_t deadline_ns)
{
    static const char *const words[] = {"INFO", "cluster", NULL};
    const char *slash = strchr(where, '/');
    char ip[64];
    redisReply *reply;
    bool is_up;

    (void)snprintf(ip, sizeof ip, "%.*s",
                   (int)(slash != NULL ? slash - where : (int)strlen(where)),
                   where);
    *probe = (struct probe){
        .deadline_ns = deadline_ns,
        .count = slash != NULL ? strtoll(slash + 1, NULL, 10) : 0,
        .mode = slash != NULL ? MODE_SENTINEL : MODE_ALONE};
    redis_conn_init(&probe->server, ip, REDIS_PORT);
    redis_conn_init(&probe->sentinel, ip, SENTINEL_PORT);
    reply = ask(probe, &probe->server, words);
    is_up = reply != NULL;
    if (has_line(reply, "cluster_enabled:1"))
        probe->mode = MODE_CLUSTER;
    freeReplyObject(reply);
    return is_up;
}

static void close_probe(struct probe *probe)
{
    redis_conn_close(&probe->server);
    redis_conn_close(&probe->sentinel);
}

static bool knows_all(struct probe *probe)
{
    redisReply *master = ask_sentinel(probe);
    bool knows =
        master != NULL &&
        strtoll(field(master, "num-slaves"), NULL, 10) >= probe->count - 1 &&
        strtoll(field(master, "num-other-sentinels"), NULL, 10) >=
            probe->count - 1;

    freeReplyObject(master);
    return knows;
}

bool redis_ready(const char *where, int64_t deadline_ns)
{
    struct probe probe;
    bool is_ready = open_probe(&probe, where, deadline_ns);

    if (is_ready && probe.mode == MODE_CLUSTER)
        is_ready = is_cluster_whole(&probe);
    if (is_ready && probe.mode == MODE_SENTINEL)
        is_ready = knows_all(&probe);
    close_probe(&probe);
    return is_ready;
}

/* Of a replica: its leader, while connected; of a leader: itself; else "". */
static const char *leader_of(const struct probe *probe, const redisReply *role)
{
    if (strcmp(role->element[0]->str, "master") == 0)
        return probe->server.ip;
    if (role->elements < 4 || role->element[3]->str == NULL ||
        strcmp(role->element[3]->str, "connected") != 0)
        return "";
    return role->element[1]->str;
}

bool redis_settled(const char *where, int64_t deadline_ns)
{
    struct probe probe;
    redisReply *role = NULL;
    bool is_settled = false;

    if (open_probe(&probe, where, deadline_ns))
        role = ask_role(&probe);
    if (role != NULL) {
        const char *leader = leader_of(&probe, role);

        is_settled = *leader != '\0';
        if (probe.mode == MODE_CLUSTER)
            is_settled = is_settled && is_cluster_whole(&probe);
        if (probe.mode == MODE_SENTINEL) {
            redisReply *master = ask_sentinel(&probe);

            is_settled = is_settled && strcmp(field(master, "ip"), leader) == 0;
            freeReplyObject(master);
        }
    }
    freeReplyObject(role);
    close_probe(&probe);
    return is_settled;
}

bool redis_primary(const char *where, int64_t deadline_ns, int64_t *epoch)
{
    struct probe probe;
    redisReply *role = NULL;
    bool leads = false;

    *epoch = 0;
    if (open_probe(&probe, where, deadline_ns))
        role = ask_role(&probe);
    if (role != NULL)
        leads = strcmp(role->element[0]->str, "master") == 0;
    if (leads && probe.mode == MODE_SENTINEL) {
        redisReply *master = ask_sentinel(&probe);

        leads = strcmp(field(master, "ip"), probe.server.ip) == 0;
        *epoch = strtoll(field(master, "config-epoch"), NULL, 10);
        freeReplyObject(master);
    }
    freeReplyObject(role);
    close_probe(&probe);
    return leads;
}
