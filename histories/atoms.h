/* atoms.h -- values as small numbers, equal iff the values are; internal.
 *
 * A table of 16-byte values would take more memory than the calls that
 * name them: an atom is 8 bytes and a kind.  Numbers within a range that was
 * announced are found by their place, all others by hash.  Texts and items are
 * copied into the arena, so that an atom outlives what it came from.
 */
#ifndef ORD_HISTORIES_ATOMS_H
#define ORD_HISTORIES_ATOMS_H

#include "harness/base/err.h"
#include "histories/calls.h"

enum {
    ORD_ATOM_CHUNK_BITS = 16,
    ORD_ATOM_CHUNK = 1 << ORD_ATOM_CHUNK_BITS,
};

/* atom + 1 would be free, were it not for nil, which is never looked up. */
struct ord_atom_slot {
    uint32_t atom; /* 0: free */
    uint32_t hash;
};

struct ord_atom_chunk {
    int64_t *word; /* a number, or a pointer to what it is */
    uint8_t *kind; /* enum ord_value_kind */
};

struct ord_atoms {
    struct ord_arena *arena;       /* lent */
    struct ord_atom_chunk *chunks; /* all but the first one are full */
    uint32_t chunk_room;
    uint32_t first_room; /* of the first chunk, which starts small */
    uint32_t count;

    /* Only while atoms are added; owned, freed by ord_atoms_seal(). */
    uint32_t *dense; /* atom of the number first + i; 0: none yet */
    int64_t dense_first;
    uint64_t dense_count;
    struct ord_atom_slot *slots;
    uint64_t slot_count; /* a power of two, or 0 */
    uint64_t slots_taken;
    uint32_t *items; /* a stack of the items of lists that are being built */
    size_t items_count;
    size_t items_room;
};

/* Makes atom 0, which is nil. */
int ord_atoms_new(struct ord_arena *arena, struct ord_atoms **out,
                  struct ord_err *err);
/* `count` numbers of [low, high] are about to come.  Takes no memory where a
 * table would not pay. */
void ord_atoms_expect(struct ord_atoms *atoms, int64_t low, int64_t high,
                      uint64_t count);
/* ORD_ENOMEM, ORD_ELIMIT; like the rest, writes *atom only on success. */
int ord_atoms_add(struct ord_atoms *atoms, const struct ord_value *value,
                  uint32_t *atom, struct ord_err *err);
/* A list of numbers. */
int ord_atoms_add_ints(struct ord_atoms *atoms, const int64_t *numbers,
                       uint32_t count, uint32_t *atom, struct ord_err *err);
int ord_atoms_add_int_slow(struct ord_atoms *atoms, int64_t number,
                           uint32_t *atom, struct ord_err *err);
/* Frees what was needed to add; the atoms stay. */
void ord_atoms_seal(struct ord_atoms *atoms);

static inline int ord_atoms_add_int(struct ord_atoms *atoms, int64_t number,
                                    uint32_t *atom, struct ord_err *err)
{
    uint64_t place = (uint64_t)number - (uint64_t)atoms->dense_first;

    if (place < atoms->dense_count && atoms->dense[place] != 0) {
        *atom = atoms->dense[place];
        return ORD_OK;
    }
    return ord_atoms_add_int_slow(atoms, number, atom, err);
}

#endif
