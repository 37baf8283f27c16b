/* verify_seeds.c -- first inputs of fuzz_verify: proofs as they should be. */
#include <string.h>

#include "checkers/checker.h"
#include "ci/fuzz/fuzz.h"
#include "ci/fuzz/verify_cases.h"
#include "harness/report/proof_json.h"

enum { MEMORY_MAX = 64 << 20, SEED_MAX = 1 << 16 };

/* What a checker says, with the objects of the table where that has some. */
static void judged(const struct verify_case *c, const struct ord_history *h,
                   struct ord_proof_file *file)
{
    struct ord_arena arena;
    struct ord_verdict verdict = {.outcome = ORD_VALID};
    const struct ord_proof_of of = {.checker = c->checker, .model = c->model};
    struct ord_check_in in = {
        .history = h, .arena = &arena, .model = c->model, .wants_proof = true};
    struct ord_err err = {0};

    ord_arena_init(&arena, MEMORY_MAX);
    if (c->objects == NULL)
        ord_check_run(ord_checker_find(c->checker), &in, &verdict);
    else if (c->is_violation)
        verdict.outcome = ORD_INVALID;
    verdict.violation_count =
        c->objects != NULL ? c->is_violation : verdict.violation_count;
    ORD_ASSERT(ord_proof_begin(file, NULL, h, false, &err) == ORD_OK);
    ORD_ASSERT(ord_proof_add(file, &of, &verdict, &err) == ORD_OK);
    ORD_ASSERT(ord_proof_end(file, &err) == ORD_OK);
    ord_arena_fini(&arena);
}

bool fuzz_seed(unsigned i, struct ord_buf *out)
{
    static const char objects[] = "\"objects\":[";
    const struct verify_case *c;
    struct ord_proof_file file;
    struct ord_history *h = NULL;
    struct ord_err err = {0};
    const char *at;

    if (i >= VERIFY_CASES)
        return false;
    c = &verify_cases[i];
    ORD_ASSERT(ord_history_parse_text(c->history, &h, &err) == ORD_OK);
    ord_buf_init(out, SEED_MAX);
    judged(c, h, &file);
    at = memmem(file.out.at, file.out.size, objects, sizeof objects - 1);
    ORD_ASSERT(at != NULL);
    ord_buf_char(out, (char)i);
    if (c->objects == NULL) {
        ord_buf_add(out, ord_buf_bytes(&file.out));
    } else {
        size_t head = (size_t)(at - file.out.at) + sizeof objects - 2;
        size_t tail = head + 2; /* "[]" */

        ord_buf_add(out, (struct ord_bytes){file.out.at, head});
        ord_buf_text(out, c->objects);
        ord_buf_add(
            out, (struct ord_bytes){file.out.at + tail, file.out.size - tail});
    }
    ord_proof_discard(&file);
    ord_history_free(&h);
    return true;
}
