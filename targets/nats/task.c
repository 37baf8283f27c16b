#include "targets/nats/task.h"

#include <stdio.h>
#include <stdlib.h>

#include "harness/base/clock.h"

enum {
    REFUSED_PAUSE_MS = 20,
    SUBJECT_SIZE = 64,
    REPLICAS = 3,
    FETCH_MS = 300,
    ACK_WAIT_S = 1,
};

#define BUCKET "registers"
#define STREAM "ordeal"

/* ---- before the first operation ------------------------------------------ */

static bool is_register(const struct ord_client_init *init)
{
    return init->workload == ORD_CLIENT_REGISTER ||
           init->workload == ORD_CLIENT_SESSIONS;
}

bool nats_task_prepare(struct nats_link *link,
                       const struct ord_client_init *init)
{
    int replicas = init->node_count < REPLICAS ? init->node_count : REPLICAS;
    const char *subjects[] = {"o.*"};
    natsStatus status;
    jsErrCode code = 0;

    if (is_register(init)) {
        kvConfig config;

        (void)kvConfig_Init(&config);
        config.Bucket = BUCKET;
        config.History = 1;
        config.Replicas = replicas;
        kvStore_Destroy(link->kv);
        link->kv = NULL;
        status = js_CreateKeyValue(&link->kv, link->js, &config);
        if (status != NATS_OK) /* others may have been first */
            status = js_KeyValue(&link->kv, link->js, BUCKET);
    } else {
        jsStreamConfig config;

        (void)jsStreamConfig_Init(&config);
        config.Name = STREAM;
        config.Subjects = subjects;
        config.SubjectsLen = 1;
        config.Replicas = replicas;
        config.Retention = init->workload == ORD_CLIENT_QUEUE
                               ? js_WorkQueuePolicy
                               : js_LimitsPolicy;
        status = js_AddStream(NULL, link->js, &config, NULL, &code);
    }
    if (status != NATS_OK)
        (void)snprintf(link->why, sizeof link->why, "%s (%d)",
                       natsStatus_GetText(status), (int)code);
    return status == NATS_OK;
}

/* ---- what all of them do --------------------------------------------------
 */

static int64_t left_ms(const struct nats_task *task)
{
    int64_t ms = (task->deadline_ns - ord_now_ns()) / ORD_MS;

    return ms > 1 ? ms : 1;
}

static void name_subject(const struct nats_task *task, const char *prefix,
                         char subject[SUBJECT_SIZE])
{
    char digits[ORD_CLIENT_DIGITS_SIZE];
    struct ord_bytes key = ord_client_bytes(&task->op->key, digits);

    (void)snprintf(subject, SUBJECT_SIZE, "%sk%.*s", prefix,
                   (int)(key.size < 24 ? key.size : 24),
                   key.size > 0 ? key.at : "");
}

/* False: it is over, and concluded. */
static bool is_done(struct nats_task *task, natsStatus status, jsErrCode code,
                    bool changes)
{
    enum nats_end end = nats_link_judge(task->link, status, code);

    if (task->done->received_ns == 0)
        task->done->received_ns = ord_now_ns();
    ord_client_conclude(task->done, nats_conclusion(end, changes), "%s",
                        task->link->why);
    if (end == NATS_END_REFUSED)
        ord_client_pause(REFUSED_PAUSE_MS);
    return end == NATS_END_DONE;
}

/* Publishes the value; *sequence is where it stands in the stream. */
static bool publish(struct nats_task *task, const char *subject,
                    const struct ord_client_value *value, jsPubOptions *options,
                    int64_t *sequence)
{
    char digits[ORD_CLIENT_DIGITS_SIZE];
    struct ord_bytes data = ord_client_bytes(value, digits);
    jsPubAck *ack = NULL;
    jsErrCode code = 0;
    natsStatus status;

    options->MaxWait = left_ms(task);
    status = js_Publish(&ack, task->link->js, subject, data.at, (int)data.size,
                        options, &code);
    if (status == NATS_OK)
        *sequence = (int64_t)ack->Sequence;
    jsPubAck_Destroy(ack);
    if (!is_done(task, status, code, true))
        return false;
    task->done->position = *sequence;
    return true;
}

static struct ord_client_value data_of(const struct nats_task *task,
                                       natsMsg *msg)
{
    return ord_client_copied(
        task->done, (struct ord_bytes){natsMsg_GetData(msg),
                                       (size_t)natsMsg_GetDataLength(msg)});
}

/* ---- registers: a key-value bucket -----------------------------------------
 */

/* The key's value and revision; 0: there is none.  Any replica may answer: the
 * library's buckets allow it. */
static bool get(struct nats_task *task, struct ord_client_value *value,
                uint64_t *revision)
{
    char key[SUBJECT_SIZE];
    kvEntry *entry = NULL;
    natsStatus status;

    name_subject(task, "", key);
    status = kvStore_Get(&entry, task->link->kv, key);
    *value = (struct ord_client_value){.kind = ORD_CLIENT_NIL};
    *revision = 0;
    if (status == NATS_NOT_FOUND) {
        task->done->type = ORD_CLIENT_OK;
        return true;
    }
    if (status == NATS_OK) {
        *value = ord_client_copied(
            task->done, (struct ord_bytes){kvEntry_Value(entry),
                                           (size_t)kvEntry_ValueLen(entry)});
        *revision = kvEntry_Revision(entry);
        task->done->position = (int64_t)*revision;
    }
    kvEntry_Destroy(entry);
    return is_done(task, status, 0, false);
}

static void do_read(struct nats_task *task)
{
    uint64_t revision;

    task->done->has_value = get(task, &task->done->value, &revision);
}

static bool put(struct nats_task *task, const struct ord_client_value *value,
                jsPubOptions *options)
{
    char subject[SUBJECT_SIZE];
    int64_t sequence;

    name_subject(task, "$KV." BUCKET ".", subject);
    return publish(task, subject, value, options, &sequence);
}

static void do_write(struct nats_task *task)
{
    jsPubOptions options;

    (void)jsPubOptions_Init(&options);
    (void)put(task, &task->op->value, &options);
}

/* Reads, and writes if the revision is still the same. */
static void do_cas(struct nats_task *task)
{
    const struct ord_client_value *pair = task->op->value.as.items;
    struct ord_client_value now;
    jsPubOptions options;
    uint64_t revision;

    if (!get(task, &now, &revision))
        return;
    task->done->received_ns = 0;
    if (!ord_client_equal(&now, &pair[0])) {
        ord_client_conclude(task->done, ORD_CLIENT_FAIL, "compared unequal");
        return;
    }
    (void)jsPubOptions_Init(&options);
    options.ExpectLastSubjectSeq = revision;
    options.ExpectNoMessage = revision == 0;
    (void)put(task, &pair[1], &options);
}

/* ---- lists, sets and ids: a stream ------------------------------------------
 */

static void do_append(struct nats_task *task)
{
    char subject[SUBJECT_SIZE];
    jsPubOptions options;
    int64_t sequence = 0;

    name_subject(task, "o.", subject);
    (void)jsPubOptions_Init(&options);
    (void)publish(task, subject, &task->op->value, &options, &sequence);
}

static void do_generate(struct nats_task *task)
{
    const struct ord_client_value nothing = ord_client_int(0);
    char subject[SUBJECT_SIZE];
    jsPubOptions options;
    int64_t sequence = 0;

    name_subject(task, "o.", subject);
    (void)jsPubOptions_Init(&options);
    if (!publish(task, subject, &nothing, &options, &sequence))
        return;
    task->done->has_value = true;
    task->done->value = ord_client_int(sequence);
}

/* The subject's last message, as the stream's leader has it; 0: none. */
static bool last_sequence(struct nats_task *task, const char *subject,
                          uint64_t *sequence)
{
    natsMsg *msg = NULL;
    jsErrCode code = 0;
    natsStatus status;
    jsOptions options;

    (void)jsOptions_Init(&options);
    options.Wait = left_ms(task);
    status =
        js_GetLastMsg(&msg, task->link->js, STREAM, subject, &options, &code);
    *sequence = status == NATS_OK ? natsMsg_GetSequence(msg) : 0;
    natsMsg_Destroy(msg);
    if (status == NATS_NOT_FOUND) {
        task->done->type = ORD_CLIENT_OK;
        return true;
    }
    return is_done(task, status, code, false);
}

struct items {
    struct ord_client_value *at;
    uint32_t count;
    uint32_t room;
};

static bool take(struct nats_task *task, natsMsg *msg, struct items *items)
{
    if (items->count == items->room) {
        uint32_t room = items->room == 0 ? 64 : 2 * items->room;
        struct ord_client_value *more =
            ord_arena_zalloc(task->done->arena, room, sizeof *more);

        if (more == NULL)
            return false;
        if (items->count > 0)
            memcpy(more, items->at, items->count * sizeof *more);
        items->at = more;
        items->room = room;
    }
    items->at[items->count++] = data_of(task, msg);
    return true;
}

/* All messages up to that one, in order. */
static natsStatus read_up_to(struct nats_task *task, const char *subject,
                             uint64_t last, struct items *items)
{
    natsSubscription *sub = NULL;
    jsSubOptions options;
    uint64_t seen = 0;
    natsStatus status;

    (void)jsSubOptions_Init(&options);
    options.Ordered = true;
    status =
        js_SubscribeSync(&sub, task->link->js, subject, NULL, &options, NULL);
    while (status == NATS_OK && seen < last) {
        jsMsgMetaData *meta = NULL;
        natsMsg *msg = NULL;

        status = natsSubscription_NextMsg(&msg, sub, left_ms(task));
        if (status == NATS_OK)
            status = natsMsg_GetMetaData(&meta, msg);
        if (status == NATS_OK) {
            seen = meta->Sequence.Stream;
            if (seen <= last && !take(task, msg, items))
                status = NATS_NO_MEMORY;
        }
        jsMsgMetaData_Destroy(meta);
        natsMsg_Destroy(msg);
    }
    natsSubscription_Destroy(sub);
    return status;
}

static void do_read_stream(struct nats_task *task)
{
    struct items items = {0};
    char subject[SUBJECT_SIZE];
    uint64_t last;

    name_subject(task, "o.", subject);
    if (!last_sequence(task, subject, &last))
        return;
    task->done->received_ns = 0;
    if (last > 0 &&
        !is_done(task, read_up_to(task, subject, last, &items), 0, false))
        return;
    task->done->has_value = true;
    task->done->value = (struct ord_client_value){.kind = ORD_CLIENT_LIST,
                                                  .count = items.count,
                                                  .as = {.items = items.at}};
}

/* ---- queues: a stream whose messages go when they are acknowledged
 * ----------- */

static natsStatus pull(struct nats_task *task, natsSubscription **sub)
{
    char subject[SUBJECT_SIZE], durable[SUBJECT_SIZE];
    jsSubOptions options;
    jsOptions js;

    if (*sub != NULL)
        return NATS_OK;
    name_subject(task, "o.", subject);
    name_subject(task, "d-", durable);
    (void)jsSubOptions_Init(&options);
    options.Config.AckWait = ACK_WAIT_S * ORD_S;
    (void)jsOptions_Init(&js);
    js.Wait = left_ms(task);
    return js_PullSubscribe(sub, task->link->js, subject, durable, &js,
                            &options, NULL);
}

/* What was not acknowledged comes again: a dequeue that fails took nothing. */
static void do_dequeue(struct nats_task *task)
{
    int64_t key = task->op->key.as.number;
    natsMsgList list = {0};
    jsErrCode code = 0;
    natsStatus status;

    if (task->op->key.kind != ORD_CLIENT_INT || key < 0 ||
        key >= NATS_QUEUES_MAX) {
        ord_client_conclude(task->done, ORD_CLIENT_FAIL,
                            "queues 0 to %d are known here",
                            NATS_QUEUES_MAX - 1);
        return;
    }
    status = pull(task, &task->link->pulls[key]);
    if (status == NATS_OK) {
        int64_t wait_ms = left_ms(task) / 2;

        status = natsSubscription_Fetch(
            &list, task->link->pulls[key], 1,
            wait_ms < FETCH_MS ? wait_ms + 1 : FETCH_MS, &code);
        if (status == NATS_TIMEOUT) {
            ord_client_conclude(task->done, ORD_CLIENT_FAIL, "empty");
            return;
        }
    }
    if (!is_done(task, status, code, false) || list.Count == 0)
        return;
    task->done->has_value = true;
    task->done->value = data_of(task, list.Msgs[0]);
    /* If this is not heard it comes a second time, and is then told twice. */
    (void)natsMsg_AckSync(list.Msgs[0], NULL, &code);
    natsMsgList_Destroy(&list);
}

void nats_task_run(struct nats_task *task)
{
    static void (*const tasks[ORD_CLIENT_F_COUNT])(struct nats_task *) = {
        [ORD_CLIENT_READ] = do_read,       [ORD_CLIENT_WRITE] = do_write,
        [ORD_CLIENT_CAS] = do_cas,         [ORD_CLIENT_ADD] = do_append,
        [ORD_CLIENT_APPEND] = do_append,   [ORD_CLIENT_ENQUEUE] = do_append,
        [ORD_CLIENT_DEQUEUE] = do_dequeue, [ORD_CLIENT_GENERATE] = do_generate,
    };
    enum ord_client_f f = task->op->f;

    if (f == ORD_CLIENT_READ && !is_register(task->init))
        do_read_stream(task);
    else if (tasks[f] != NULL)
        tasks[f](task);
    else
        ord_client_conclude(task->done, ORD_CLIENT_FAIL,
                            "not an operation of JetStream");
}
