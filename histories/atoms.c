#include "histories/atoms.h"

#include <inttypes.h>
#include <stdlib.h>

#include "harness/base/rng.h"

enum {
    SLOTS_MIN = 1 << 6,
    CHUNKS_MIN = 4,
    FIRST_MIN = 64,
    ITEMS_MIN = 1 << 6,
    DENSE_MIN = 1 << 6, /* so small a table pays for any number of ints */
};

/* What the word of a text's or a list's atom points to. */
struct atom_text {
    uint32_t size;
    char at[]; /* zero-terminated */
};

struct atom_list {
    uint32_t count;
    struct ord_value *values; /* made on demand */
    uint32_t items[];
};

static int no_memory(const struct ord_atoms *atoms, struct ord_err *err)
{
    return ord_fail(err, ORD_ENOMEM,
                    "%" PRIu32 " different values need more than %zu bytes",
                    atoms->count, atoms->arena->size_max);
}

/* What is taken aside counts within the arena's limit, too. */
static bool has_left(const struct ord_atoms *atoms, uint64_t size)
{
    return size <= atoms->arena->size_max - atoms->arena->taken_size;
}

static int64_t word_of(const struct ord_atoms *atoms, uint32_t atom)
{
    const struct ord_atom_chunk *chunk =
        &atoms->chunks[atom >> ORD_ATOM_CHUNK_BITS];

    return chunk->word[atom % ORD_ATOM_CHUNK];
}

static enum ord_value_kind kind_of(const struct ord_atoms *atoms, uint32_t atom)
{
    const struct ord_atom_chunk *chunk =
        &atoms->chunks[atom >> ORD_ATOM_CHUNK_BITS];

    return chunk->kind[atom % ORD_ATOM_CHUNK];
}

static void *pointer_of(const struct ord_atoms *atoms, uint32_t atom)
{
    return (void *)(uintptr_t)word_of(atoms, atom);
}

/* ---- adding -------------------------------------------------------------- */

/* Room for one more chunk's pointers. */
static bool grow_table(struct ord_atoms *atoms, uint32_t used)
{
    struct ord_atom_chunk *chunks = atoms->chunks;

    if (used == atoms->chunk_room) {
        uint32_t room = used == 0 ? CHUNKS_MIN : used * 2;

        chunks = ord_arena_zalloc(atoms->arena, room, sizeof *chunks);
        if (chunks == NULL)
            return false;
        if (used > 0)
            memcpy(chunks, atoms->chunks, used * sizeof *chunks);
        atoms->chunks = chunks;
        atoms->chunk_room = room;
    }
    return true;
}

/* The first chunk doubles, for most histories are small; it leaves behind as
 * much as it has in the end.  The others are made full. */
static bool grow_chunks(struct ord_atoms *atoms)
{
    uint32_t used = (atoms->count + ORD_ATOM_CHUNK - 1) >> ORD_ATOM_CHUNK_BITS;
    uint32_t have = atoms->count < ORD_ATOM_CHUNK ? atoms->first_room : 0;
    uint32_t room = ORD_ATOM_CHUNK;
    struct ord_atom_chunk *chunk;
    int64_t *word;
    uint8_t *kind;

    if (have > 0)
        used = 0;
    else if (!grow_table(atoms, used))
        return false;
    if (used == 0)
        room = have == 0 ? FIRST_MIN : 2 * have;
    word = ord_arena_alloc(atoms->arena, room * sizeof *word);
    kind = ord_arena_alloc(atoms->arena, room * sizeof *kind);
    if (word == NULL || kind == NULL)
        return false;
    chunk = &atoms->chunks[used];
    if (have > 0) {
        memcpy(word, chunk->word, have * sizeof *word);
        memcpy(kind, chunk->kind, have * sizeof *kind);
    }
    if (used == 0)
        atoms->first_room = room;
    *chunk = (struct ord_atom_chunk){.word = word, .kind = kind};
    return true;
}

static int new_atom(struct ord_atoms *atoms, enum ord_value_kind kind,
                    int64_t word, uint32_t *atom, struct ord_err *err)
{
    struct ord_atom_chunk *chunk;
    uint32_t at = atoms->count;

    if (at == ORD_ATOM_NONE)
        return ord_fail(err, ORD_ELIMIT, "more than %u different values",
                        ORD_ATOM_NONE);
    if ((at % ORD_ATOM_CHUNK == 0 || at == atoms->first_room) &&
        !grow_chunks(atoms))
        return no_memory(atoms, err);
    chunk = &atoms->chunks[at >> ORD_ATOM_CHUNK_BITS];
    chunk->word[at % ORD_ATOM_CHUNK] = word;
    chunk->kind[at % ORD_ATOM_CHUNK] = (uint8_t)kind;
    atoms->count++;
    *atom = at;
    return ORD_OK;
}

static bool grow_slots(struct ord_atoms *atoms)
{
    uint64_t count = atoms->slot_count == 0 ? SLOTS_MIN : 2 * atoms->slot_count;
    struct ord_atom_slot *slots = NULL;

    if (has_left(atoms, count * sizeof *slots))
        slots = calloc(count, sizeof *slots);
    if (slots == NULL)
        return false;
    for (uint64_t i = 0; i < atoms->slot_count; i++) {
        uint64_t at = atoms->slots[i].hash & (count - 1);

        if (atoms->slots[i].atom == 0)
            continue;
        while (slots[at].atom != 0)
            at = (at + 1) & (count - 1);
        slots[at] = atoms->slots[i];
    }
    free(atoms->slots);
    atoms->slots = slots;
    atoms->slot_count = count;
    return true;
}

/* What is looked for: a number, a text, or the items of a list. */
struct sought {
    enum ord_value_kind kind;
    int64_t number;
    const char *text;
    const uint32_t *items;
    uint32_t count;
};

static bool is_it(const struct ord_atoms *atoms, uint32_t atom,
                  const struct sought *what)
{
    const struct atom_text *text;
    const struct atom_list *list;

    if (kind_of(atoms, atom) != what->kind)
        return false;
    switch (what->kind) {
    case ORD_TEXT:
        text = pointer_of(atoms, atom);
        return text->size == what->count &&
               (text->size == 0 ||
                memcmp(text->at, what->text, text->size) == 0);
    case ORD_LIST:
        list = pointer_of(atoms, atom);
        return list->count == what->count &&
               (list->count == 0 ||
                memcmp(list->items, what->items,
                       list->count * sizeof(uint32_t)) == 0);
    default:
        return word_of(atoms, atom) == what->number;
    }
}

/* The slot that holds it, or the free one where it belongs; NULL: no memory. */
static struct ord_atom_slot *find(struct ord_atoms *atoms,
                                  const struct sought *what, uint32_t hash)
{
    uint64_t mask;
    uint64_t at;

    if (atoms->slots_taken >= atoms->slot_count / 4 * 3 && !grow_slots(atoms))
        return NULL;
    mask = atoms->slot_count - 1;
    at = hash & mask;
    /* Ends: a quarter of the slots is free. */
    while (atoms->slots[at].atom != 0 &&
           (atoms->slots[at].hash != hash ||
            !is_it(atoms, atoms->slots[at].atom, what)))
        at = (at + 1) & mask;
    return &atoms->slots[at];
}

static int64_t copy_text(struct ord_atoms *atoms, const struct sought *what)
{
    struct atom_text *text =
        ord_arena_alloc(atoms->arena, sizeof *text + what->count + 1);

    if (text == NULL)
        return 0;
    text->size = what->count;
    if (what->count > 0)
        memcpy(text->at, what->text, what->count);
    text->at[what->count] = '\0';
    return (int64_t)(uintptr_t)text;
}

static int64_t copy_list(struct ord_atoms *atoms, const struct sought *what)
{
    struct atom_list *list = ord_arena_alloc(
        atoms->arena, sizeof *list + what->count * sizeof(uint32_t));

    if (list == NULL)
        return 0;
    list->count = what->count;
    list->values = NULL;
    if (what->count > 0)
        memcpy(list->items, what->items, what->count * sizeof(uint32_t));
    return (int64_t)(uintptr_t)list;
}

static int add_sought(struct ord_atoms *atoms, const struct sought *what,
                      uint32_t hash, uint32_t *atom, struct ord_err *err)
{
    struct ord_atom_slot *slot = find(atoms, what, hash);
    int64_t word = what->number;

    if (slot == NULL)
        return no_memory(atoms, err);
    if (slot->atom != 0) {
        *atom = slot->atom;
        return ORD_OK;
    }
    if (what->kind == ORD_TEXT || what->kind == ORD_LIST) {
        word = what->kind == ORD_TEXT ? copy_text(atoms, what)
                                      : copy_list(atoms, what);
        if (word == 0)
            return no_memory(atoms, err);
    }
    if (new_atom(atoms, what->kind, word, atom, err) != ORD_OK)
        return err->rc;
    *slot = (struct ord_atom_slot){.atom = *atom, .hash = hash};
    atoms->slots_taken++;
    return ORD_OK;
}

int ord_atoms_add_int_slow(struct ord_atoms *atoms, int64_t number,
                           uint32_t *atom, struct ord_err *err)
{
    uint64_t place = (uint64_t)number - (uint64_t)atoms->dense_first;
    struct sought what = {.kind = ORD_INT, .number = number};

    if (place >= atoms->dense_count)
        return add_sought(atoms, &what, (uint32_t)ord_mix((uint64_t)number),
                          atom, err);
    if (new_atom(atoms, ORD_INT, number, atom, err) != ORD_OK)
        return err->rc;
    atoms->dense[place] = *atom;
    return ORD_OK;
}

static bool push_item(struct ord_atoms *atoms, uint32_t item)
{
    if (atoms->items_count == atoms->items_room) {
        size_t room =
            atoms->items_room == 0 ? ITEMS_MIN : 2 * atoms->items_room;
        uint32_t *items = NULL;

        if (has_left(atoms, room * sizeof *items))
            items = realloc(atoms->items, room * sizeof *items);
        if (items == NULL)
            return false;
        atoms->items = items;
        atoms->items_room = room;
    }
    atoms->items[atoms->items_count++] = item;
    return true;
}

static uint64_t hash_begin(uint32_t count)
{
    return ord_mix(count + UINT64_C(0x5bd1e995));
}

static uint64_t hash_item(uint64_t hash, uint32_t item)
{
    return ord_mix(hash * UINT64_C(0x9e3779b97f4a7c15) + item);
}

int ord_atoms_add_ints(struct ord_atoms *atoms, const int64_t *numbers,
                       uint32_t count, uint32_t *atom, struct ord_err *err)
{
    size_t first = atoms->items_count;
    uint64_t hash = hash_begin(count);
    struct sought what = {.kind = ORD_LIST, .count = count};
    uint32_t item;
    int rc = ORD_OK;

    for (uint32_t i = 0; i < count && rc == ORD_OK; i++) {
        rc = ord_atoms_add_int(atoms, numbers[i], &item, err);
        if (rc == ORD_OK && !push_item(atoms, item))
            rc = no_memory(atoms, err);
        if (rc == ORD_OK)
            hash = hash_item(hash, item);
    }
    if (rc == ORD_OK) {
        if (count > 0)
            what.items = atoms->items + first;
        rc = add_sought(atoms, &what, (uint32_t)hash, atom, err);
    }
    atoms->items_count = first;
    return rc;
}

/* Recursion is over a value in memory, which no reader makes deeper than
 * ORD_VALUE_DEPTH_MAX. */
static int add_list(struct ord_atoms *atoms, const struct ord_value *value,
                    uint32_t *atom, struct ord_err *err)
{
    size_t first = atoms->items_count;
    uint64_t hash = hash_begin(value->count);
    struct sought what = {.kind = ORD_LIST, .count = value->count};
    uint32_t item;
    int rc = ORD_OK;

    for (uint32_t i = 0; i < value->count && rc == ORD_OK; i++) {
        rc = ord_atoms_add(atoms, &value->as.items[i], &item, err);
        if (rc == ORD_OK && !push_item(atoms, item))
            rc = no_memory(atoms, err);
        if (rc == ORD_OK)
            hash = hash_item(hash, item);
    }
    if (rc == ORD_OK) {
        if (value->count > 0)
            what.items = atoms->items + first;
        rc = add_sought(atoms, &what, (uint32_t)hash, atom, err);
    }
    atoms->items_count = first;
    return rc;
}

int ord_atoms_add(struct ord_atoms *atoms, const struct ord_value *value,
                  uint32_t *atom, struct ord_err *err)
{
    struct sought what = {.kind = value->kind};

    switch (value->kind) {
    case ORD_BOOL:
        what.number = value->as.number != 0;
        return add_sought(atoms, &what,
                          (uint32_t)ord_mix(~(uint64_t)what.number), atom, err);
    case ORD_INT:
        return ord_atoms_add_int(atoms, value->as.number, atom, err);
    case ORD_TEXT:
        what.text = value->as.text;
        what.count = value->count;
        return add_sought(atoms, &what, (uint32_t)ord_value_hash(value), atom,
                          err);
    case ORD_LIST:
        return add_list(atoms, value, atom, err);
    default:
        *atom = ORD_ATOM_NIL;
        return ORD_OK;
    }
}

/* ---- making and sealing -------------------------------------------------- */

int ord_atoms_new(struct ord_arena *arena, struct ord_atoms **out,
                  struct ord_err *err)
{
    struct ord_atoms *atoms = ord_arena_zalloc(arena, 1, sizeof *atoms);
    uint32_t nil;

    if (atoms == NULL)
        return ord_fail(err, ORD_ENOMEM, "a table of values");
    atoms->arena = arena;
    if (new_atom(atoms, ORD_NIL, 0, &nil, err) != ORD_OK)
        return err->rc;
    ORD_ASSERT(nil == ORD_ATOM_NIL);
    *out = atoms;
    return ORD_OK;
}

void ord_atoms_expect(struct ord_atoms *atoms, int64_t low, int64_t high,
                      uint64_t count)
{
    uint64_t range = (uint64_t)high - (uint64_t)low;

    ORD_ASSERT(atoms->dense == NULL);
    ORD_ASSERT(atoms->slot_count == 0);
    if (low > high || count > UINT32_MAX ||
        range >= (count < DENSE_MIN ? DENSE_MIN : 2 * count) ||
        !has_left(atoms, (range + 1) * sizeof *atoms->dense))
        return;
    atoms->dense = calloc((size_t)range + 1, sizeof *atoms->dense);
    if (atoms->dense == NULL)
        return; /* then by hash */
    atoms->dense_first = low;
    atoms->dense_count = range + 1;
}

void ord_atoms_seal(struct ord_atoms *atoms)
{
    free(atoms->dense);
    free(atoms->slots);
    free(atoms->items);
    atoms->dense = NULL;
    atoms->dense_count = 0;
    atoms->slots = NULL;
    atoms->slot_count = 0;
    atoms->items = NULL;
    atoms->items_room = 0;
}

/* ---- reading ------------------------------------------------------------- */

static struct ord_value list_value(const struct ord_calls *calls,
                                   struct atom_list *list)
{
    struct ord_value *values = list->values;

    if (values == NULL && list->count > 0) {
        values =
            ord_arena_zalloc(calls->atoms->arena, list->count, sizeof *values);
        if (values == NULL)
            return ord_value_nil();
        for (uint32_t i = 0; i < list->count; i++)
            values[i] = ord_atom_value(calls, list->items[i]);
        list->values = values;
    }
    return ord_value_list(values, list->count);
}

struct ord_value ord_atom_value(const struct ord_calls *calls, uint32_t atom)
{
    const struct ord_atoms *atoms = calls->atoms;
    const struct atom_text *text;
    enum ord_value_kind kind;

    if (atom == ORD_ATOM_NONE)
        return ord_value_nil();
    ORD_ASSERT(atom < atoms->count);
    kind = kind_of(atoms, atom);
    switch (kind) {
    case ORD_BOOL:
    case ORD_INT:
        return (struct ord_value){.kind = (uint8_t)kind,
                                  .as = {.number = word_of(atoms, atom)}};
    case ORD_TEXT:
        text = pointer_of(atoms, atom);
        return (struct ord_value){
            .kind = ORD_TEXT, .count = text->size, .as = {.text = text->at}};
    case ORD_LIST:
        return list_value(calls, pointer_of(atoms, atom));
    default:
        return ord_value_nil();
    }
}

bool ord_atom_int(const struct ord_calls *calls, uint32_t atom, int64_t *n)
{
    if (atom == ORD_ATOM_NONE || kind_of(calls->atoms, atom) != ORD_INT)
        return false;
    *n = word_of(calls->atoms, atom);
    return true;
}

uint32_t ord_atom_items(const struct ord_calls *calls, uint32_t atom,
                        const uint32_t **items)
{
    const struct atom_list *list;

    *items = NULL;
    if (atom == ORD_ATOM_NONE || kind_of(calls->atoms, atom) != ORD_LIST)
        return 0;
    list = pointer_of(calls->atoms, atom);
    if (list->count > 0)
        *items = list->items;
    return list->count;
}
