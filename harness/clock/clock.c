#include "harness/clock/clock.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/clock/page.h"

enum { PPM = 1000000, TRIES_MAX = 1000 };

/* A new law begins so far ahead.  Were it published after it has begun, a
 * process could see its clock step: so no less than half of it may be left. */
static const int64_t ahead_ns = 4 * ORD_MS;

int ord_clock_open(struct ord_clock *clock, struct ord_err *err)
{
    void *page = MAP_FAILED;
    int fd = memfd_create("ordeal-clock", MFD_CLOEXEC);

    *clock = ORD_CLOCK_NONE;
    if (fd >= 0 && ftruncate(fd, ORD_CLOCK_PAGE_SIZE) == 0)
        page = mmap(NULL, ORD_CLOCK_PAGE_SIZE, PROT_READ | PROT_WRITE,
                    MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        (void)ord_fail_errno(err, "a page for a clock");
        if (fd >= 0)
            (void)close(fd);
        return err->rc;
    }
    *clock = (struct ord_clock){.fd = fd, .page = page};
    return ORD_OK;
}

void ord_clock_close(struct ord_clock *clock)
{
    if (clock->page != NULL)
        (void)munmap(clock->page, ORD_CLOCK_PAGE_SIZE);
    if (clock->fd >= 0)
        (void)close(clock->fd);
    *clock = ORD_CLOCK_NONE;
}

void ord_clock_slow(struct ord_clock *clock)
{
    atomic_store_explicit(&clock->page->is_slow, 1, memory_order_relaxed);
}

static int64_t host_ns(enum ord_clock_kind kind)
{
    static const clockid_t ids[ORD_CLOCK_KINDS] = {
        [ORD_CLOCK_REAL] = CLOCK_REALTIME,
        [ORD_CLOCK_TAI] = CLOCK_TAI,
        [ORD_CLOCK_MONO] = CLOCK_MONOTONIC,
        [ORD_CLOCK_RAW] = CLOCK_MONOTONIC_RAW,
        [ORD_CLOCK_BOOT] = CLOCK_BOOTTIME,
    };
    struct timespec now;

    (void)clock_gettime(ids[kind], &now);
    return (int64_t)now.tv_sec * ORD_CLOCK_S + now.tv_nsec;
}

static uint32_t index_of(const struct ord_clock *clock)
{
    return atomic_load_explicit(&clock->page->index, memory_order_acquire);
}

static void pause_ns(int64_t time_ns)
{
    struct timespec left = {.tv_nsec = (long)time_ns};

    while (nanosleep(&left, &left) != 0)
        continue; /* a signal: what is left */
}

/* The law in force from a moment ahead, going on where the clock then is. */
static struct ord_clock_law continued(const struct ord_clock *clock,
                                      enum ord_clock_kind kind)
{
    uint32_t index = index_of(clock);
    const struct ord_clock_bank *bank =
        &clock->page->banks[index % ORD_CLOCK_BANKS];
    const struct ord_clock_law *law = &bank->laws[kind];
    int64_t from_ns = host_ns(kind) + ahead_ns;

    return (struct ord_clock_law){.from_ns = from_ns,
                                  .offset_ns = ord_clock_under(law, from_ns),
                                  .rate_q32 = law->rate_q32};
}

/* What a change does to the bank that goes on as before. */
typedef void alteration(struct ord_clock_bank *bank, const int64_t how[3]);

/* One store puts it in force.  It returns once the laws have begun, so that
 * the bank before is never needed for longer than until the next change. */
static void change(struct ord_clock *clock, alteration *alter,
                   const int64_t how[3])
{
    uint32_t index = index_of(clock) + 1;
    struct ord_clock_bank *bank = &clock->page->banks[index % ORD_CLOCK_BANKS];

    for (int i = 0; i < TRIES_MAX; i++) { /* until nobody held us up */
        memset(bank, 0, sizeof *bank);
        for (enum ord_clock_kind kind = 0; kind < ORD_CLOCK_KINDS; kind++)
            bank->laws[kind] = continued(clock, kind);
        alter(bank, how);
        if (bank->laws[ORD_CLOCK_REAL].from_ns - host_ns(ORD_CLOCK_REAL) >
                ahead_ns / 2 &&
            bank->laws[ORD_CLOCK_MONO].from_ns - host_ns(ORD_CLOCK_MONO) >
                ahead_ns / 2)
            break;
    }
    atomic_store_explicit(&clock->page->index, index, memory_order_release);
    pause_ns(ahead_ns + ahead_ns / 4);
}

/* how: real_ns, mono_ns. */
static void alter_offset(struct ord_clock_bank *bank, const int64_t how[3])
{
    for (enum ord_clock_kind kind = 0; kind < ORD_CLOCK_KINDS; kind++)
        bank->laws[kind].offset_ns += how[ord_clock_is_real(kind) ? 0 : 1];
}

void ord_clock_jump(struct ord_clock *clock, int64_t by_ns)
{
    change(clock, alter_offset, (const int64_t[3]){by_ns, 0});
}

void ord_clock_jump_mono(struct ord_clock *clock, int64_t by_ns)
{
    change(clock, alter_offset, (const int64_t[3]){0, by_ns});
}

static void alter_rate(struct ord_clock_bank *bank, const int64_t how[3])
{
    for (enum ord_clock_kind kind = 0; kind < ORD_CLOCK_KINDS; kind++)
        bank->laws[kind].rate_q32 = how[0];
}

void ord_clock_drift(struct ord_clock *clock, int64_t rate_ppm)
{
    int64_t rate = (int64_t)((ord_wide)rate_ppm * (INT64_C(1) << 32) / PPM);

    ORD_ASSERT(rate_ppm >= -900000);
    ORD_ASSERT(rate_ppm <= 10000000);
    change(clock, alter_rate, (const int64_t[3]){rate});
}

static void alter_strobe(struct ord_clock_bank *bank, const int64_t how[3])
{
    bank->strobe_for_ns = how[2];
    bank->strobe_period_ns = how[1];
    bank->strobe_delta_ns = how[0];
}

void ord_clock_strobe(struct ord_clock *clock, int64_t delta_ns,
                      int64_t period_ns, int64_t for_ns)
{
    ORD_ASSERT(period_ns > 0);
    change(clock, alter_strobe,
           (const int64_t[3]){delta_ns, period_ns, for_ns});
}

static void alter_back(struct ord_clock_bank *bank, const int64_t how[3])
{
    (void)how;
    for (enum ord_clock_kind kind = 0; kind < ORD_CLOCK_KINDS; kind++) {
        bank->laws[kind].rate_q32 = 0;
        if (ord_clock_is_real(kind))
            bank->laws[kind].offset_ns = 0;
    }
}

void ord_clock_reset(struct ord_clock *clock)
{
    change(clock, alter_back, (const int64_t[3]){0});
}

struct ord_clock_offset ord_clock_offset(const struct ord_clock *clock)
{
    uint32_t index = index_of(clock);

    return (struct ord_clock_offset){
        .real_ns = ord_clock_skew(clock->page, index, ORD_CLOCK_REAL,
                                  host_ns(ORD_CLOCK_REAL)),
        .mono_ns = ord_clock_skew(clock->page, index, ORD_CLOCK_MONO,
                                  host_ns(ORD_CLOCK_MONO)),
    };
}

bool ord_clock_is_true(const struct ord_clock *clock)
{
    const struct ord_clock_bank *bank =
        &clock->page->banks[index_of(clock) % ORD_CLOCK_BANKS];

    return bank->laws[ORD_CLOCK_REAL].offset_ns == 0 &&
           bank->laws[ORD_CLOCK_REAL].rate_q32 == 0 &&
           bank->laws[ORD_CLOCK_MONO].rate_q32 == 0 &&
           bank->strobe_period_ns == 0;
}

struct ord_clock_state ord_clock_state(const struct ord_clock *clock)
{
    const struct ord_clock_bank *bank =
        &clock->page->banks[index_of(clock) % ORD_CLOCK_BANKS];
    ord_wide rate = (ord_wide)bank->laws[ORD_CLOCK_MONO].rate_q32 * PPM;

    return (struct ord_clock_state){
        .offset = {.real_ns = ord_clock_under(&bank->laws[ORD_CLOCK_REAL],
                                              host_ns(ORD_CLOCK_REAL)),
                   .mono_ns = ord_clock_under(&bank->laws[ORD_CLOCK_MONO],
                                              host_ns(ORD_CLOCK_MONO))},
        /* To the nearest: what was asked for was rounded, too. */
        .rate_ppm = (int64_t)((rate + (INT64_C(1) << 31)) >> 32),
        .strobe_ns = bank->strobe_period_ns > 0 ? bank->strobe_delta_ns : 0,
        .strobe_period_ns = bank->strobe_period_ns,
    };
}

uint32_t ord_clock_blind(const struct ord_clock *clock)
{
    return atomic_load_explicit(&clock->page->blind, memory_order_relaxed);
}

bool ord_clock_is_seen(const struct ord_clock *clock)
{
    return atomic_load_explicit(&clock->page->seen, memory_order_relaxed) ==
           index_of(clock);
}
