/* edn.h -- a streaming reader of EDN forms (edn-format.org); internal.
 *
 * Nothing is looked at twice and nothing but the current token is kept, so a
 * file of any size is read in one pass.  Maps and sets become sorted lists,
 * keywords and symbols their text (without the colon), numbers what number.h
 * says; a tag is dropped, its form stays.
 */
#ifndef ORD_HISTORIES_EDN_H
#define ORD_HISTORIES_EDN_H

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "histories/source.h"
#include "histories/value.h"

enum {
    ORD_EDN_NEST_MAX = 512, /* of forms that are skipped */
    ORD_EDN_TAGS_MAX = 16,  /* tags and discards in front of one form */
    ORD_EDN_TOKEN_MAX = 1 << 24,
};

struct ord_edn {
    struct ord_source *source; /* lent */
    struct ord_arena arena;    /* of the values read since ord_edn_forget() */
    struct ord_buf token;
    bool is_text; /* in the text form ';' separates events */
};

void ord_edn_init(struct ord_edn *in, struct ord_source *source,
                  size_t size_max);
void ord_edn_fini(struct ord_edn *in);
/* Values read before may be overwritten from here on. */
void ord_edn_forget(struct ord_edn *in);

/* ORD_EFORMAT "line 3, column 7: expected WHAT, found ..."; or why the input
 * ended, if it could not be read. */
int ord_edn_fail(struct ord_edn *in, const char *expected, struct ord_err *err);
/* Skips white space, comments, #_ discards, tags and ^meta; *c is the first
 * byte of the form that follows (not consumed), -1 at the end. */
int ord_edn_next(struct ord_edn *in, int *c, struct ord_err *err);
/* One form.  Nested at most ORD_VALUE_DEPTH_MAX deep. */
int ord_edn_value(struct ord_edn *in, struct ord_value *out,
                  struct ord_err *err);
/* One form, unlooked at; nested at most ORD_EDN_NEST_MAX deep. */
int ord_edn_skip(struct ord_edn *in, struct ord_err *err);
/* A word up to the next delimiter into in->token. */
int ord_edn_word(struct ord_edn *in, struct ord_err *err);

#endif
