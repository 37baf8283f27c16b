/* page.h -- the page that all processes of a node read their clocks by.
 *
 * It is mapped into the harness and into every process of the node, so a
 * change is one store.  What a process reads is the host's clock t, plus what
 * the law of the bank in force makes of it:
 *
 *     skew(t) = offset + (t - from) * rate,  from `from` on
 *
 * Until `from` the bank before is in force: a new law begins a moment in the
 * future, so that the clock does not step while the banks change.  This file
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
    ORD_CLOCK_SLOTS_SIZE = 4 * 4096,
    ORD_CLOCK_RANGE_SIZE = 0x40000, /* all of the above */
    ORD_CLOCK_BANKS = 16,
    ORD_CLOCK_S = 1000000000, /* ns */
};

/* Products of two 64-bit numbers; the compilers that we use have it. */
__extension__ typedef __int128 ord_wide;

struct ord_clock_law {
    int64_t from_ns; /* host's clock of the same kind */
    int64_t offset_ns;
    int64_t rate_q32; /* seconds more per second, times 2^32 */
};

struct ord_clock_bank {
    struct ord_clock_law real; /* CLOCK_REALTIME and its kin */
    struct ord_clock_law mono; /* CLOCK_MONOTONIC and its kin */
    /* Every other period the real clock is delta off: needs nobody's help. */
    int64_t strobe_from_ns;
    int64_t strobe_until_ns;
    int64_t strobe_period_ns; /* 0: none */
    int64_t strobe_delta_ns;
};

struct ord_clock_page {
    _Atomic uint32_t index; /* counts changes; the bank is index % BANKS */
    _Atomic uint32_t seen;  /* the last index that some process has read by */
    struct ord_clock_bank banks[ORD_CLOCK_BANKS];
};
_Static_assert(sizeof(struct ord_clock_page) <= ORD_CLOCK_PAGE_SIZE,
               "it is one page");

enum ord_clock_kind { ORD_CLOCK_OTHER, ORD_CLOCK_REAL, ORD_CLOCK_MONO };

static inline enum ord_clock_kind ord_clock_kind(long id)
{
    if (id == 0 || id == 5 || id == 11) /* REALTIME, its COARSE, TAI */
        return ORD_CLOCK_REAL;
    /* MONOTONIC, RAW, COARSE, BOOTTIME; 2 and 3 count CPU time. */
    if (id == 1 || id == 4 || id == 6 || id == 7)
        return ORD_CLOCK_MONO;
    return ORD_CLOCK_OTHER;
}

static inline const struct ord_clock_law *
ord_clock_law(const struct ord_clock_bank *bank, enum ord_clock_kind kind)
{
    return kind == ORD_CLOCK_MONO ? &bank->mono : &bank->real;
}

static inline int64_t ord_clock_under(const struct ord_clock_law *law,
                                      int64_t time_ns)
{
    return law->offset_ns +
           (int64_t)(((ord_wide)(time_ns - law->from_ns) * law->rate_q32) >>
                     32);
}

static inline int64_t ord_clock_strobed(const struct ord_clock_bank *bank,
                                        int64_t time_ns)
{
    if (bank->strobe_period_ns <= 0 || time_ns < bank->strobe_from_ns ||
        time_ns >= bank->strobe_until_ns)
        return 0;
    return ((time_ns - bank->strobe_from_ns) / bank->strobe_period_ns) % 2 == 1
               ? bank->strobe_delta_ns
               : 0;
}

/* How far off a clock of that kind is when the host's shows time_ns. */
static inline int64_t ord_clock_skew(const struct ord_clock_page *page,
                                     uint32_t index, enum ord_clock_kind kind,
                                     int64_t time_ns)
{
    const struct ord_clock_bank *bank = &page->banks[index % ORD_CLOCK_BANKS];
    const struct ord_clock_law *law = ord_clock_law(bank, kind);

    if (time_ns < law->from_ns)
        law = ord_clock_law(&page->banks[(index - 1) % ORD_CLOCK_BANKS], kind);
    return ord_clock_under(law, time_ns) +
           (kind == ORD_CLOCK_REAL ? ord_clock_strobed(bank, time_ns) : 0);
}

#endif
