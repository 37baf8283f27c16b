/* stub.h -- the code that answers for the vDSO in a process of a node. */
#ifndef ORD_CLOCK_STUB_H
#define ORD_CLOCK_STUB_H

#include <stddef.h>
#include <stdint.h>

/* What stands at ORD_CLOCK_CODE, in front of the code. */
struct ord_clock_head {
    uint64_t gettime;      /* the moved vDSO's clock_gettime; 0: system calls */
    uint8_t syscall_at[8]; /* `syscall; nop...`: for injected calls */
};

enum { ORD_CLOCK_HEAD_SIZE = 64 }; /* then the code begins */

/* The section of stub.c, and where its entries stand in it. */
const void *ord_clock_stub(size_t *size);
struct ord_clock_entries {
    size_t gettime;
    size_t gettimeofday;
    size_t time;
};
struct ord_clock_entries ord_clock_stub_entries(void);

#endif
