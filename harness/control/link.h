/* link.h -- one direction of one cable: what the wire does to its frames.
 *
 * Plain data.  Port 0 is the clients, port i is node i (1..64).  Probabilities
 * are parts per million, so that they mean the same on every machine.
 */
#ifndef ORD_CONTROL_LINK_H
#define ORD_CONTROL_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/limits.h"

enum {
    ORD_PPM = 1000000,           /* certainty */
    ORD_CLOG_SIZE_MAX = 8 << 20, /* bytes that a clogged link holds */
};

struct ord_link {
    bool up;    /* false: every frame is dropped, also queued ones */
    bool clog;  /* true: all are held, and go at once when it is false again;
                   beyond ORD_CLOG_SIZE_MAX the newest are dropped */
    bool reset; /* connections open when it comes are reset, once */
    uint32_t reset_ppm; /* that a packet of a TCP connection, SYN apart, is
                           swallowed and both ends get a reset for it */
    uint32_t delay_us;  /* added to every frame */
    uint32_t jitter_us; /* up to so much more, uniform; keeps the order */
    uint32_t loss_ppm;
    uint32_t loss_burst; /* mean length of a run of losses; 0, 1: by chance */
    uint32_t duplicate_ppm;
    uint32_t reorder_ppm;        /* overtakes what is delayed: needs a delay */
    uint32_t corrupt_ppm;        /* one bit flipped, for the checksum to find */
    uint32_t corrupt_silent_ppm; /* one bit of payload, checksum made anew */
    uint64_t rate_bit_s;         /* 0: no limit; 200 ms of queue, then loss */
    uint64_t bytes_max; /* of IP: then nothing passes; 0: no limit.  Counted
                           from the commit that brings it */
};

/* A link that does nothing to its frames. */
static inline struct ord_link ord_link_plain(void)
{
    return (struct ord_link){.up = true};
}

/* What became of the frames of one link since the start.  A frame is counted
 * once under passed or under one of cut, lost, over, spent and swallowed; the
 * others are in addition.  Frames that TCP offload has put together count as
 * one, unless the link loses, reorders, duplicates, corrupts or limits: then
 * they are cut into real ones first. */
struct ord_link_counts {
    uint64_t passed;
    uint64_t bytes; /* of IP, of the passed frames */
    uint64_t cut;   /* dropped because the link was down */
    uint64_t lost;  /* by loss_ppm */
    uint64_t over;  /* beyond rate_bit_s, the clog's or the switch's memory */
    uint64_t spent; /* beyond bytes_max */
    uint64_t swallowed; /* of connections that were reset */
    uint64_t delayed;
    uint64_t held;      /* by a clog */
    uint64_t waited;    /* passed after a wait in the switch, */
    uint64_t waited_ns; /* of so much in all, as measured */
    uint64_t duplicated;
    uint64_t reordered; /* overtook one that was before them */
    uint64_t corrupted;
    uint64_t corrupted_silent;
    uint64_t reset;   /* connections, each counted once */
    uint64_t foreign; /* from a port to itself: what the switch carries to
                         nobody, as IPv6, ARP, unknown addresses */
};

#endif
