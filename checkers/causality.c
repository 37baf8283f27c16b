/* causality.c -- one sweep over the history in the order of its events, with a
 * clock per session: see causality.h.
 *
 * Each write keeps the list of the writes of its key that came causally next:
 * a later one is told to a write only if none that is known already says so.
 * A read is bad iff it knows one of that list, which is short.  (The idea to
 * look, for each session, only at its last write that is known is from AWDIT:
 * Moldrup and Pavlogiannis, PLDI 2025.)
 */
#include "checkers/causality.h"

#include <string.h>

#include "checkers/lanes.h"

struct over { /* a write that came after another, of the same key */
    uint32_t deed;
    struct over *next;
};

struct sweep {
    struct ord_causality *c;
    const struct ord_trace *t;
    struct ord_lanes l;
    struct over **over; /* by deed */
    struct over *spare;
    uint32_t spare_count;
    uint32_t **row;    /* by deed: clock of a write; what a read began with */
    uint32_t *users;   /* of a write's row that are still to come */
    uint32_t **know;   /* by session */
    uint32_t *left;    /* deeds of a session that are still to end */
    uint32_t **log;    /* by key, or one */
    uint8_t *is_known; /* by deed: it is in the log */
    uint32_t *at_end;  /* deed + 1, by event: the last of that call */
    uint32_t *waiting; /* by deed: a cas of this value; deed + 1 */
    uint32_t *waits;   /* by deed: the next of these */
    uint32_t pair_room;
};

static int no_memory(const struct sweep *s, struct ord_err *err)
{
    return ord_fail(err, ORD_ENOMEM,
                    "%u operations of %u sessions need more than %zu bytes",
                    s->t->count, s->t->session_count, s->c->arena->size_max);
}

static void *zalloc(const struct sweep *s, size_t count, size_t size)
{
    return ord_arena_zalloc(s->c->arena, count + 1, size);
}

static bool spend(struct sweep *s)
{
    uint64_t cost = 1 + s->l.count / 8;

    if (*s->c->steps_left < cost) {
        s->c->is_cut = true;
        return false;
    }
    *s->c->steps_left -= cost;
    return true;
}

/* ---- writes -------------------------------------------------------------- */

static int tell(struct sweep *s, uint32_t old, uint32_t deed,
                const uint32_t *clock, struct ord_err *err)
{
    struct over *over = s->over[old];

    for (; over != NULL; over = over->next) {
        if (ord_lanes_knows(&s->l, clock, over->deed))
            return ORD_OK;
    }
    if (s->spare_count == 0) {
        s->spare_count = 1024;
        s->spare = zalloc(s, s->spare_count, sizeof *s->spare);
        if (s->spare == NULL)
            return no_memory(s, err);
    }
    over = &s->spare[--s->spare_count];
    *over = (struct over){deed, s->over[old]};
    s->over[old] = over;
    return ORD_OK;
}

/* A write with that clock, itself not in it yet. */
static int overwrite(struct sweep *s, uint32_t deed, uint32_t *clock,
                     struct ord_err *err)
{
    uint32_t key = ord_deed_key(s->t, deed);

    for (uint32_t g = s->l.group_first[key]; g < s->l.group_first[key + 1];
         g++) {
        struct ord_lane_group *group = &s->l.groups[g];
        const uint32_t *old = ord_lanes_last(&s->l, group, clock[group->lane]);

        if (old != NULL && tell(s, *old, deed, clock, err) != ORD_OK)
            return err->rc;
    }
    ORD_ASSERT(clock[s->l.lane[deed]] < s->l.pos[deed]);
    clock[s->l.lane[deed]] = s->l.pos[deed];
    return ORD_OK;
}

static uint32_t log_of(const struct sweep *s, uint32_t deed)
{
    return s->c->log == ORD_LOG_ALL ? 0 : ord_deed_key(s->t, deed);
}

static void unuse(struct sweep *s, uint32_t deed)
{
    ORD_ASSERT(s->users[deed] > 0);
    if (--s->users[deed] == 0)
        ord_row_free(&s->l, &s->row[deed]);
}

/* Acknowledged, or seen by a read that has ended: from now on it is before
 * whatever is written to its log. */
static void make_known(struct sweep *s, uint32_t deed)
{
    uint32_t *row = NULL;

    if (s->c->log == ORD_LOG_NONE || s->is_known[deed])
        return;
    row = s->log[log_of(s, deed)];
    ORD_ASSERT(row != NULL && s->row[deed] != NULL);
    s->is_known[deed] = 1;
    ord_row_join(&s->l, row, s->row[deed]);
    unuse(s, deed);
}

/* ---- reads --------------------------------------------------------------- */

static int add_pair(struct sweep *s, struct ord_causal_pair pair,
                    struct ord_err *err)
{
    struct ord_causality *c = s->c;

    if (c->pair_count == s->pair_room) {
        uint32_t room = s->pair_room == 0 ? 1024 : s->pair_room * 2;
        struct ord_causal_pair *more = zalloc(s, room, sizeof *more);

        if (more == NULL)
            return no_memory(s, err);
        if (c->pair_count > 0)
            memcpy(more, c->pairs, c->pair_count * sizeof *more);
        c->pairs = more;
        s->pair_room = room;
    }
    c->pairs[c->pair_count++] = pair;
    return ORD_OK;
}

/* Writes that the read knew of, concurrent to the one that it saw. */
static int pair_up(struct sweep *s, uint32_t read, const uint32_t *clock,
                   struct ord_err *err)
{
    uint32_t from = s->t->from[read];
    uint32_t key = ord_deed_key(s->t, read);

    for (uint32_t g = s->l.group_first[key]; g < s->l.group_first[key + 1];
         g++) {
        struct ord_lane_group *group = &s->l.groups[g];
        const uint32_t *known =
            ord_lanes_last(&s->l, group, clock[group->lane]);

        if (known == NULL || group->lane == s->l.lane[from] ||
            (s->row[from] != NULL &&
             ord_lanes_knows(&s->l, s->row[from], *known)))
            continue;
        if (add_pair(s, (struct ord_causal_pair){*known, from, read}, err) !=
            ORD_OK)
            return err->rc;
    }
    return ORD_OK;
}

static void bad(struct sweep *s, uint32_t read, uint32_t knew)
{
    struct ord_causal_bad what = {read, s->t->from[read], knew};

    s->c->found(s->c->data, &what);
}

/* The read knows what is in the clock, which does not have what it saw. */
static int judge(struct sweep *s, uint32_t read, const uint32_t *clock,
                 struct ord_err *err)
{
    uint32_t from = s->t->from[read];
    uint32_t key = ord_deed_key(s->t, read);

    if (from == ORD_FROM_NOBODY || from == ORD_FROM_SEVERAL)
        return ORD_OK;
    s->c->judged_count++;
    if (from == ORD_FROM_INITIAL) {
        for (uint32_t g = s->l.group_first[key]; g < s->l.group_first[key + 1];
             g++) {
            const uint32_t *known = ord_lanes_last(&s->l, &s->l.groups[g],
                                                   clock[s->l.groups[g].lane]);

            if (known != NULL) {
                bad(s, read, *known);
                break;
            }
        }
        return ORD_OK;
    }
    for (const struct over *over = s->over[from]; over != NULL;
         over = over->next) {
        if (ord_lanes_knows(&s->l, clock, over->deed)) {
            bad(s, read, over->deed);
            return ORD_OK;
        }
    }
    return s->c->wants_pairs ? pair_up(s, read, clock, err) : ORD_OK;
}

/* ---- the sweep ----------------------------------------------------------- */

static bool is_ready(const struct sweep *s, uint32_t read)
{
    uint32_t from = s->t->from[read];

    return !ORD_FROM_IS_DEED(from) || s->row[from] != NULL;
}

/* The clock of a session, made when it is first asked for. */
static uint32_t *knowledge(struct sweep *s, uint32_t session)
{
    if (s->know[session] == NULL)
        s->know[session] = ord_row_new(&s->l);
    return s->know[session];
}

/* The write with its row filled in, but for itself. */
static int do_write(struct sweep *s, uint32_t deed, struct ord_err *err)
{
    if (s->c->log != ORD_LOG_NONE) {
        uint32_t **log = &s->log[log_of(s, deed)];

        if (*log == NULL)
            *log = ord_row_new(&s->l);
        if (*log == NULL)
            return no_memory(s, err);
        ord_row_join(&s->l, s->row[deed], *log);
    }
    return overwrite(s, deed, s->row[deed], err);
}

/* Both parts of a cas whose source is there; then of those that waited for
 * it. */
static int do_cas(struct sweep *s, uint32_t write, struct ord_err *err)
{
    uint32_t next = write + 1;

    while (next != 0) {
        uint32_t at = next - 1;
        uint32_t read = at - 1;
        uint32_t from = s->t->from[read];
        uint32_t last = s->waiting[at];

        s->row[at] = s->row[read];
        s->row[read] = NULL;
        if (judge(s, read, s->row[at], err) != ORD_OK)
            return err->rc;
        if (ORD_FROM_IS_DEED(from)) {
            ord_row_join(&s->l, s->row[at], s->row[from]);
            unuse(s, from);
        }
        if (do_write(s, at, err) != ORD_OK)
            return err->rc;
        next = s->waits[at];
        if (last == 0)
            continue;
        while (s->waits[last - 1] != 0)
            last = s->waits[last - 1];
        s->waits[last - 1] = next;
        next = s->waiting[at];
    }
    return ORD_OK;
}

static int begin_cas(struct sweep *s, uint32_t read, struct ord_err *err)
{
    uint32_t from = s->t->from[read];
    uint32_t write = read + 1;

    /* The row stands at the read until the write has happened. */
    s->row[read] = ord_row_new(&s->l);
    if (s->row[read] == NULL)
        return no_memory(s, err);
    ord_row_copy(&s->l, s->row[read], s->know[ord_deed_session(s->t, read)]);
    if (is_ready(s, read))
        return do_cas(s, write, err);
    s->waits[write] = s->waiting[from];
    s->waiting[from] = write + 1;
    return ORD_OK;
}

/* A session that does nothing more needs no clock. */
static void leave(struct sweep *s, uint32_t session, uint32_t count)
{
    ORD_ASSERT(s->left[session] >= count);
    s->left[session] -= count;
    if (s->left[session] == 0)
        ord_row_free(&s->l, &s->know[session]);
}

static int begin_deed(struct sweep *s, uint32_t deed, struct ord_err *err)
{
    uint32_t session = ord_deed_session(s->t, deed);
    uint32_t *know = knowledge(s, session);
    bool is_read = ord_deed_is_read(s->t, deed);

    if (know == NULL)
        return no_memory(s, err);
    if ((s->t->kind[deed] & ORD_DEED_CAS) != 0)
        return is_read ? begin_cas(s, deed, err) : ORD_OK;
    if (is_read && !s->l.overlaps[session])
        return ORD_OK;
    s->row[deed] = ord_row_new(&s->l);
    if (s->row[deed] == NULL)
        return no_memory(s, err);
    ord_row_copy(&s->l, s->row[deed], know);
    if (is_read)
        return ORD_OK;
    if (do_write(s, deed, err) != ORD_OK)
        return err->rc;
    if (s->waiting != NULL && s->waiting[deed] != 0)
        return do_cas(s, s->waiting[deed] - 1, err);
    return ORD_OK;
}

static int end_read(struct sweep *s, uint32_t read, uint32_t *know,
                    struct ord_err *err)
{
    uint32_t from = s->t->from[read];
    uint32_t *clock = s->row[read] != NULL ? s->row[read] : know;

    /* What it saw came from what nobody had begun to write: physically not
     * possible, and told by whoever looks at the cas that stands between. */
    if (!is_ready(s, read)) {
        ord_row_free(&s->l, &s->row[read]);
        return ORD_OK;
    }
    if (judge(s, read, clock, err) != ORD_OK)
        return err->rc;
    ord_row_join(&s->l, know, clock);
    ord_row_free(&s->l, &s->row[read]);
    if (ORD_FROM_IS_DEED(from)) {
        ord_row_join(&s->l, know, s->row[from]);
        make_known(s, from);
        unuse(s, from);
    }
    return ORD_OK;
}

/* The last deed of a call: a read, a write, or the write of a cas. */
static int end_deed(struct sweep *s, uint32_t deed, struct ord_err *err)
{
    uint32_t session = ord_deed_session(s->t, deed);
    uint32_t *know = knowledge(s, session);

    if (know == NULL)
        return no_memory(s, err);
    if (ord_deed_is_read(s->t, deed))
        return end_read(s, deed, know, err);
    ORD_ASSERT(s->row[deed] != NULL);
    ord_row_join(&s->l, know, s->row[deed]);
    make_known(s, deed);
    unuse(s, deed);
    if ((s->t->kind[deed] & ORD_DEED_CAS) != 0 &&
        ORD_FROM_IS_DEED(s->t->from[deed - 1]))
        make_known(s, s->t->from[deed - 1]);
    return ORD_OK;
}

static int sweep(struct sweep *s, struct ord_err *err)
{
    const struct ord_trace *t = s->t;
    uint32_t next = 0;
    uint32_t deed = 0;

    for (uint32_t place = 0; place < t->calls.event_count; place++) {
        while (next < t->count && ord_deed_begin(t, next) == place) {
            if (!spend(s))
                return ORD_OK;
            if (begin_deed(s, next, err) != ORD_OK)
                return err->rc;
            if (ord_deed_end(t, next) == ORD_CALL_NEVER)
                leave(s, ord_deed_session(t, next), 1);
            next++;
        }
        deed = s->at_end[place];
        if (deed-- == 0)
            continue;
        if (!spend(s))
            return ORD_OK;
        if (end_deed(s, deed, err) != ORD_OK)
            return err->rc;
        leave(s, ord_deed_session(t, deed),
              (t->kind[deed] & ORD_DEED_CAS) != 0 ? 2 : 1);
    }
    return ORD_OK;
}

/* A write's row is used at its own end, by each read, and by its log. */
static void count_users(struct sweep *s)
{
    const struct ord_trace *t = s->t;

    for (uint32_t i = 0; i < t->count; i++) {
        bool has_end = ord_deed_end(t, i) != ORD_CALL_NEVER;

        if (has_end)
            s->at_end[ord_deed_end(t, i)] = i + 1;
        if (!ord_deed_is_read(t, i))
            s->users[i] = t->from[i] + has_end + (s->c->log != ORD_LOG_NONE);
    }
}

static int prepare(struct sweep *s, struct ord_err *err)
{
    const struct ord_trace *t = s->t;
    bool has_cas = false;

    if (ord_lanes_init(&s->l, t, s->c->arena, false, err) != ORD_OK)
        return err->rc;
    s->c->lane_count = s->l.count;
    s->left = zalloc(s, t->session_count, sizeof *s->left);
    for (uint32_t i = 0; i < t->count && !has_cas; i++)
        has_cas = (t->kind[i] & ORD_DEED_CAS) != 0;
    if (has_cas) {
        s->waiting = zalloc(s, t->count, sizeof *s->waiting);
        s->waits = zalloc(s, t->count, sizeof *s->waits);
    }
    if (s->c->log != ORD_LOG_NONE) {
        s->log = zalloc(s, t->calls.key_count, sizeof *s->log);
        s->is_known = zalloc(s, t->count, 1);
    }
    s->over = zalloc(s, t->count, sizeof *s->over);
    s->row = zalloc(s, t->count, sizeof *s->row);
    s->users = zalloc(s, t->count, sizeof *s->users);
    s->know = zalloc(s, t->session_count, sizeof *s->know);
    s->at_end = zalloc(s, t->calls.event_count, sizeof *s->at_end);
    if ((has_cas && (s->waiting == NULL || s->waits == NULL)) ||
        (s->c->log != ORD_LOG_NONE &&
         (s->log == NULL || s->is_known == NULL)) ||
        s->left == NULL || s->over == NULL || s->row == NULL ||
        s->users == NULL || s->know == NULL || s->at_end == NULL)
        return no_memory(s, err);
    for (uint32_t i = 0; i < t->session_count; i++)
        s->left[i] = t->session_first[i + 1] - t->session_first[i];
    count_users(s);
    return ORD_OK;
}

int ord_causality_run(struct ord_causality *c, struct ord_err *err)
{
    struct sweep s = {.c = c, .t = c->trace};

    c->is_cut = false;
    c->judged_count = 0;
    c->pair_count = 0;
    c->pairs = NULL;
    if (c->trace->count == 0)
        return ORD_OK;
    if (prepare(&s, err) != ORD_OK)
        return err->rc;
    return sweep(&s, err);
}
