/* bank.c -- transfers move money and neither make nor destroy it.
 *
 * Key by key.  An ok read brings the balances of all accounts: a map from
 * account to balance (kept as a list of [account balance] pairs), or a list of
 * balances by place; nil is no account at all.  The accounts are those of the
 * first ok read (by its end) that brought any; so is the total, where no option
 * gives it.
 * Claim:       each ok read has (1) no account that is not one of these, (2) no
 *              balance that is nil, (3) balances that add up to the total, and
 *              (4) no negative balance, unless negative_balances=true.  A read
 *              breaks at most one of these: the first.
 * Not claimed: that balances agree with the transfers; that reads agree with
 *              each other; that the first read was right, without total=...:
 *              if it was not, the others are accused, and either is wrong.
 * Unknown:     no ok read brought an account; a read brought something else,
 *              or a balance that is no whole number; a sum is beyond 63 bits.
 * Cost:        O(calls + accounts read) time, 4 bytes an atom.
 * Stats:       reads (judged), unexpected_accounts, nil_balances, wrong_totals,
 *              negative_balances (reads each), total, total_min, total_max
 *              (over the reads that (3) was asked of; of the last key).
 *
 * Jepsen's `bank` is this rule, with accounts and total from the test; elle-cli
 * takes both from the first read, as here.
 */
#include <stdio.h>

#include "checkers/registry.h"
#include "checkers/teller.h"

enum wrong {
    WRONG_NOTHING,
    WRONG_ACCOUNT,
    WRONG_NIL,
    WRONG_TOTAL,
    WRONG_NEGATIVE,
    WRONG_KIND, /* no balances: it cannot be judged */
    WRONG_COUNT
};

struct bank {
    struct ord_teller teller;
    struct ord_ends ends;
    uint32_t *known;      /* by atom, of accounts: key + 1 */
    uint32_t place_count; /* accounts by place in the first read; 0: a map */
    uint32_t first;       /* the read that told the accounts, or NEVER */
    bool has_total;       /* told by the option */
    bool may_be_negative;
    int64_t total;
    int64_t total_min;
    int64_t total_max;
    uint64_t totals; /* reads that were summed up */
    uint64_t read_count;
    uint64_t wrong[WRONG_COUNT];
    uint32_t unjudged; /* a read, or NEVER */
    uint32_t unjudged_key;
};

/* Account and balance number i of a read; false: they are no such thing.
 * *account is NONE where a balance goes by its place. */
static bool item_of(const struct bank *bank, uint32_t item, uint32_t *account,
                    uint32_t *balance)
{
    const struct ord_calls *calls = &bank->teller.calls;
    const uint32_t *pair = NULL;
    uint32_t count = ord_atom_items(calls, item, &pair);

    *account = count == 2 ? pair[0] : ORD_ATOM_NONE;
    *balance = count == 2 ? pair[1] : item;
    return count == 2 ||
           (count == 0 && ord_atom_value(calls, item).kind != ORD_LIST);
}

static bool is_known(const struct bank *bank, uint32_t account, uint32_t place)
{
    if (account == ORD_ATOM_NONE)
        return place < bank->place_count;
    return bank->known[account] == bank->teller.key + 1;
}

struct account { /* the one that is wrong */
    uint32_t account;
    uint32_t place;
    uint32_t balance;
};

/* What is wrong with a read, and where; its sum. */
static enum wrong judge(struct bank *bank, uint32_t read, int64_t *sum,
                        struct account *at)
{
    const struct ord_calls *calls = &bank->teller.calls;
    const uint32_t *items = NULL;
    uint32_t count = ord_atom_items(calls, calls->out[read], &items);
    enum wrong wrong = WRONG_NOTHING;

    *sum = 0;
    if (count == 0 && calls->out[read] != ORD_ATOM_NIL &&
        ord_atom_value(calls, calls->out[read]).kind != ORD_LIST)
        return WRONG_KIND;
    for (uint32_t i = 0; i < count; i++) {
        struct account a = {.place = i};
        enum wrong now = WRONG_NOTHING;
        int64_t balance = 0;

        if (!item_of(bank, items[i], &a.account, &a.balance))
            return WRONG_KIND;
        if (!is_known(bank, a.account, i))
            now = WRONG_ACCOUNT;
        else if (a.balance == ORD_ATOM_NIL)
            now = WRONG_NIL;
        else if (!ord_atom_int(calls, a.balance, &balance) ||
                 __builtin_add_overflow(*sum, balance, sum))
            return WRONG_KIND;
        else if (balance < 0 && !bank->may_be_negative)
            now = WRONG_NEGATIVE;
        if (now != WRONG_NOTHING && (wrong == WRONG_NOTHING || now < wrong)) {
            wrong = now;
            *at = a;
        }
    }
    if ((wrong == WRONG_NOTHING || wrong > WRONG_TOTAL) && *sum != bank->total)
        return WRONG_TOTAL;
    return wrong;
}

static struct ord_text tell_account(const struct bank *bank,
                                    const struct account *at)
{
    struct ord_text text = {{0}};

    if (at->account != ORD_ATOM_NONE)
        return ord_tell_atom(&bank->teller, at->account);
    (void)snprintf(text.at, sizeof text.at, "number %u", at->place);
    return text;
}

static struct ord_text tell_total(const struct bank *bank, uint32_t read)
{
    const struct ord_teller *teller = &bank->teller;
    struct ord_text text = {{0}};

    if (bank->has_total || bank->first == read)
        (void)snprintf(text.at, sizeof text.at, "%lld, as it should",
                       (long long)bank->total);
    else
        (void)snprintf(text.at, sizeof text.at,
                       "%lld, as those of the first read did, %.200s",
                       (long long)bank->total,
                       ord_tell_call(teller, bank->first).at);
    return text;
}

static void found_wrong(struct bank *bank, uint32_t read, enum wrong wrong,
                        int64_t sum, const struct account *at)
{
    struct ord_teller *teller = &bank->teller;
    struct ord_named named = ord_tell_named(
        teller, read, bank->first == read ? ORD_CALL_NEVER : bank->first,
        ORD_CALL_NEVER);

    if (ord_found_enough(teller->out))
        return;
    if (wrong == WRONG_TOTAL)
        ord_found(teller->in, teller->out, &named,
                  "the balances that %s brought (%s) add up to %lld, not to %s",
                  ord_tell_call(teller, read).at,
                  ord_tell_atom(teller, teller->calls.out[read]).at,
                  (long long)sum, tell_total(bank, read).at);
    else if (wrong == WRONG_ACCOUNT)
        ord_found(teller->in, teller->out, &named,
                  "%s brought account %s, which the first read, %s, does not "
                  "know",
                  ord_tell_call(teller, read).at, tell_account(bank, at).at,
                  ord_tell_call(teller, bank->first).at);
    else
        ord_found(teller->in, teller->out, &named,
                  "%s brought account %s with a balance of %s",
                  ord_tell_call(teller, read).at, tell_account(bank, at).at,
                  ord_tell_atom(teller, at->balance).at);
}

/* The accounts and, if nobody gave it, the total, from the first read that
 * brought any. */
static void learn(struct bank *bank)
{
    const struct ord_calls *calls = &bank->teller.calls;
    uint32_t key = bank->teller.key;

    bank->first = ORD_CALL_NEVER;
    bank->place_count = 0;
    for (uint32_t i = bank->ends.first[key]; i < bank->ends.first[key + 1];
         i++) {
        uint32_t read = bank->ends.at[i];
        const uint32_t *items = NULL;
        uint32_t count = ord_atom_items(calls, calls->out[read], &items);
        int64_t sum = 0;

        for (uint32_t j = 0; j < count; j++) {
            uint32_t account = ORD_ATOM_NONE;
            uint32_t balance = 0;
            int64_t value = 0;

            if (!item_of(bank, items[j], &account, &balance))
                return; /* it cannot be judged, and is found again */
            if (account == ORD_ATOM_NONE)
                bank->place_count = count;
            else
                bank->known[account] = key + 1;
            if (ord_atom_int(calls, balance, &value) &&
                __builtin_add_overflow(sum, value, &sum))
                return;
        }
        if (count == 0)
            continue;
        bank->first = read;
        if (!bank->has_total)
            bank->total = sum;
        return;
    }
}

static void check_object(struct bank *bank)
{
    uint32_t key = bank->teller.key;

    learn(bank);
    bank->totals = 0;
    for (uint32_t i = bank->ends.first[key]; i < bank->ends.first[key + 1];
         i++) {
        uint32_t read = bank->ends.at[i];
        struct account at = {0};
        int64_t sum = 0;
        enum wrong wrong = WRONG_KIND;

        if (bank->first != ORD_CALL_NEVER)
            wrong = judge(bank, read, &sum, &at);
        bank->wrong[wrong]++;
        if (wrong == WRONG_KIND) {
            if (bank->unjudged == ORD_CALL_NEVER) {
                bank->unjudged = read;
                bank->unjudged_key = key;
            }
            continue;
        }
        bank->read_count++;
        if (wrong != WRONG_ACCOUNT && wrong != WRONG_NIL) {
            if (bank->totals == 0 || sum < bank->total_min)
                bank->total_min = sum;
            if (bank->totals == 0 || sum > bank->total_max)
                bank->total_max = sum;
            bank->totals++;
        }
        if (wrong != WRONG_NOTHING)
            found_wrong(bank, read, wrong, sum, &at);
    }
}

static int bank_conclude(struct bank *bank, struct ord_err *err)
{
    struct ord_verdict *out = bank->teller.out;

    ord_stat(out, "reads", (double)bank->read_count);
    ord_stat(out, "unexpected_accounts", (double)bank->wrong[WRONG_ACCOUNT]);
    ord_stat(out, "nil_balances", (double)bank->wrong[WRONG_NIL]);
    ord_stat(out, "wrong_totals", (double)bank->wrong[WRONG_TOTAL]);
    ord_stat(out, "negative_balances", (double)bank->wrong[WRONG_NEGATIVE]);
    if (bank->totals > 0) {
        ord_stat(out, "total", (double)bank->total);
        ord_stat(out, "total_min", (double)bank->total_min);
        ord_stat(out, "total_max", (double)bank->total_max);
    }
    if (out->violation_count > 0)
        return ord_prove_facts(bank->teller.in, out, err);
    if (bank->unjudged != ORD_CALL_NEVER) {
        ord_teller_turn(&bank->teller, bank->unjudged_key);
        return ord_conclude(
            out, ORD_UNKNOWN, "%s brought no balances (%s)",
            ord_tell_call(&bank->teller, bank->unjudged).at,
            ord_tell_atom(&bank->teller, bank->teller.calls.out[bank->unjudged])
                .at);
    }
    if (bank->read_count == 0)
        return ord_conclude(out, ORD_UNKNOWN, "no read returned ok");
    (void)ord_conclude(out, ORD_VALID, "each of %llu reads adds up to %s%lld",
                       (unsigned long long)bank->read_count,
                       bank->has_total ? "" : "what the first one did, ",
                       (long long)bank->total);
    return ord_prove_facts(bank->teller.in, out, err);
}

static int bank_check(const struct ord_check_in *in, struct ord_verdict *out,
                      struct ord_err *err)
{
    struct bank bank = {.unjudged = ORD_CALL_NEVER};

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (ord_option_int(in, "total", &bank.has_total, &bank.total, err) !=
            ORD_OK ||
        ord_option_truth(in, "negative_balances", &bank.may_be_negative, err) !=
            ORD_OK ||
        ord_teller_init(&bank.teller, in, out, err) != ORD_OK ||
        ord_ends_init(&bank.ends, &bank.teller, UINT64_C(1) << ORD_F_READ,
                      err) != ORD_OK)
        return err->rc;
    bank.known =
        ord_arena_zalloc(in->arena, (size_t)bank.teller.calls.atom_count + 1,
                         sizeof *bank.known);
    if (bank.known == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the accounts");
    for (uint32_t key = 0; key < bank.teller.calls.key_count; key++) {
        ord_teller_turn(&bank.teller, key);
        check_object(&bank);
    }
    return bank_conclude(&bank, err);
}

const struct ord_checker ord_checker_bank = {
    .name = "bank",
    .claim = "the balances of all accounts always add up to the same",
    .options = "total: what the balances add up to; preset: as in the first "
               "read\n"
               "negative_balances: true allows them",
    .check = bank_check,
};
