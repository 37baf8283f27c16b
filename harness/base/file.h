/* file.h -- whole files, safely.  Everything opened is O_CLOEXEC. */
#ifndef ORD_BASE_FILE_H
#define ORD_BASE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/buf.h"
#include "harness/base/bytes.h"
#include "harness/base/err.h"

enum { ORD_PATH_MAX = 4096 };

/* Replaces path with data; a reader sees the old bytes or the new, never a
 * mix.  Blocks on two fsyncs.  Leaves no temporary file.  ORD_ELIMIT, ORD_EIO,
 * ORD_EFULL. */
int ord_file_replace(const char *path, struct ord_bytes data,
                     struct ord_err *err);

/* The same for what is written bit by bit: write to fd, then publish, or
 * discard it after an error of one's own.  Both end the file. */
struct ord_new_file {
    int fd;         /* -1: not open */
    bool is_direct; /* the path is a device or a pipe: nothing to replace */
    char path[ORD_PATH_MAX];
    char temporary[ORD_PATH_MAX];
};
int ord_new_file_open(struct ord_new_file *file, const char *path,
                      struct ord_err *err);
int ord_new_file_publish(struct ord_new_file *file, struct ord_err *err);
void ord_new_file_discard(struct ord_new_file *file);

/* Appends the whole file to out, whose limit bounds it (ORD_ELIMIT). */
int ord_file_read(const char *path, struct ord_buf *out, struct ord_err *err);
/* mkdir -p, mode 0755. */
int ord_mkdir_all(const char *path, struct ord_err *err);
/* rm -rf; a path that does not exist is fine.  Does not follow links, does not
 * leave the file system. */
int ord_remove_all(const char *path, struct ord_err *err);
/* Writes everything or fails; retries on EINTR and short writes. */
int ord_write_all(int fd, struct ord_bytes data, struct ord_err *err);
/* dir "/" name into out; ORD_ELIMIT if it does not fit. */
int ord_path_join(char out[ORD_PATH_MAX], const char *dir, const char *name,
                  struct ord_err *err);

#endif
