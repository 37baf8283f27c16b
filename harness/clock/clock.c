#include "harness/clock/clock.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/clock/page.h"

enum { PPM = 1000000 };

static const int64_t ahead_ns = 1 * ORD_MS; /* a new law begins so far ahead */

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

static int64_t host_ns(enum ord_clock_kind kind)
{
    struct timespec now;

    (void)clock_gettime(
        kind == ORD_CLOCK_MONO ? CLOCK_MONOTONIC : CLOCK_REALTIME, &now);
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
    const struct ord_clock_law *law = ord_clock_law(bank, kind);
    int64_t from_ns = host_ns(kind) + ahead_ns;

    return (struct ord_clock_law){.from_ns = from_ns,
                                  .offset_ns = ord_clock_under(law, from_ns),
                                  .rate_q32 = law->rate_q32};
}

static struct ord_clock_bank next_bank(const struct ord_clock *clock)
{
    return (struct ord_clock_bank){
        .real = continued(clock, ORD_CLOCK_REAL),
        .mono = continued(clock, ORD_CLOCK_MONO),
    };
}

/* One store puts it in force.  It returns once the laws have begun, so that
 * the bank before is never needed for longer than until the next change. */
static void change(struct ord_clock *clock, const struct ord_clock_bank *bank)
{
    uint32_t index = index_of(clock) + 1;

    clock->page->banks[index % ORD_CLOCK_BANKS] = *bank;
    atomic_store_explicit(&clock->page->index, index, memory_order_release);
    pause_ns(ahead_ns + ahead_ns / 4);
}

void ord_clock_jump(struct ord_clock *clock, int64_t by_ns)
{
    struct ord_clock_bank bank = next_bank(clock);

    bank.real.offset_ns += by_ns;
    change(clock, &bank);
}

void ord_clock_jump_mono(struct ord_clock *clock, int64_t by_ns)
{
    struct ord_clock_bank bank = next_bank(clock);

    bank.mono.offset_ns += by_ns;
    change(clock, &bank);
}

void ord_clock_drift(struct ord_clock *clock, int64_t rate_ppm)
{
    struct ord_clock_bank bank = next_bank(clock);
    int64_t rate = (int64_t)((ord_wide)rate_ppm * (INT64_C(1) << 32) / PPM);

    ORD_ASSERT(rate_ppm >= -900000);
    ORD_ASSERT(rate_ppm <= 10000000);
    bank.real.rate_q32 = rate;
    bank.mono.rate_q32 = rate;
    change(clock, &bank);
}

void ord_clock_strobe(struct ord_clock *clock, int64_t delta_ns,
                      int64_t period_ns, int64_t for_ns)
{
    struct ord_clock_bank bank = next_bank(clock);

    ORD_ASSERT(period_ns > 0);
    bank.strobe_from_ns = bank.real.from_ns;
    bank.strobe_until_ns = bank.real.from_ns + for_ns;
    bank.strobe_period_ns = period_ns;
    bank.strobe_delta_ns = delta_ns;
    change(clock, &bank);
}

void ord_clock_reset(struct ord_clock *clock)
{
    struct ord_clock_bank bank = next_bank(clock);

    bank.real.offset_ns = 0;
    bank.real.rate_q32 = 0;
    bank.mono.rate_q32 = 0;
    change(clock, &bank);
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

    return bank->real.offset_ns == 0 && bank->real.rate_q32 == 0 &&
           bank->mono.rate_q32 == 0 && bank->strobe_period_ns == 0;
}

bool ord_clock_is_seen(const struct ord_clock *clock)
{
    return atomic_load_explicit(&clock->page->seen, memory_order_relaxed) ==
           index_of(clock);
}
