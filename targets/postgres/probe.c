#include "targets/postgres/probe.h"

#include <stdio.h>
#include <stdlib.h>

#include "harness/base/clock.h"
#include "targets/postgres/call.h"

enum {
    PEERS_MAX = ORD_CLIENT_NODES_MAX,
    ROUNDS_MAX = 2, /* in which a start looks for a primary */
    ROUND_PAUSE_MS = 200,
    STUCK_ERRORS = 3,
    STUCK_LOOK_MS = 500, /* in which a conflict fails twice: see start.sh */
    SLOT_SQL_SIZE = 256,
};

static const int64_t LOOK_NS = ORD_S; /* for one peer */
static const int64_t CHECKPOINT_NS = 5 * ORD_S;
static const int64_t PROMOTE_NS = ORD_S;

struct peers {
    struct pg_conn conns[PEERS_MAX];
    int count;
};

static void open_peers(struct peers *peers, const char *list)
{
    peers->count = 0;
    while (*list != '\0' && peers->count < PEERS_MAX) {
        size_t size = strcspn(list, ",");
        char ip[ORD_CLIENT_IP_SIZE];

        (void)snprintf(ip, sizeof ip, "%.*s", (int)size, list);
        pg_conn_init(&peers->conns[peers->count++], ip, NULL);
        list += size + (list[size] == ',' ? 1 : 0);
    }
}

static void close_peers(struct peers *peers)
{
    for (int i = 0; i < peers->count; i++)
        pg_conn_close(&peers->conns[i]);
}

/* The node itself, and all of them: two connections, one of them unused. */
static void open_where(const char *where, struct pg_conn *self,
                       struct peers *peers)
{
    const char *slash = strchr(where, '/');
    char ip[ORD_CLIENT_IP_SIZE];

    (void)snprintf(ip, sizeof ip, "%.*s", (int)strcspn(where, "/"), where);
    pg_conn_init(self, ip, NULL);
    open_peers(peers, slash != NULL ? slash + 1 : "");
}

static int64_t ask(struct pg_conn *conn, const char *sql, int64_t deadline_ns,
                   int64_t preset)
{
    PGresult *result = NULL;
    int64_t number = preset;

    if (pg_call(conn, sql, false, deadline_ns, &result) == PG_DONE)
        number = pg_number(result, 0, preset);
    PQclear(result);
    return number;
}

static bool is_streaming(struct pg_conn *conn, int64_t deadline_ns)
{
    return ask(conn,
               "SELECT count(*) FROM pg_stat_wal_receiver WHERE status = "
               "'streaming'",
               deadline_ns, 0) == 1;
}

/* ---- logical replication ------------------------------------------------ */

static bool is_logical(struct pg_conn *conn, int64_t deadline_ns)
{
    return ask(conn,
               "SELECT (SELECT count(*) FROM pg_subscription) + (SELECT "
               "count(*) FROM pg_publication)",
               deadline_ns, 0) > 0;
}

/* A subscriber is ready once it subscribes, a publisher once there is a slot
 * for every subscriber: what is written from then on will be sent. */
static bool is_linked(struct pg_conn *self, int peer_count, int64_t deadline_ns)
{
    return self->is_standby ||
           ask(self,
               "SELECT count(*) FROM pg_replication_slots WHERE slot_type = "
               "'logical'",
               deadline_ns, 0) >= peer_count - 1;
}

static const char errors_sql[] =
    "SELECT coalesce(sum(apply_error_count), 0)::bigint FROM "
    "pg_stat_subscription_stats";

/* What failed to apply is tried again, and fails again, for ever: a conflict.
 * Connections that are lost are one error each. */
static bool is_stuck(struct pg_conn *self, int64_t deadline_ns)
{
    int64_t before = ask(self, errors_sql, deadline_ns, 0);

    ord_client_pause(STUCK_LOOK_MS);
    return before >= STUCK_ERRORS &&
           ask(self, errors_sql, deadline_ns, 0) > before;
}

/* Did the node apply all that the peer had written when asked? */
static bool has_all_of(struct pg_conn *self, struct pg_conn *peer,
                       int64_t deadline_ns)
{
    char sql[SLOT_SQL_SIZE];
    int64_t position;

    if (!pg_conn_meet(peer, deadline_ns))
        return false;
    position = ask(peer, "SELECT pg_current_wal_flush_lsn() - '0/0'::pg_lsn",
                   deadline_ns, -1);
    (void)snprintf(sql, sizeof sql,
                   "SELECT coalesce(min(confirmed_flush_lsn - '0/0'), "
                   "%lld)::bigint FROM pg_replication_slots WHERE slot_name = "
                   "'s' || replace('%s', '.', '_')",
                   (long long)position, self->ip);
    return position >= 0 && ask(peer, sql, deadline_ns, -1) >= position;
}

static bool is_caught_up(struct pg_conn *self, struct peers *peers,
                         int64_t deadline_ns)
{
    for (int i = 0; i < peers->count; i++) {
        struct pg_conn *peer = &peers->conns[i];

        if (strcmp(peer->ip, self->ip) != 0 &&
            !has_all_of(self, peer, deadline_ns))
            return is_stuck(self, deadline_ns);
    }
    return true;
}

/* ---- ready, settled, primary -------------------------------------------- */

bool pg_ready(const char *where, int64_t deadline_ns)
{
    struct pg_conn self;
    struct peers peers;
    bool is_ready;

    open_where(where, &self, &peers);
    is_ready = pg_conn_meet(&self, deadline_ns);
    if (is_ready && is_logical(&self, deadline_ns))
        is_ready = is_linked(&self, peers.count, deadline_ns);
    else if (is_ready && self.is_standby)
        is_ready = is_streaming(&self, deadline_ns);
    else if (is_ready)
        is_ready = ask(&self,
                       "SELECT count(*) FROM pg_stat_replication WHERE state = "
                       "'streaming'",
                       deadline_ns, 0) >= peers.count - 1;
    pg_conn_close(&self);
    return is_ready;
}

/* The only primary; NULL if there is none, or a second one. */
static struct pg_conn *find_only(struct peers *peers, int64_t deadline_ns)
{
    struct pg_conn *found = NULL;

    for (int i = 0; i < peers->count; i++) {
        struct pg_conn *conn = &peers->conns[i];

        if (!pg_conn_meet(conn, deadline_ns))
            return NULL;
        if (conn->is_standby)
            continue;
        if (found != NULL)
            return NULL;
        found = conn;
    }
    return found;
}

static const char position_sql[] =
    "SELECT pg_current_wal_flush_lsn() - '0/0'::pg_lsn";

bool pg_settled(const char *where, int64_t deadline_ns)
{
    struct pg_conn self;
    struct peers peers;
    struct pg_conn *primary;
    bool is_settled = false;
    int64_t position = -1;

    open_where(where, &self, &peers);
    if (pg_conn_meet(&self, deadline_ns) && is_logical(&self, deadline_ns)) {
        is_settled = is_caught_up(&self, &peers, deadline_ns);
        pg_conn_close(&self);
        close_peers(&peers);
        return is_settled;
    }
    primary = find_only(&peers, deadline_ns);
    if (primary != NULL && pg_conn_meet(&self, deadline_ns)) {
        position = ask(primary, position_sql, deadline_ns, -1);
        is_settled = position >= 0;
        if (self.is_standby)
            is_settled =
                is_settled && is_streaming(&self, deadline_ns) &&
                ask(&self, "SELECT pg_last_wal_replay_lsn() - '0/0'::pg_lsn",
                    deadline_ns, -1) >= position;
    }
    pg_conn_close(&self);
    close_peers(&peers);
    return is_settled;
}

bool pg_primary(const char *where, int64_t deadline_ns, int64_t *epoch)
{
    struct pg_conn self;
    struct peers peers;
    bool is_primary;

    open_where(where, &self, &peers);
    is_primary = pg_conn_meet(&self, deadline_ns) && !self.is_standby;
    *epoch = self.timeline;
    pg_conn_close(&self);
    return is_primary;
}

/* Says what it is, or that nobody is there: then it need not be asked again. */
static bool is_known(struct pg_conn *conn)
{
    return pg_conn_meet(conn, ord_now_ns() + LOOK_NS) ||
           strstr(conn->why, "refused") != NULL;
}

/* One that takes its time, or is being started, is asked again. */
static struct pg_conn *find_newest(struct peers *peers)
{
    struct pg_conn *best = NULL;
    bool is_done = false;

    for (int round = 0; !is_done && best == NULL && round < ROUNDS_MAX;
         round++) {
        if (round > 0)
            ord_client_pause(ROUND_PAUSE_MS);
        is_done = true;
        for (int i = 0; i < peers->count; i++) {
            struct pg_conn *conn = &peers->conns[i];

            if (!is_known(conn))
                is_done = false;
            else if (conn->pg != NULL && !conn->is_standby &&
                     (best == NULL || conn->timeline > best->timeline))
                best = conn;
        }
    }
    return best;
}

int pg_look(const char *list)
{
    struct peers peers;
    struct pg_conn *best;
    PGresult *result = NULL;
    int code = 1;

    open_peers(&peers, list);
    best = find_newest(&peers);
    if (best != NULL) {
        long long timeline = best->timeline;

        (void)pg_call(best, "CHECKPOINT", false, ord_now_ns() + CHECKPOINT_NS,
                      &result);
        PQclear(result);
        if (printf("%s %lld\n", best->ip, timeline) > 0 && fflush(stdout) == 0)
            code = 0;
    }
    close_peers(&peers);
    return code;
}

/* Has some standby that answers received more than this one? */
static bool is_behind(struct pg_conn *self, struct peers *peers,
                      int64_t deadline_ns)
{
    static const char sql[] =
        "SELECT greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) "
        "- '0/0'::pg_lsn";
    int64_t has = ask(self, sql, deadline_ns, -1);

    for (int i = 0; i < peers->count; i++) {
        struct pg_conn *conn = &peers->conns[i];

        if (strcmp(conn->ip, self->ip) != 0 &&
            pg_conn_meet(conn, ord_now_ns() + LOOK_NS) && conn->is_standby &&
            ask(conn, sql, deadline_ns, -1) > has)
            return true;
    }
    return has < 0;
}

int pg_promote(const char *where, bool only_ahead)
{
    int64_t deadline_ns = ord_now_ns() + PROMOTE_NS;
    struct pg_conn self;
    struct peers peers;
    PGresult *result = NULL;
    int code = 1;

    open_where(where, &self, &peers);
    if (pg_conn_meet(&self, deadline_ns) && self.is_standby &&
        !(only_ahead && is_behind(&self, &peers, deadline_ns)) &&
        pg_call(&self, "SELECT pg_promote(false)", true, deadline_ns,
                &result) == PG_DONE &&
        PQgetvalue(result, 0, 0)[0] == 't')
        code = 0;
    if (code != 0)
        (void)fprintf(stderr, "%s is not promoted: %s\n", self.ip,
                      self.why[0] != '\0' ? self.why
                      : self.is_standby   ? "another standby has more"
                                          : "it is a primary");
    PQclear(result);
    pg_conn_close(&self);
    close_peers(&peers);
    return code;
}
