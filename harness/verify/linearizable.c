/* linearizable.c -- objects of a verdict of `linearizable`, one by one. */
#include "harness/verify/lin.h"

/* The checker tells so many violations, and writes a core of each. */
enum { CORES_FULL = 17 };

struct tally { /* of one verdict */
    uint32_t orders;
    uint32_t cores;
    struct ord_bytes core_keys[CORES_FULL];
    bool has_key; /* the verdict's key is that of a core */
};

/* Where the check names no model, each object names its own. */
static bool read_model(struct verify *v, struct world *world,
                       struct ord_json *in, struct ord_bytes *name)
{
    struct ord_bytes model = {0};
    bool is_named = ord_bytes_is(*name, "model");

    if (v->claim->model.at != NULL)
        return !is_named ||
               ord_verify_refuse(v, "an object has a model of its own");
    if (!is_named)
        return ord_verify_refuse(v, "neither it nor its object has a model");
    if (!ord_json_string(in, &model) || !ord_json_member(in, name))
        return false;
    world->model = ord_model_of(model);
    return world->model != NULL ||
           ord_verify_refuse(v, "its model %.*s is not known here",
                             (int)(model.size > 80 ? 80 : model.size),
                             model.at);
}

static bool read_object(struct verify *v, struct world *world,
                        struct ord_json *in, struct tally *tally)
{
    struct ord_bytes name;
    struct ord_bytes key;
    bool is_minimal = false;

    v->object++;
    if (!ord_json_enter(in, '{') || !ord_json_member(in, &name) ||
        !ord_bytes_is(name, "key"))
        return false;
    (void)ord_json_peek(in);
    key.at = in->at;
    if (!ord_json_skip(in))
        return false;
    key.size = (size_t)(in->at - key.at);
    if (!ord_json_member(in, &name) || !read_model(v, world, in, &name))
        return false;
    if (ord_bytes_is(name, "order")) {
        tally->orders++;
        if (!ord_verify_order(v, world, key, in))
            return false;
    } else {
        if (!ord_bytes_is(name, "minimal") || !ord_json_bool(in, &is_minimal) ||
            !ord_json_member(in, &name) || !ord_bytes_is(name, "core"))
            return false;
        if (tally->cores == CORES_FULL)
            return ord_verify_refuse(v, "more than %d cores", CORES_FULL);
        for (uint32_t i = 0; i < tally->cores; i++) {
            if (ord_bytes_equal(key, tally->core_keys[i]))
                return ord_verify_refuse(v, "it has a core already");
        }
        tally->core_keys[tally->cores++] = key;
        tally->has_key = tally->has_key || ord_bytes_equal(key, v->claim->key);
        if (!ord_verify_core(v, world, key, in))
            return false;
    }
    return !ord_json_member(in, &name) && ord_json_left(in, '}');
}

/* ---- figures ------------------------------------------------------------ */

static bool is_final(const struct ord_calls *calls, uint32_t call)
{
    return calls->is_final != NULL && calls->is_final[call] != 0;
}

/* Objects with any call that is no final read, and how many such succeeded. */
static void count_calls(const struct ord_calls *calls, uint64_t *objects,
                        uint64_t *succeeded)
{
    *objects = *succeeded = 0;
    for (uint32_t k = 0; calls->count > 0 && k < calls->key_count; k++) {
        bool is_there = false;

        for (uint32_t i = calls->key_first[k]; i < calls->key_first[k + 1];
             i++) {
            uint32_t call = calls->by_key[i];

            is_there = is_there || !is_final(calls, call);
            *succeeded +=
                !is_final(calls, call) && calls->type[call] == ORD_OP_OK;
        }
        *objects += is_there;
    }
}

/* What a proof does not say cannot be wrong: then it is fallback. */
static double stat_of(const struct claim *claim, const char *name,
                      uint64_t fallback)
{
    for (uint32_t i = 0; i < claim->stat_count; i++) {
        if (ord_bytes_is(claim->stats[i].name, name))
            return claim->stats[i].value;
    }
    return (double)fallback;
}

static bool are_figures_known(const struct claim *claim)
{
    for (uint32_t i = 0; i < claim->stat_count; i++) {
        struct ord_bytes name = claim->stats[i].name;

        if ((!ord_bytes_is(name, "objects") && !ord_bytes_is(name, "calls") &&
             !ord_bytes_is(name, "undecided_objects")) ||
            !(claim->stats[i].value >= 0))
            return false;
    }
    return claim->stat_count <= 3;
}

/* Where objects stayed undecided, those may not have been counted. */
static bool check_figures(struct verify *v, const struct tally *tally)
{
    const struct claim *claim = v->claim;
    double undecided = stat_of(claim, "undecided_objects", 0);
    uint64_t most_objects, most_calls;
    double objects, calls;

    count_calls(&v->calls, &most_objects, &most_calls);
    objects = stat_of(claim, "objects", most_objects);
    calls = stat_of(claim, "calls", most_calls);
    if (!are_figures_known(claim))
        return ord_verify_refuse(v, "its figures are not objects, calls and "
                                    "undecided_objects");
    if (objects > (double)most_objects || calls > (double)most_calls ||
        undecided > (double)most_objects ||
        (undecided <= 0 &&
         (objects < (double)most_objects || calls < (double)most_calls)))
        return ord_verify_refuse(
            v,
            "it is of %llu objects and %llu calls that succeeded, not of %.0f "
            "and %.0f",
            (unsigned long long)most_objects, (unsigned long long)most_calls,
            objects, calls);
    if (claim->verdict == CLAIM_PASS && undecided > 0)
        return ord_verify_refuse(v, "it passed with undecided objects");
    if (claim->violations < (int64_t)tally->cores ||
        claim->violations > (int64_t)(most_objects - tally->orders))
        return ord_verify_refuse(v, "%lld violations, with %u cores",
                                 (long long)claim->violations, tally->cores);
    if (claim->violations > (int64_t)tally->cores && tally->cores < CORES_FULL)
        return ord_verify_refuse(v, "%lld violations, but only %u cores",
                                 (long long)claim->violations, tally->cores);
    return true;
}

static bool check_options(struct verify *v)
{
    const struct claim *claim = v->claim;

    for (uint32_t i = 0; i < claim->option_count; i++) {
        if (i > 0 || !ord_bytes_is(claim->options[i].name, "strict"))
            return ord_verify_refuse(v, "there is no option '%.*s'",
                                     (int)(claim->options[i].name.size < 80
                                               ? claim->options[i].name.size
                                               : 80),
                                     claim->options[i].name.at);
    }
    return true;
}

static bool check_tally(struct verify *v, struct world *world,
                        const struct tally *tally)
{
    const struct claim *claim = v->claim;

    v->object = 0;
    if (claim->verdict == CLAIM_PASS) {
        if (tally->cores > 0)
            return ord_verify_refuse(v, "it passed, yet there is a core");
        if (claim->model.at == NULL)
            world->model = NULL; /* that of the last object */
        return ord_verify_all_ordered(v, world) && check_figures(v, tally);
    }
    if (tally->cores == 0)
        return ord_verify_refuse(v, "a violation without a core");
    if (!tally->has_key)
        return ord_verify_refuse(v, "no core is of the key that it names");
    return check_figures(v, tally);
}

bool ord_verify_linearizable(struct verify *v)
{
    const struct claim *claim = v->claim;
    struct ord_json in = claim->objects;
    struct world world = {.calls = &v->calls};
    struct tally tally = {0};
    bool more;

    if (claim->model.at != NULL)
        world.model = ord_model_of(claim->model);
    if (claim->model.at != NULL && world.model == NULL)
        return ord_verify_refuse(v, "its model %.*s is not known here",
                                 (int)claim->model.size, claim->model.at);
    if (!check_options(v))
        return false;
    world.is_strict = ord_claim_option_is(claim, "strict", "true");
    v->seen = ord_arena_zalloc(v->arena, (size_t)v->calls.count + 1, 1);
    if (v->seen == NULL)
        return ord_verify_give_up(v, ORD_ENOMEM, "no memory");
    more = ord_json_enter(&in, '[');
    while (more && ord_json_element(&in)) {
        if (!read_object(v, &world, &in, &tally))
            return false;
    }
    return more && ord_json_left(&in, ']') && check_tally(v, &world, &tally);
}
