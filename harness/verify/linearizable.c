/* linearizable.c -- objects of a verdict of `linearizable`, one by one. */
#include "harness/verify/lin.h"

struct tally { /* of one verdict */
    uint32_t orders;
    uint32_t cores;
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
        tally->cores++;
        tally->has_key = tally->has_key || ord_bytes_equal(key, v->claim->key);
        if (!ord_verify_core(v, world, key, in))
            return false;
    }
    return !ord_json_member(in, &name) && ord_json_left(in, '}');
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
        return ord_verify_all_ordered(v, world);
    }
    if (tally->cores == 0)
        return ord_verify_refuse(v, "a violation without a core");
    if (!tally->has_key)
        return ord_verify_refuse(v, "no core is of the key that it names");
    return true;
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
