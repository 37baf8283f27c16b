/* stub.c -- see stub.h.
 *
 * Everything in the section ord_stub is copied into foreign processes as it
 * stands: it may call nothing outside, have no constants of its own and touch
 * no vector register.  CMakeLists.txt compiles it so, without sanitizers.
 */
#include "harness/clock/stub.h"

#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "harness/clock/page.h"

#define STUB                                                                   \
    __attribute__((section("ord_stub"), used, noinline, visibility("hidden")))
#define INLINE static inline __attribute__((always_inline))

typedef long vdso_gettime(long clock, struct timespec *out);

/* The linker makes these for a section whose name is an identifier. */
extern const char __start_ord_stub[];
extern const char __stop_ord_stub[];

/* Their addresses are all that is used here. */
long ord_stub_gettime(long clock, struct timespec *out);
long ord_stub_gettimeofday(struct timeval *out, struct timezone *zone);
long ord_stub_time(long *out);

INLINE long kernel_gettime(long clock, struct timespec *out)
{
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"((long)SYS_clock_gettime), "D"(clock), "S"(out)
                     : "rcx", "r11", "memory");
    return result;
}

/* The host's clock, by the moved vDSO where it was moved. */
INLINE long host_gettime(long clock, struct timespec *out)
{
    const struct ord_clock_head *head =
        (const struct ord_clock_head *)ORD_CLOCK_CODE;

    if (head->gettime == 0)
        return kernel_gettime(clock, out);
    return ((vdso_gettime *)head->gettime)(clock, out);
}

INLINE void put(struct timespec *out, int64_t time_ns)
{
    int64_t seconds = time_ns / ORD_CLOCK_S;
    int64_t rest = time_ns % ORD_CLOCK_S;

    if (rest < 0) {
        rest += ORD_CLOCK_S;
        seconds--;
    }
    out->tv_sec = seconds;
    out->tv_nsec = rest;
}

STUB long ord_stub_gettime(long clock, struct timespec *out)
{
    struct ord_clock_page *page = (struct ord_clock_page *)ORD_CLOCK_DATA;
    enum ord_clock_kind kind = ord_clock_kind(clock);
    int64_t time_ns;
    uint32_t index;
    long result;

    /* Until no change came between: after a long stop in here (SIGSTOP) the
     * banks may hold other laws. */
    do {
        index = atomic_load_explicit(&page->index, memory_order_acquire);
        result = host_gettime(clock, out);
        if (result != 0 || kind == ORD_CLOCK_OTHER)
            return result;
        time_ns = out->tv_sec * ORD_CLOCK_S + out->tv_nsec;
        time_ns += ord_clock_skew(page, index, kind, time_ns);
        atomic_thread_fence(memory_order_acquire);
    } while (index != atomic_load_explicit(&page->index, memory_order_relaxed));
    put(out, time_ns);
    if (atomic_load_explicit(&page->seen, memory_order_relaxed) != index)
        atomic_store_explicit(&page->seen, index, memory_order_relaxed);
    return 0;
}

STUB long ord_stub_gettimeofday(struct timeval *out, struct timezone *zone)
{
    struct timespec now;
    long result = ord_stub_gettime(CLOCK_REALTIME, &now);

    if (result != 0)
        return result;
    if (out != NULL) {
        out->tv_sec = now.tv_sec;
        out->tv_usec = now.tv_nsec / 1000;
    }
    if (zone != NULL) {
        zone->tz_minuteswest = 0;
        zone->tz_dsttime = 0;
    }
    return 0;
}

STUB long ord_stub_time(long *out)
{
    struct timespec now;
    long result = ord_stub_gettime(CLOCK_REALTIME_COARSE, &now);

    if (result != 0)
        return result;
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}

const void *ord_clock_stub(size_t *size)
{
    *size = (size_t)(__stop_ord_stub - __start_ord_stub);
    return __start_ord_stub;
}

static size_t place_of(const void *entry)
{
    return (size_t)((const char *)entry - __start_ord_stub);
}

struct ord_clock_entries ord_clock_stub_entries(void)
{
    return (struct ord_clock_entries){
        .gettime = place_of((const void *)(uintptr_t)ord_stub_gettime),
        .gettimeofday =
            place_of((const void *)(uintptr_t)ord_stub_gettimeofday),
        .time = place_of((const void *)(uintptr_t)ord_stub_time),
    };
}
