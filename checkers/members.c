/* members.c -- see members.h. */
#include "checkers/members.h"

static const struct ord_member nobody = {
    .add = ORD_CALL_NEVER, .acked = ORD_CALL_NEVER, .begun = ORD_CALL_NEVER};

int ord_members_init(struct ord_members *members,
                     const struct ord_teller *teller, struct ord_err *err)
{
    const struct ord_calls *calls = &teller->calls;
    struct ord_arena *arena = teller->in->arena;

    *members = (struct ord_members){
        .at = ord_arena_alloc(arena, ((size_t)calls->atom_count + 1) *
                                         sizeof *members->at),
        .list = ord_arena_alloc(arena, ((size_t)calls->atom_count + 1) *
                                           sizeof *members->list),
    };
    if (members->at == NULL || members->list == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u elements",
                        calls->atom_count);
    for (uint32_t i = 0; i <= calls->atom_count; i++)
        members->at[i] = nobody;
    return ORD_OK;
}

static struct ord_member *member_of(struct ord_members *members, uint32_t atom)
{
    struct ord_member *member = &members->at[atom];

    if (member->add == ORD_CALL_NEVER && !member->is_removed)
        members->list[members->count++] = atom;
    return member;
}

static void note_add(struct ord_members *members, const struct ord_calls *calls,
                     uint32_t call)
{
    struct ord_member *member = member_of(members, calls->in[call]);
    bool may_happen =
        calls->type[call] != ORD_OP_FAIL || members->fail_may_happen;

    if (member->add == ORD_CALL_NEVER)
        member->add = call;
    if (calls->f[call] == ORD_F_APPEND)
        member->is_listed = true;
    if (!may_happen)
        return;
    if (member->attempts == 0) {
        member->add = call; /* those before had failed */
        member->begun = calls->begin[call];
    }
    member->attempts++;
    if (calls->end[call] < member->acked) {
        member->acked = calls->end[call];
        member->add = call;
    }
}

void ord_members_load(struct ord_members *members,
                      const struct ord_teller *teller)
{
    const struct ord_calls *calls = &teller->calls;

    for (uint32_t i = 0; i < members->count; i++)
        members->at[members->list[i]] = nobody;
    members->count = 0;
    for (uint32_t i = teller->from; i < teller->to; i++) {
        uint32_t call = ord_teller_at(teller, i);

        if (calls->f[call] == ORD_F_ADD || calls->f[call] == ORD_F_APPEND)
            note_add(members, calls, call);
        else if (calls->f[call] == ORD_F_REMOVE &&
                 calls->type[call] != ORD_OP_FAIL)
            member_of(members, calls->in[call])->is_removed = true;
    }
}

bool ord_members_read(const struct ord_teller *teller, uint32_t read,
                      uint32_t *count, const uint32_t **items)
{
    uint32_t atom = teller->calls.out[read];
    struct ord_value value;

    ORD_ASSERT(teller->calls.f[read] == ORD_F_READ);
    *count = ord_atom_items(&teller->calls, atom, items);
    if (*count > 0 || atom == ORD_ATOM_NIL)
        return true;
    value = ord_atom_value(&teller->calls, atom);
    return value.kind == ORD_LIST;
}

const char *ord_member_phantom(const struct ord_members *members,
                               const struct ord_teller *teller, uint32_t atom,
                               uint32_t end, uint32_t *call)
{
    const struct ord_member *member = &members->at[atom];

    ORD_ASSERT(atom < teller->calls.atom_count);
    *call = member->add;
    if (member->add == ORD_CALL_NEVER)
        return "though nobody had added it";
    if (member->attempts == 0)
        return "though its add had failed";
    if (member->begun > end)
        return "though it was added only later";
    return NULL;
}

int ord_conclude_odd_member(struct ord_teller *teller, uint32_t key,
                            uint32_t odd)
{
    ord_teller_turn(teller, key);
    return ord_conclude(
        teller->out, ORD_UNKNOWN, "%s is no set: %s at %s does not fit",
        ord_text_key(&teller->object.key).at, ord_tell_call(teller, odd).at,
        ord_tell_begin(teller, odd).at);
}
