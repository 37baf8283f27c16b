/* register.c -- read, write and compare-and-set on single values.
 *
 * Every value is written once in a run, so that a read tells which write it
 * saw.  What a worker does is a function of (seed, worker, number) alone; the
 * operation of any worker can be computed by any other, and compare-and-set
 * uses that to guess an old value that is likely to be there, although nobody
 * may look at an answer:
 *  - mostly it continues the worker's own chain: the last key that it wrote,
 *    expecting the last value that it put (or tried to put) there; with many
 *    keys that holds until another worker hits the same key in between;
 *  - one in four expects what a random other worker writes at about the same
 *    number, on that worker's key: right when the two keep pace;
 *  - who has written nothing yet expects nil: it creates the key.
 *
 * keys=0 is a moving window: `window` keys at a time, each for about
 * ops_per_key operations of all workers together, then the next ones.
 */
#include "harness/gen/param.h"
#include "harness/gen/workloads.h"

enum {
    LOOK_BACK_MAX = 32, /* operations searched for one's own last write */
    KEYS_MAX = 1000000,
};

struct reg {
    uint64_t seed;
    uint32_t worker_count;
    uint32_t key_count;  /* in use at a time */
    uint64_t per_window; /* operations of a worker in one window; 0: fixed */
    uint32_t weights[3]; /* read, write, cas */
    uint32_t weight_sum;
};

enum choice { CHOOSE_READ, CHOOSE_WRITE, CHOOSE_CAS_OWN, CHOOSE_CAS_OTHER };

struct step { /* an operation, as far as it does not depend on earlier ones */
    enum choice choice;
    int64_t key;
    uint32_t other; /* whom CAS_OTHER guesses */
};

static int64_t window_of(const struct reg *reg, uint64_t number)
{
    return reg->per_window == 0 ? 0 : (int64_t)(number / reg->per_window);
}

static struct step step_of(const struct reg *reg, uint32_t worker,
                           uint64_t number)
{
    struct ord_rng rng = {ord_hash(reg->seed, worker, number)};
    uint64_t at = ord_rng_below(&rng, reg->weight_sum);
    struct step step = {.choice = CHOOSE_CAS_OWN};

    if (at < reg->weights[0])
        step.choice = CHOOSE_READ;
    else if (at - reg->weights[0] < reg->weights[1])
        step.choice = CHOOSE_WRITE;
    else if (reg->worker_count > 1 && ord_rng_below(&rng, 4) == 0)
        step.choice = CHOOSE_CAS_OTHER;
    step.key = window_of(reg, number) * reg->key_count +
               (int64_t)ord_rng_below(&rng, reg->key_count);
    if (reg->worker_count > 1) {
        step.other = (uint32_t)ord_rng_below(&rng, reg->worker_count - 1);
        step.other += step.other >= worker;
    }
    return step;
}

/* The worker's last plain write before `number`, and the last value of the
 * chain that its own compare-and-sets built on it. */
static bool last_put(const struct reg *reg, uint32_t worker, uint64_t number,
                     bool with_chain, int64_t *key, int64_t *value)
{
    bool is_found = false;

    for (uint64_t back = 1; back <= LOOK_BACK_MAX && back <= number; back++) {
        struct step step = step_of(reg, worker, number - back);

        if (step.choice != CHOOSE_WRITE &&
            (step.choice != CHOOSE_CAS_OWN || !with_chain))
            continue;
        if (!is_found)
            *value = ord_unique_value(reg->worker_count, worker, number - back);
        is_found = true;
        if (step.choice == CHOOSE_WRITE) {
            *key = step.key;
            return true;
        }
    }
    return false;
}

static void make_register_op(const void *ctx, const struct ord_gen_draw *draw,
                             struct ord_op *op)
{
    const struct reg *reg = ctx;
    struct step step = step_of(reg, draw->worker, draw->number);
    int64_t new_value =
        ord_unique_value(reg->worker_count, draw->worker, draw->number);
    int64_t old;
    bool is_guessed = false;

    op->f = ORD_F_CAS;
    if (step.choice == CHOOSE_READ)
        op->f = ORD_F_READ;
    if (step.choice == CHOOSE_WRITE) {
        op->f = ORD_F_WRITE;
        op->value = ord_value_int(new_value);
    }
    if (op->f == ORD_F_CAS) {
        if (step.choice == CHOOSE_CAS_OTHER)
            is_guessed =
                last_put(reg, step.other, draw->number, false, &step.key, &old);
        if (!is_guessed)
            is_guessed = last_put(reg, draw->worker, draw->number, true,
                                  &step.key, &old);
        draw->items[0] = is_guessed ? ord_value_int(old) : ord_value_nil();
        draw->items[1] = ord_value_int(new_value);
        op->value = ord_value_list(draw->items, 2);
    }
    op->key = ord_value_int(step.key);
}

static const struct ord_param_spec register_params[] = {
    {"keys", "10", "keys, 1 to 1000000; 0: a moving window over many"},
    {"window", "10", "keys=0: keys in use at a time, 1 to 1000"},
    {"ops_per_key", "200", "keys=0: operations on a key before it is left"},
    {"read", "2", "weight of reads"},
    {"write", "1", "weight of writes"},
    {"cas", "1", "weight of compare-and-sets; 0: none"},
    {"final_keys", "200", "how many keys, the newest, are read in the end"},
    {NULL, NULL, NULL},
};

struct register_settings {
    uint32_t keys, window, ops_per_key, final_keys;
    uint32_t weights[3];
};

static int read_settings(const struct ord_workload_in *in,
                         struct register_settings *out, struct ord_err *err)
{
    const struct ord_workload_ops *ops = &ord_workload_register;
    const struct {
        const char *name;
        uint32_t low, high;
        uint32_t *to;
    } counts[] = {
        {"keys", 0, KEYS_MAX, &out->keys},
        {"window", 1, 1000, &out->window},
        {"ops_per_key", 1, 1000000, &out->ops_per_key},
        {"final_keys", 1, 10000, &out->final_keys},
        {"read", 0, 1000, &out->weights[0]},
        {"write", 0, 1000, &out->weights[1]},
        {"cas", 0, 1000, &out->weights[2]},
    };

    for (uint32_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (ord_param_count(ops, in, counts[i].name, counts[i].low,
                            counts[i].high, counts[i].to, err) != ORD_OK)
            return err->rc;
    }
    if (out->weights[0] + out->weights[1] + out->weights[2] == 0)
        return ord_fail(err, ORD_EUSAGE,
                        "read, write, cas: expected one above 0");
    return ORD_OK;
}

/* How many keys have been begun, by what each worker has done. */
static uint64_t keys_begun(const struct reg *reg,
                           const struct ord_workload_in *in)
{
    uint64_t done_max = 0;

    for (uint32_t i = 0; in->done != NULL && i < reg->worker_count; i++) {
        if (in->done[i] > done_max)
            done_max = in->done[i];
    }
    if (done_max > 0)
        done_max--;
    return ((uint64_t)window_of(reg, done_max) + 1) * reg->key_count;
}

static int register_build(const struct ord_workload_in *in,
                          struct ord_workload *out, struct ord_err *err)
{
    struct register_settings set;
    struct reg *reg = ord_arena_zalloc(in->shape.arena, 1, sizeof *reg);
    uint64_t keys;
    uint32_t last;

    if (ord_param_names(&ord_workload_register, in, err) != ORD_OK ||
        read_settings(in, &set, err) != ORD_OK)
        return err->rc;
    if (reg == NULL)
        return ord_fail(err, ORD_ENOMEM, "register: no memory");
    *reg = (struct reg){
        .seed = ord_rng_stream(in->shape.seed, "register", 0).state,
        .worker_count = in->shape.worker_count,
        .key_count = set.keys == 0 ? set.window : set.keys,
        .weights = {set.weights[0], set.weights[1], set.weights[2]},
        .weight_sum = set.weights[0] + set.weights[1] + set.weights[2],
    };
    if (set.keys == 0)
        reg->per_window =
            (uint64_t)set.window * set.ops_per_key / in->shape.worker_count + 1;
    keys = keys_begun(reg, in);
    last = keys < set.final_keys ? (uint32_t)keys : set.final_keys;
    *out = (struct ord_workload){
        .main =
            ord_gen_paced(in, ord_gen_ops(&in->shape, make_register_op, reg)),
        .final = ord_gen_final_reads(&in->shape, (int64_t)(keys - last), last),
        .model = "cas-register",
        .checkers = {"linearizable", "stale", "lost", "convergence",
                     "availability", "stats"},
    };
    if (out->main == NULL || out->final == NULL)
        return ord_fail(err, ORD_ENOMEM, "register: no memory");
    return ORD_OK;
}

static const struct ord_workload_kind register_kinds[] = {
    {"read", "read", "0", ORD_KIND_READ},
    {"write", "write", "0", ORD_KIND_CHANGE},
    {"cas", "cas", "0", ORD_KIND_CHANGE},
    {0},
};

const struct ord_workload_ops ord_workload_register = {
    .name = "register",
    .about = "read, write and compare-and-set on single values",
    .params = register_params,
    .kinds = register_kinds,
    .build = register_build,
};
