/* write_seeds.c -- the first inputs of the fuzzers as files: FOLDER/seed-N. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "ci/fuzz/fuzz.h"
#include "harness/base/file.h"

int main(int argc, char **argv)
{
    struct ord_buf seed;
    struct ord_err err = {0};

    if (argc != 2) {
        (void)fprintf(stderr, "usage: fuzz_seeds FOLDER\n");
        return 64;
    }
    for (unsigned i = 0; fuzz_seed(i, &seed); i++) {
        char path[1024];
        int fd;

        (void)snprintf(path, sizeof path, "%s/seed-%02u", argv[1], i);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0 || ord_write_all(fd, ord_buf_bytes(&seed), &err) != ORD_OK ||
            close(fd) != 0) {
            (void)fprintf(stderr, "cannot write %s %s\n", path, err.text);
            return 1;
        }
        ord_buf_fini(&seed);
    }
    return 0;
}
