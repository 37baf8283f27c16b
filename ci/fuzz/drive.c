/* drive.c -- a fuzzer's function without libFuzzer, for tests: mutants of the
 * first inputs, always the same ones for the same seed.
 *
 *     fuzz_history_test COUNT [SEED]      or: fuzz_history_test FILE...
 */
#include <stdio.h>
#include <stdlib.h>

#include "ci/fuzz/fuzz.h"
#include "harness/base/file.h"
#include "harness/base/rng.h"

enum {
    CHANGES_MAX = 6,
    SEEDS_MAX = 64,
    INPUT_MAX = 1 << 20,
    FILE_MAX = 1 << 28,
};

static const char *const words[] = {
    "{",   "}",     "[",     "]",      "(",         ")",     "#_",
    "#{",  "\"",    "\\",    ":",      ";",         ",",     "\n",
    "nil", ":type", ":ok",   ":f",     "\"type\":", "-",     "^",
    "#a ", "N",     "\\u",   "@",      "k",         "final", "!",
    "0",   "null",  "[1]",   " call ", "empty",     "# @o",  ":timed-out",
    "\t",  "1.5",   "##Inf", "\r",     "\"key\":1", ":key ", "return"};

static void insert(struct ord_buf *text, size_t where, struct ord_bytes word)
{
    size_t behind = text->size - where;

    if (word.size == 0 || ord_buf_reserve(text, word.size) == NULL)
        return;
    memmove(text->at + where + word.size, text->at + where, behind);
    memcpy(text->at + where, word.at, word.size);
    ord_buf_commit(text, word.size);
}

static void mutate(struct ord_rng *rng, struct ord_buf *text)
{
    size_t where = ord_rng_below(rng, text->size + 1);
    size_t some = ord_rng_below(rng, 16);
    char copy[16];

    if (some > text->size - where)
        some = text->size - where;
    switch (ord_rng_below(rng, 6)) {
    case 0:
        if (where < text->size)
            text->at[where] =
                (char)(text->at[where] ^ (1 << ord_rng_below(rng, 8)));
        break;
    case 1: /* out with a few bytes */
        memmove(text->at + where, text->at + where + some,
                text->size - where - some);
        text->size -= some;
        break;
    case 2:
        if (ord_rng_below(rng, 8) == 0)
            text->size = where;
        break;
    case 3: /* a few bytes from elsewhere */
        memcpy(copy, text->at + where, some);
        insert(text, ord_rng_below(rng, text->size + 1),
               (struct ord_bytes){copy, some});
        break;
    default:
        insert(text, where,
               ord_bytes_of(
                   words[ord_rng_below(rng, sizeof words / sizeof *words)]));
        break;
    }
}

/* An exact copy, so that sanitizers see what is read beyond it. */
static void try_input(struct ord_bytes input)
{
    uint8_t *copy = malloc(input.size + 1);

    ORD_ASSERT(copy != NULL);
    if (input.size > 0)
        memcpy(copy, input.at, input.size);
    copy = realloc(copy, input.size == 0 ? 1 : input.size);
    ORD_ASSERT(copy != NULL);
    (void)LLVMFuzzerTestOneInput(copy, input.size);
    free(copy);
}

static void drive(uint64_t count, uint64_t seed)
{
    struct ord_rng rng = ord_rng_stream(seed, "fuzz", 0);
    struct ord_buf seeds[SEEDS_MAX];
    unsigned seed_count = 0;

    while (seed_count < SEEDS_MAX && fuzz_seed(seed_count, &seeds[seed_count]))
        seed_count++;
    ORD_ASSERT(seed_count > 0);
    for (uint64_t i = 0; i < count; i++) {
        struct ord_buf text;

        ord_buf_init(&text, INPUT_MAX);
        ord_buf_add(&text, ord_buf_bytes(&seeds[i % seed_count]));
        for (uint64_t j = ord_rng_below(&rng, CHANGES_MAX); j > 0; j--)
            mutate(&rng, &text);
        try_input(ord_buf_bytes(&text));
        ord_buf_fini(&text);
    }
    for (unsigned i = 0; i < seed_count; i++)
        ord_buf_fini(&seeds[i]);
}

int main(int argc, char **argv)
{
    char *rest = NULL;
    uint64_t count;

    if (argc < 2) {
        (void)fprintf(stderr, "usage: %s COUNT [SEED] | FILE...\n", argv[0]);
        return 64;
    }
    count = strtoull(argv[1], &rest, 10);
    if (*rest == '\0') {
        drive(count, argc > 2 ? strtoull(argv[2], NULL, 10) : 1);
        return 0;
    }
    for (int i = 1; i < argc; i++) {
        struct ord_err err = {0};
        struct ord_buf text;

        ord_buf_init(&text, FILE_MAX);
        if (ord_file_read(argv[i], &text, &err) != ORD_OK) {
            (void)fprintf(stderr, "%s: %s\n", argv[i], err.text);
            return 1;
        }
        try_input(ord_buf_bytes(&text));
        ord_buf_fini(&text);
    }
    return 0;
}
