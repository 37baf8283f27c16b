/* fuzz_verify.c -- libFuzzer's bytes as the proof of a history.
 *
 * The first byte chooses the history.  Digests are made to fit, so that what
 * lies behind them is reached.  It must not crash, nor take long; and whatever
 * is accepted has to be true.
 */
#include <stdio.h>

#include "ci/fuzz/fuzz.h"
#include "ci/fuzz/verify_cases.h"
#include "harness/verify/verify.h"
#include "histories/digest.h"

enum { DIGITS = 16, STEPS_MAX = 100000 };

static const char mark[] = "\"digest\":\"";

/* The first is the history's, all others are the file's. */
static void fit_digests(struct ord_buf *proof, const struct ord_history *h)
{
    uint64_t digest = ORD_DIGEST_START;
    uint64_t of_history = 0;
    struct ord_err err = {0};
    size_t done = 0;
    bool is_first = true;

    ORD_ASSERT(ord_history_digest(h, &of_history, &err) == ORD_OK);
    while (proof->size - done >= sizeof mark - 1 + DIGITS) {
        const char *at =
            memmem(proof->at + done, proof->size - done, mark, sizeof mark - 1);
        char text[DIGITS + 1];
        size_t digits;

        if (at == NULL)
            return;
        digits = (size_t)(at - proof->at) + sizeof mark - 1;
        if (proof->size - digits < DIGITS)
            return;
        digest = ord_digest_bytes(
            digest, (struct ord_bytes){proof->at + done, digits - done});
        (void)snprintf(text, sizeof text, "%016llx",
                       (unsigned long long)(is_first ? of_history : digest));
        memcpy(proof->at + digits, text, DIGITS);
        is_first = false;
        done = digits;
    }
}

static bool says(const struct ord_buf *proof, const char *text)
{
    return memmem(proof->at, proof->size, text, strlen(text)) != NULL;
}

/* One verdict on the case's own question was accepted: it has to be true. */
static void check_truth(const struct verify_case *c,
                        const struct ord_buf *proof,
                        const struct ord_verify_out *out)
{
    char question[256];

    (void)snprintf(question, sizeof question,
                   "\"checker\":\"%s\",\"model\":%s%s%s,\"options\":{},"
                   "\"verdict\":\"%s\"",
                   c->checker, c->model == NULL ? "" : "\"",
                   c->model == NULL ? "null" : c->model,
                   c->model == NULL ? "" : "\"",
                   c->is_violation ? "pass" : "violation");
    if (out->is_accepted && out->check_count == 1)
        ORD_ASSERT(!says(proof, question));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct verify_case *c;
    struct ord_history *h = NULL;
    struct ord_verify_in in = {.size_max = FUZZ_MEMORY_MAX,
                               .steps_max = STEPS_MAX};
    struct ord_verify_out out;
    struct ord_err err = {0};
    struct ord_buf proof;

    if (size == 0)
        return 0;
    c = &verify_cases[data[0] % VERIFY_CASES];
    ORD_ASSERT(ord_history_parse_text(c->history, &h, &err) == ORD_OK);
    ord_buf_init(&proof, size);
    ord_buf_add(&proof, (struct ord_bytes){(const char *)data + 1, size - 1});
    fit_digests(&proof, h);
    in.history = h;
    in.proof = ord_buf_bytes(&proof);
    if (ord_verify(&in, &out, &err) == ORD_OK)
        check_truth(c, &proof, &out);
    ord_buf_fini(&proof);
    ord_history_free(&h);
    return 0;
}
