// Verifying RTP receiver: one socket a stream, every packet checked.
//
// usage: receiver ADDRESS FIRST_PORT STREAMS   (stream i arrives at ADDRESS, FIRST_PORT + 2 * i)
// Ends when nothing has come for QUIET_MS after the first packet, or for START_MS before it.
// prints "ready" once every port is bound; at the end: packets, missing (by sequence number), late or repeated,
//   wrong (size, version or stream), 99th percentile of the transit time in microseconds
#define _GNU_SOURCE
#include "rtp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define MAX_STREAMS 8192
#define BATCH 32
#define BUFFER 2048
#define QUIET_MS 500
#define START_MS 8000
#define SOCKET_BUFFER (1 << 20)
#define TRANSIT_STEP_US 10
#define TRANSIT_STEPS 100000 // the last one takes all above 1 s

static int sockets[MAX_STREAMS];
static int last_sequence[MAX_STREAMS]; // -1: none yet
static uint64_t transits[TRANSIT_STEPS];
static uint64_t packets, missing, late, wrong;

static int open_stream(const char *address, int port)
{
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(port)};
    int size = SOCKET_BUFFER, fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (inet_pton(AF_INET, address, &local.sin_addr) != 1 || fd < 0)
        die("socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (bind(fd, (void *)&local, sizeof local))
        die("bind");
    return fd;
}

static void count_transit(const uint8_t *packet)
{
    uint64_t sent_at;
    memcpy(&sent_at, packet + RTP_HEADER, 8);
    uint64_t step = (now_ns() - sent_at) / 1000 / TRANSIT_STEP_US;
    transits[step < TRANSIT_STEPS ? step : TRANSIT_STEPS - 1]++;
}

static void check(const uint8_t *packet, unsigned size, int stream)
{
    uint32_t ssrc;
    memcpy(&ssrc, packet + 8, 4);
    packets++;
    if (size != RTP_PACKET || packet[0] != 0x80 || ntohl(ssrc) != RTP_SSRC_BASE + stream) {
        wrong++;
        return;
    }
    int sequence = packet[2] << 8 | packet[3];
    if (last_sequence[stream] >= 0) {
        int step = (sequence - last_sequence[stream]) & 0xffff;
        if (step == 0 || step > 0x8000) {
            late++;
            return;
        }
        missing += step - 1;
    }
    last_sequence[stream] = sequence;
    count_transit(packet);
}

static void drain(int stream)
{
    static uint8_t buffers[BATCH][BUFFER];
    static struct iovec parts[BATCH];
    static struct mmsghdr messages[BATCH];
    for (int i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){.iov_base = buffers[i], .iov_len = BUFFER};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    int got;
    do {
        got = recvmmsg(sockets[stream], messages, BATCH, 0, NULL);
        for (int i = 0; i < got; i++)
            check(buffers[i], messages[i].msg_len, stream);
    } while (got == BATCH);
}

static uint64_t transit_us(double share)
{
    uint64_t total = 0, below = 0;
    for (int step = 0; step < TRANSIT_STEPS; step++)
        total += transits[step];
    for (int step = 0; step < TRANSIT_STEPS; step++) {
        below += transits[step];
        if (total && below >= share * total)
            return (uint64_t)(step + 1) * TRANSIT_STEP_US;
    }
    return 0;
}

int main(int count, char **arguments)
{
    int streams = count == 4 ? atoi(arguments[3]) : 0;
    if (streams < 1 || streams > MAX_STREAMS) {
        fprintf(stderr, "usage: %s ADDRESS FIRST_PORT STREAMS\n", arguments[0]);
        return 2;
    }
    struct rlimit files = {MAX_STREAMS + 64, MAX_STREAMS + 64};
    setrlimit(RLIMIT_NOFILE, &files);
    int poll = epoll_create1(0);
    for (int i = 0; i < streams; i++) {
        sockets[i] = open_stream(arguments[1], atoi(arguments[2]) + 2 * i);
        last_sequence[i] = -1;
        struct epoll_event interest = {.events = EPOLLIN, .data.u32 = i};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, sockets[i], &interest))
            die("epoll_ctl");
    }
    puts("ready");
    fflush(stdout);
    struct epoll_event ready[256];
    int ready_count;
    while ((ready_count = epoll_wait(poll, ready, 256, packets ? QUIET_MS : START_MS)) > 0)
        for (int i = 0; i < ready_count; i++)
            drain(ready[i].data.u32);
    printf("%lu %lu %lu %lu %lu\n", packets, missing, late, wrong, transit_us(0.99));
    return 0;
}
