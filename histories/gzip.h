/* gzip.h -- a file that may be gzip, unpacked as it is read; internal.
 *
 * Members one behind the other are one file (RFC 1952), zeros may follow the
 * last one; whatever else does is an error, which zlib's gzread() passes over.
 */
#ifndef ORD_HISTORIES_GZIP_H
#define ORD_HISTORIES_GZIP_H

#include <stddef.h>
#include <sys/types.h>

#include "harness/base/err.h"

struct ord_gzip; /* opaque */

/* Takes over fd; NULL: no memory, fd stays the caller's. */
struct ord_gzip *ord_gzip_new(int fd);
void ord_gzip_free(struct ord_gzip **gzip);
/* Bytes unpacked, or as they stand if the file is no gzip; 0: the end; -1: see
 * ord_gzip_trouble().  Blocks. */
ssize_t ord_gzip_read(struct ord_gzip *gzip, char *to, size_t size);
/* Why it ended early: ORD_EFORMAT, ORD_EIO; ORD_OK: it did not. */
int ord_gzip_trouble(const struct ord_gzip *gzip, struct ord_err *err);

#endif
