// The packet that the generator sends and the receiver verifies: RTP (RFC 3550 5.1) with 20 ms of PCMU.
//
// The SSRC carries the number of the stream, the first eight bytes of the payload the time of sending
// (CLOCK_MONOTONIC, nanoseconds, host byte order: both ends run on one machine).
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RTP_HEADER 12
#define RTP_PAYLOAD 160
#define RTP_PACKET (RTP_HEADER + RTP_PAYLOAD)
#define RTP_SSRC_BASE 0x11000000u
#define NS_PER_S 1000000000ull

static inline uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static inline void die(const char *what)
{
    perror(what);
    exit(1);
}
