#include "histories/fast.h"

#include <stdlib.h>

enum { ITEMS_MIN = 256, ITEMS_MAX = 1 << 18, MORE_MIN = 1 << 12 };

void ord_fast_init(struct ord_fast *fast, struct ord_arena *arena,
                   struct ord_history_builder *builder)
{
    *fast = (struct ord_fast){.arena = arena, .builder = builder};
}

void ord_fast_fini(struct ord_fast *fast)
{
    free(fast->items);
    *fast = (struct ord_fast){0};
}

bool ord_fast_begin(struct ord_fast *fast, struct ord_source *source)
{
    /* The window has only changed if its end has. */
    if (fast->window_end != source->end ||
        fast->window_offset != source->offset_end) {
        const char *last =
            memrchr(source->at, '}', (size_t)(source->end - source->at));

        fast->limit = last == NULL ? source->at : last + 1;
        fast->window_end = source->end;
        fast->window_offset = source->offset_end;
    }
    if (source->at >= fast->limit)
        return false;
    fast->at = source->at;
    fast->lines = 0;
    fast->item_count = 0;
    fast->has = 0;
    fast->op = ord_op_empty();
    return true;
}

bool ord_fast_more(struct ord_source *source)
{
    size_t left = (size_t)(source->end - source->at);
    size_t want = left < MORE_MIN ? MORE_MIN : 2 * left;

    return !source->is_ended && left < ORD_FAST_SIZE_MAX &&
           want <= ord_source_max(source) &&
           ord_source_need(source, want) > left;
}

/* ---- values ----------------------------------------------------------------
 */

static bool grow_items(struct ord_fast *fast)
{
    uint32_t room = fast->item_room == 0 ? ITEMS_MIN : 2 * fast->item_room;
    struct ord_value *items;

    if (room > ITEMS_MAX)
        return false;
    items = realloc(fast->items, room * sizeof *items);
    if (items == NULL)
        return false;
    fast->items = items;
    fast->item_room = room;
    return true;
}

bool ord_fast_push(struct ord_fast *fast, const struct ord_value *item)
{
    if (fast->item_count == fast->item_room && !grow_items(fast))
        return false;
    fast->items[fast->item_count++] = *item;
    return true;
}

bool ord_fast_fold(struct ord_fast *fast, const struct ord_fast_frame *frame,
                   struct ord_value *out)
{
    uint32_t count = fast->item_count - frame->first;
    struct ord_value *items = NULL;

    fast->item_count = frame->first;
    *out = ord_value_list(NULL, 0);
    if (count == 0)
        return true;
    if (frame->is_map && count % 2 != 0)
        return false;
    items = ord_arena_alloc(fast->arena, count * sizeof *items);
    if (items == NULL)
        return false;
    memcpy(items, fast->items + frame->first, count * sizeof *items);
    if (frame->is_map) {
        struct ord_value *pairs;

        pairs = ord_arena_alloc(fast->arena, count / 2 * sizeof *pairs);
        if (pairs == NULL)
            return false;
        for (uint32_t i = 0; i < count / 2; i++)
            pairs[i] = ord_value_list(items + (size_t)2 * i, 2);
        count /= 2;
        items = pairs;
    }
    *out = ord_value_list(items, count);
    if (frame->is_map || frame->is_set)
        ord_value_sort(out);
    return true;
}

/* ---- names -----------------------------------------------------------------
 */

static struct ord_fast_name *find(struct ord_fast_name *names, const char *at,
                                  size_t size)
{
    unsigned hash = (unsigned)size * 5 + (unsigned char)at[0] +
                    (unsigned)(unsigned char)at[size - 1] * 3;

    return &names[hash % ORD_FAST_NAMES];
}

static bool is_known(const struct ord_fast_name *name, const char *at,
                     size_t size)
{
    return name->size == size && memcmp(name->text, at, size) == 0;
}

static void remember(struct ord_fast_name *name, const char *at, size_t size)
{
    memcpy(name->text, at, size);
    name->text[size] = '\0';
    name->size = (uint8_t)size;
}

static bool set_type(struct ord_fast *fast, const char *at, size_t size)
{
    fast->has |= ORD_FAST_HAS_TYPE;
    if (size == 6 && memcmp(at, "invoke", 6) == 0)
        fast->op.type = ORD_OP_INVOKE;
    else if (size == 2 && memcmp(at, "ok", 2) == 0)
        fast->op.type = ORD_OP_OK;
    else
        return ord_op_type_of((struct ord_bytes){at, size}, &fast->op.type);
    return true;
}

static bool set_f(struct ord_fast *fast, const char *at, size_t size)
{
    struct ord_fast_name *name;

    if (size == 0 || size > ORD_FAST_NAME_MAX)
        return false;
    name = find(fast->fs, at, size);
    if (!is_known(name, at, size)) {
        remember(name, at, size);
        name->f = (uint8_t)ord_f_of((struct ord_bytes){at, size});
    }
    fast->op.f = name->f;
    fast->op.name = name->text;
    fast->has |= ORD_FAST_HAS_F;
    return true;
}

static bool set_node(struct ord_fast *fast, const char *at, size_t size)
{
    struct ord_fast_name *name;

    if (size == 0 || size > ORD_FAST_NAME_MAX)
        return false;
    name = find(fast->nodes, at, size);
    if (!is_known(name, at, size)) {
        uint16_t node =
            ord_builder_known_node(fast->builder, (struct ord_bytes){at, size});

        /* A new one is for the general reader: should the rest be unusual,
         * nothing may have changed. */
        if (node == ORD_NODE_NONE)
            return false;
        remember(name, at, size);
        name->node = node;
    }
    fast->op.node = name->node;
    return true;
}

static bool set_error(struct ord_fast *fast, const char *at, size_t size)
{
    fast->op.error = ord_arena_copy(fast->arena, (struct ord_bytes){at, size});
    return fast->op.error != NULL;
}

/* ---- fields ----------------------------------------------------------------
 */

void ord_fast_learn(struct ord_fast *fast, unsigned i, const char *from,
                    const char *to, enum ord_fast_field field)
{
    const size_t size = (size_t)(to - from);
    char bytes[ORD_FAST_GUESS_MAX] = {0};
    char masks[ORD_FAST_GUESS_MAX] = {0};

    if (i >= ORD_FAST_GUESSES || size > ORD_FAST_GUESS_MAX)
        return;
    memcpy(bytes, from, size);
    memset(masks, 0xff, size);
    fast->guesses[i] = (struct ord_fast_guess){
        .bytes = {ord_fast_load(bytes), ord_fast_load(bytes + 8)},
        .masks = {ord_fast_load(masks), ord_fast_load(masks + 8)},
        .size = (uint8_t)size,
        .field = (uint8_t)field,
    };
}

enum ord_fast_field ord_fast_field_of(const char *at, size_t size)
{
    switch (size) {
    case 1:
        return *at == 'f' ? ORD_FIELD_F : ORD_FIELD_OTHER;
    case 3:
        return memcmp(at, "key", 3) == 0 ? ORD_FIELD_KEY : ORD_FIELD_OTHER;
    case 4:
        return memcmp(at, "type", 4) == 0   ? ORD_FIELD_TYPE
               : memcmp(at, "time", 4) == 0 ? ORD_FIELD_TIME
               : memcmp(at, "node", 4) == 0 ? ORD_FIELD_NODE
                                            : ORD_FIELD_OTHER;
    case 5:
        return memcmp(at, "value", 5) == 0   ? ORD_FIELD_VALUE
               : memcmp(at, "error", 5) == 0 ? ORD_FIELD_ERROR
               : memcmp(at, "epoch", 5) == 0 ? ORD_FIELD_EPOCH
               : memcmp(at, "final", 5) == 0 ? ORD_FIELD_FINAL
                                             : ORD_FIELD_OTHER;
    case 6:
        return memcmp(at, "final?", 6) == 0   ? ORD_FIELD_FINAL
               : memcmp(at, "device", 6) == 0 ? ORD_FIELD_DEVICE
                                              : ORD_FIELD_OTHER;
    case 7:
        return memcmp(at, "process", 7) == 0   ? ORD_FIELD_PROCESS
               : memcmp(at, "session", 7) == 0 ? ORD_FIELD_SESSION
                                               : ORD_FIELD_OTHER;
    case 8:
        return memcmp(at, "position", 8) == 0 ? ORD_FIELD_POSITION
                                              : ORD_FIELD_OTHER;
    default:
        return ORD_FIELD_OTHER;
    }
}

static bool set_process(struct ord_fast *fast, const struct ord_value *value)
{
    struct ord_err ignored; /* the general reader says it */

    fast->has |= ORD_FAST_HAS_PROCESS;
    if (value->kind == ORD_TEXT) {
        ignored.rc = ORD_OK;
        return ord_builder_process(
                   fast->builder,
                   (struct ord_bytes){value->as.text, value->count},
                   &fast->op.process, &ignored) == ORD_OK;
    }
    fast->op.process = value->as.number;
    return value->kind == ORD_INT && value->as.number >= 0 &&
           value->as.number < ORD_PROCESS_NAMED;
}

static bool set_number(int64_t *out, const struct ord_value *value)
{
    if (value->kind == ORD_INT)
        *out = value->as.number;
    return true;
}

static void set_device(struct ord_op *op, const struct ord_value *value)
{
    int64_t device = 0;

    (void)set_number(&device, value);
    if (device >= 0 && device <= UINT8_MAX)
        op->device = (uint8_t)device;
}

bool ord_fast_set(struct ord_fast *fast, enum ord_fast_field field,
                  const struct ord_value *value)
{
    struct ord_op *op = &fast->op;
    bool is_text = value->kind == ORD_TEXT;

    switch (field) {
    case ORD_FIELD_F:
        return is_text && set_f(fast, value->as.text, value->count);
    case ORD_FIELD_TYPE:
        return is_text && set_type(fast, value->as.text, value->count);
    case ORD_FIELD_PROCESS:
        return set_process(fast, value);
    case ORD_FIELD_VALUE:
        op->value = *value;
        return true;
    case ORD_FIELD_KEY:
        op->key = *value;
        return true;
    case ORD_FIELD_TIME:
        return set_number(&op->time_ns, value);
    case ORD_FIELD_EPOCH:
        return set_number(&op->epoch, value);
    case ORD_FIELD_SESSION:
        return set_number(&op->session, value);
    case ORD_FIELD_POSITION:
        return set_number(&op->position, value);
    case ORD_FIELD_DEVICE:
        set_device(op, value);
        return true;
    case ORD_FIELD_FINAL:
        op->is_final = value->kind == ORD_BOOL && value->as.number != 0;
        return true;
    case ORD_FIELD_NODE:
        return !is_text || set_node(fast, value->as.text, value->count);
    case ORD_FIELD_ERROR:
        return value->kind == ORD_NIL ||
               (is_text && set_error(fast, value->as.text, value->count));
    default:
        return true;
    }
}
