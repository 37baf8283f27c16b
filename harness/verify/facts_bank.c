/* facts_bank.c -- the balances of a bank, added up again. */
#include <stdlib.h>
#include <string.h>

#include "harness/verify/facts.h"
#include "harness/verify/step.h"

struct bank {
    struct facts *f;
    struct pairs known;   /* accounts; of a list: places */
    uint32_t place_count; /* > 0: balances by place */
    bool has_total;
    bool may_be_negative;
    int64_t total;
    uint64_t reads, wrong_account, wrong_nil, wrong_total, wrong_negative;
};

/* False: it is neither an account with its balance nor a balance. */
static bool item_at(const struct bank *bank, uint32_t item, uint32_t *account,
                    uint32_t *balance)
{
    const uint32_t *pair = NULL;
    uint32_t count = ord_atom_items(bank->f->calls, item, &pair);

    *account = count == 2 ? pair[0] : ORD_ATOM_NONE;
    *balance = count == 2 ? pair[1] : item;
    return count == 2 ||
           (count == 0 &&
            ord_atom_value(bank->f->calls, item).kind != ORD_LIST);
}

static bool learn(struct bank *bank, uint32_t count, const uint32_t *items)
{
    int64_t sum = 0;

    if (!ord_pairs_init(&bank->known, bank->f->v->scratch, count + 1)) {
        (void)ord_facts_room(bank->f, SIZE_MAX, 2); /* says so */
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t account;
        uint32_t balance;
        int64_t value = 0;

        if (!item_at(bank, items[i], &account, &balance))
            return false;
        if (account == ORD_ATOM_NONE)
            bank->place_count = count;
        else
            (void)ord_pairs_add(&bank->known, account);
        if (ord_atom_int(bank->f->calls, balance, &value) &&
            __builtin_add_overflow(sum, value, &sum))
            return false;
    }
    if (!bank->has_total)
        bank->total = sum;
    return true;
}

/* False: no balances that could be judged. */
static bool judge(struct bank *bank, uint32_t read, uint32_t count,
                  const uint32_t *items)
{
    int64_t sum = 0;
    bool has_stranger = false;
    bool has_nil = false;
    bool has_negative = false;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t account;
        uint32_t balance;
        int64_t value = 0;
        bool is_known;

        if (!item_at(bank, items[i], &account, &balance))
            return false;
        is_known = account == ORD_ATOM_NONE
                       ? i < bank->place_count
                       : ord_pairs_find(&bank->known, account) != NULL;
        if (!is_known)
            has_stranger = true;
        else if (balance == ORD_ATOM_NIL)
            has_nil = true;
        else if (!ord_atom_int(bank->f->calls, balance, &value) ||
                 __builtin_add_overflow(sum, value, &sum))
            return false;
        else if (value < 0 && !bank->may_be_negative)
            has_negative = true;
    }
    bank->reads++;
    if (has_stranger)
        bank->wrong_account++;
    else if (has_nil)
        bank->wrong_nil++;
    else if (sum != bank->total)
        bank->wrong_total++;
    else if (has_negative)
        bank->wrong_negative++;
    if (has_stranger || has_nil || has_negative || sum != bank->total)
        ord_blame(bank->f, read);
    return true;
}

static void count_key(struct bank *bank)
{
    struct facts *f = bank->f;
    bool is_told = false;
    bool is_bad = false;

    bank->place_count = 0;
    bank->known = (struct pairs){0};
    for (uint32_t e = 0; e < f->end_count && !is_told && !is_bad; e++) {
        const uint32_t *items = NULL;
        uint32_t count =
            ord_atom_items(f->calls, f->calls->out[f->ends[e]], &items);

        if (f->calls->f[f->ends[e]] != ORD_F_READ || count == 0)
            continue;
        is_told = learn(bank, count, items);
        is_bad = !is_told;
    }
    for (uint32_t e = 0; e < f->end_count && !f->is_over; e++) {
        uint32_t read = f->ends[e];
        const uint32_t *items = NULL;
        uint32_t count = ord_atom_items(f->calls, f->calls->out[read], &items);
        bool is_list =
            count > 0 || f->calls->out[read] == ORD_ATOM_NIL ||
            ord_atom_value(f->calls, f->calls->out[read]).kind == ORD_LIST;

        if (f->calls->f[read] != ORD_F_READ)
            continue;
        if (!is_told || !is_list || !judge(bank, read, count, items))
            f->unknown = "a read brought no balances";
    }
}

void ord_recount_bank(struct facts *f)
{
    struct bank bank = {.f = f};
    const struct claim *claim = f->v->claim;

    bank.may_be_negative = ord_facts_option(f, "negative_balances", "true");
    for (uint32_t i = 0; i < claim->option_count; i++) {
        char number[32] = {0};

        if (!ord_bytes_is(claim->options[i].name, "total") ||
            claim->options[i].value.size >= sizeof number)
            continue;
        memcpy(number, claim->options[i].value.at,
               claim->options[i].value.size);
        bank.has_total = true;
        bank.total = strtoll(number, NULL, 10);
    }
    for (uint32_t key = 0; key < f->calls->key_count; key++) {
        if (!ord_facts_turn(f, key))
            return;
        count_key(&bank);
    }
    ord_fact(f, "reads", (double)bank.reads);
    ord_fact(f, "unexpected_accounts", (double)bank.wrong_account);
    ord_fact(f, "nil_balances", (double)bank.wrong_nil);
    ord_fact(f, "wrong_totals", (double)bank.wrong_total);
    ord_fact(f, "negative_balances", (double)bank.wrong_negative);
    if (bank.reads == 0)
        f->unknown = "no read returned ok";
}
