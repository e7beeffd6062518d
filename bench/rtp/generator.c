// RTP generator: one socket a stream, every stream at the same pace, in turn.
//
// usage: generator ADDRESS FIRST_PORT RATE SECONDS FIRST_SEQUENCE < TARGETS
//   ADDRESS FIRST_PORT  stream i is sent from ADDRESS, FIRST_PORT + 2 * i
//   RATE                packets a second, all streams together
//   FIRST_SEQUENCE      sequence number of every stream's first packet
//   TARGETS             one line a stream: address port
// prints: packets sent
#define _GNU_SOURCE
#include "rtp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define MAX_STREAMS 8192
#define TICK_NS 250000ull

static int sockets[MAX_STREAMS];
static uint8_t packets[MAX_STREAMS][RTP_PACKET];

static int open_stream(const char *address, int port, const char *target, int target_port)
{
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in remote = {.sin_family = AF_INET, .sin_port = htons(target_port)};
    if (inet_pton(AF_INET, address, &local.sin_addr) != 1 || inet_pton(AF_INET, target, &remote.sin_addr) != 1)
        die("address");
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, (void *)&local, sizeof local) || connect(fd, (void *)&remote, sizeof remote))
        die("stream socket");
    return fd;
}

static void prepare_packet(uint8_t *packet, int stream)
{
    uint32_t ssrc = htonl(RTP_SSRC_BASE + stream);
    packet[0] = 0x80; // version 2, no padding, no extension, no CSRC
    packet[1] = 0;    // no marker, payload type 0
    memcpy(packet + 8, &ssrc, 4);
    memset(packet + RTP_HEADER, 0xd5, RTP_PAYLOAD);
}

static int send_packet(int stream, uint32_t sequence)
{
    uint8_t *packet = packets[stream];
    uint16_t wire_sequence = htons(sequence);
    uint32_t wire_timestamp = htonl(sequence * RTP_PAYLOAD);
    uint64_t sent_at = now_ns();
    memcpy(packet + 2, &wire_sequence, 2);
    memcpy(packet + 4, &wire_timestamp, 4);
    memcpy(packet + RTP_HEADER, &sent_at, 8);
    return send(sockets[stream], packet, RTP_PACKET, 0) == RTP_PACKET;
}

static void sleep_until(uint64_t when)
{
    struct timespec t = {.tv_sec = when / NS_PER_S, .tv_nsec = when % NS_PER_S};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

int main(int count, char **arguments)
{
    if (count != 6) {
        fprintf(stderr, "usage: %s ADDRESS FIRST_PORT RATE SECONDS FIRST_SEQUENCE < TARGETS\n", arguments[0]);
        return 2;
    }
    int first_port = atoi(arguments[2]);
    double rate = atof(arguments[3]), seconds = atof(arguments[4]);
    uint32_t sequence = strtoul(arguments[5], NULL, 10);
    struct rlimit files = {MAX_STREAMS + 64, MAX_STREAMS + 64};
    setrlimit(RLIMIT_NOFILE, &files);
    prctl(PR_SET_TIMERSLACK, 1);

    char target[INET_ADDRSTRLEN];
    int target_port, streams = 0;
    while (streams < MAX_STREAMS && scanf("%15s %d", target, &target_port) == 2) {
        sockets[streams] = open_stream(arguments[1], first_port + 2 * streams, target, target_port);
        prepare_packet(packets[streams], streams);
        streams++;
    }
    if (streams == 0)
        return 2;

    uint64_t total = rate * seconds, done = 0, sent = 0;
    uint64_t start = now_ns();
    for (int stream = 0; done < total;) {
        uint64_t due = (now_ns() - start) * 1e-9 * rate + 1;
        for (; done < due && done < total; done++) {
            sent += send_packet(stream, sequence);
            if (++stream == streams) {
                stream = 0;
                sequence++;
            }
        }
        sleep_until(now_ns() + TICK_NS);
    }
    printf("%lu\n", sent);
    return 0;
}
