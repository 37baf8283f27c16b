/* page.h -- the page that all processes of a node read their clocks by.
 *
 * It is mapped into the harness and into every process of the node, so a
 * change is one store.  What a process reads is the host's clock t, plus what
 * the law of the bank in force makes of it:
 *
 *     skew(t) = offset + (t - from) * rate,  from `from` on
 *
 * Until `from` the bank before is in force: a new law begins a moment in the
 * future, so that no clock steps while the banks change.  This file
 * is compiled into the code that is put into foreign processes: no calls, no
 * tables, nothing but arithmetic.
 */
#ifndef ORD_CLOCK_PAGE_H
#define ORD_CLOCK_PAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Fixed places in every process of a node. */
#define ORD_CLOCK_CODE UINT64_C(0x2d0de0000000) /* the code, then its data */
#define ORD_CLOCK_DATA (ORD_CLOCK_CODE + 0x1000)
#define ORD_CLOCK_SLOTS (ORD_CLOCK_CODE + 0x2000)  /* timeouts put right */
#define ORD_CLOCK_MOVED (ORD_CLOCK_CODE + 0x10000) /* the vDSO's new place */

enum {
    ORD_CLOCK_PAGE_SIZE = 4096,
    ORD_CLOCK_SLOTS_SIZE = 8 * 4096,
    ORD_CLOCK_RANGE_SIZE = 0x40000, /* all of the above */
    ORD_CLOCK_BANKS = 16,
    ORD_CLOCK_S = 1000000000, /* ns */
};

/* Products of two 64-bit numbers; the compilers that we use have it. */
__extension__ typedef __int128 ord_wide;

/* Clocks that keep their own time: each has its law in its own terms, for
 * CLOCK_BOOTTIME, say, is ahead of CLOCK_MONOTONIC by the time of sleep. */
enum ord_clock_kind {
    ORD_CLOCK_REAL, /* and its COARSE */
    ORD_CLOCK_TAI,
    ORD_CLOCK_MONO, /* and its COARSE */
    ORD_CLOCK_RAW,
    ORD_CLOCK_BOOT,
    ORD_CLOCK_KINDS,
    ORD_CLOCK_OTHER = ORD_CLOCK_KINDS, /* counts CPU time: left alone */
};

struct ord_clock_law {
    int64_t from_ns; /* host's clock of the same kind */
    int64_t offset_ns;
    int64_t rate_q32; /* seconds more per second, times 2^32 */
};

struct ord_clock_bank {
    struct ord_clock_law laws[ORD_CLOCK_KINDS];
    /* Every other period the real clock is delta off, for so long from its
     * law's beginning: needs nobody's help. */
    int64_t strobe_period_ns; /* 0: none */
    int64_t strobe_for_ns;
    int64_t strobe_delta_ns;
};

struct ord_clock_page {
    _Atomic uint32_t index;   /* counts changes; the bank is index % BANKS */
    _Atomic uint32_t seen;    /* the last index that some process has read by */
    _Atomic uint32_t blind;   /* processes that could not be given the page */
    _Atomic uint32_t is_slow; /* programs shall read it by system calls */
    struct ord_clock_bank banks[ORD_CLOCK_BANKS];
};
_Static_assert(sizeof(struct ord_clock_page) <= ORD_CLOCK_PAGE_SIZE,
               "it is one page");

static inline enum ord_clock_kind ord_clock_kind(long id)
{
    if (id == 0 || id == 5 || id == 8) /* REALTIME, its COARSE and ALARM */
        return ORD_CLOCK_REAL;
    if (id == 1 || id == 6)
        return ORD_CLOCK_MONO;
    if (id == 7 || id == 9) /* BOOTTIME and its ALARM */
        return ORD_CLOCK_BOOT;
    if (id == 4)
        return ORD_CLOCK_RAW;
    return id == 11 ? ORD_CLOCK_TAI : ORD_CLOCK_OTHER;
}

static inline bool ord_clock_is_real(enum ord_clock_kind kind)
{
    return kind <= ORD_CLOCK_TAI;
}

static inline int64_t ord_clock_under(const struct ord_clock_law *law,
                                      int64_t time_ns)
{
    return law->offset_ns +
           (int64_t)(((ord_wide)(time_ns - law->from_ns) * law->rate_q32) >>
                     32);
}

/* Is the strobing clock in its wrong half so long after its law began? */
static inline bool ord_clock_is_wrong(const struct ord_clock_bank *bank,
                                      int64_t since_ns)
{
    return bank->strobe_period_ns > 0 && since_ns >= 0 &&
           since_ns < bank->strobe_for_ns &&
           since_ns / bank->strobe_period_ns % 2 == 1;
}

/* How far off a clock of that kind is when the host's shows time_ns. */
static inline int64_t ord_clock_skew(const struct ord_clock_page *page,
                                     uint32_t index, enum ord_clock_kind kind,
                                     int64_t time_ns)
{
    const struct ord_clock_bank *bank = &page->banks[index % ORD_CLOCK_BANKS];
    int64_t skew_ns;

    /* A coarse clock lags, and may not even have seen the law before begin.
     * One bank is always being written. */
    for (uint32_t i = 1; i < ORD_CLOCK_BANKS - 1; i++) {
        if (time_ns >= bank->laws[kind].from_ns)
            break;
        bank = &page->banks[(index - i) % ORD_CLOCK_BANKS];
    }
    skew_ns = ord_clock_under(&bank->laws[kind], time_ns);
    if (ord_clock_is_real(kind) &&
        ord_clock_is_wrong(bank, time_ns - bank->laws[kind].from_ns))
        skew_ns += bank->strobe_delta_ns;
    return skew_ns;
}

#endif
