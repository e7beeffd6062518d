// Plain RTP, forwarded where it enters the machine: a program at TC ingress, run by media_relay/forwarding/kernel.py.
//
// A packet to a media port of ours is judged by the port's latch, counted, given the addresses with which it leaves and
// handed to the neighbour it goes to. Whatever is not that simple is passed on to the port's socket, where the
// forwarder in userspace has the whole answer: RTCP, STUN, DTLS, fragments, IP options, the packet that has just been
// learned from, destinations without a known route. Nothing is ever lost here because it was difficult.
//
// Two maps. Userspace writes `streams` (an update replaces one value at a stroke), this program writes `states`. A new
// offer or answer is a new generation in `streams`: the state takes over its latch with the next packet and keeps its
// counters. records.py has the same structures; both sides check their sizes.

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define AF_INET 2
#define AF_INET6 10
#define IP_FRAGMENT 0x3fff  // more fragments, or an offset
#define MAX_EVENT 16  // RTP with a telephone event (RFC 4733): userspace reads those
#define MAX_GAP 3000  // as in media_relay/quality.py, and so are the next two
#define MAX_TRANSIT_STEP_S 5
#define US_PER_S 1000000ull
#define NS_PER_US 1000ull

#define PASS_ON TC_ACT_UNSPEC  // to the next program here, if any, and up the stack to the socket

// IPv4 as in ::ffff:192.0.2.1, so that one key serves both families. Network byte order.
struct address {
	__u32 words[4];
};

struct endpoint {
	struct address host;
	__be16 port;
	__u16 is_known;
};

// What userspace says about a port. With thousands of streams nearly every read of memory misses the caches, so what
// each packet needs stands together at the beginning.
struct stream {
	__u32 slot;
	__u32 generation;
	__u32 clock_rate;
	// The port from which RTP that arrives here leaves, if it is known here, and where its packets go: to the
	// destination in its state or, until that has reached this generation, to the one below; by `next_hop`, as long
	// as that is at the host `routed`.
	__u32 exit_slot;
	__u32 exit_generation;
	__u32 ifindex;
	__u32 mtu;
	struct endpoint exit;
	struct address next_hop;
	struct address routed;
	struct endpoint exit_destination;
	// The latch at the beginning of this generation.
	struct endpoint source;
	struct endpoint destination;
	struct endpoint signalled;
	struct address hint;
	__u32 trust;
	__u64 open_until_ns;
};
_Static_assert(sizeof(struct stream) == 192, "records.py has it so");

// What has happened at a port. `received` counts what was forwarded here; what was passed on counts in `highest` alone,
// for userspace adds what it receives.
struct state {
	struct bpf_spin_lock lock;
	__u32 generation;
	struct endpoint destination;
	struct endpoint source;
	__u64 packets;
	__u64 octets;
	__u64 last_seen_ns;
	__u64 refused;
	__u64 unsent;
	__u32 trust;
	__u32 has_ssrc;
	__u32 ssrc;
	__u32 base;
	__u32 highest;
	__u32 received;
	__u32 lost_before;
	__u32 timestamp;
	__u32 transit;
	__u32 jitter;  // in 1/16 of a timestamp unit (RFC 3550 A.8)
};
_Static_assert(sizeof(struct state) == 128, "records.py has it so");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);  // set when loaded
	__type(key, struct endpoint);
	__type(value, struct stream);
} streams SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);  // set when loaded
	__type(key, __u32);
	__type(value, struct state);
} states SEC(".maps");

struct rtp {
	__u8 version;
	__u8 payload_type;
	__be16 sequence;
	__be32 timestamp;
	__be32 ssrc;
};

// A packet as it has arrived. `length` is that of the IP packet, `udp_at` where its UDP header begins.
struct packet {
	struct endpoint source;
	struct endpoint local;
	__u32 udp_at;
	__u32 length;
	__u32 octets;
	__u32 timestamp;
	__u32 ssrc;
	__u16 sequence;
	bool is_ip6;
};

// media_relay/latching.py says what they mean.
enum trust { NOBODY, STRANGER, SIGNALLING_HOST, MEDIA_HOST, MEDIA_ADDRESS };

enum verdict { KNOWN, LEARNED, REFUSED };

static __always_inline bool same_host(const struct address *a, const struct address *b)
{
	return a->words[0] == b->words[0] && a->words[1] == b->words[1] && a->words[2] == b->words[2] &&
	       a->words[3] == b->words[3];
}

static __always_inline bool same_endpoint(const struct endpoint *a, const struct endpoint *b)
{
	return a->is_known == b->is_known && a->port == b->port && same_host(&a->host, &b->host);
}

static __always_inline void set_mapped(struct address *address, __be32 ip4)
{
	address->words[0] = address->words[1] = 0;
	address->words[2] = bpf_htonl(0xffff);
	address->words[3] = ip4;
}

static __always_inline void set_ip6(struct address *address, const struct in6_addr *ip6)
{
	__builtin_memcpy(address->words, ip6, sizeof(address->words));
}

static __always_inline bool is_link_local(const struct in6_addr *ip6)
{
	return (ip6->s6_addr32[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

// Reads the IP header; false for all that is not one whole UDP packet with a plain header and a hop left to go.
static __always_inline bool parse_ip(struct __sk_buff *skb, struct packet *packet)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *ethernet = data;
	if ((void *)(ethernet + 1) > end)
		return false;
	if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(ethernet + 1);
		if ((void *)(ip + 1) > end || ip->ihl != 5 || ip->protocol != IPPROTO_UDP || ip->ttl <= 1 ||
		    ip->frag_off & bpf_htons(IP_FRAGMENT))
			return false;
		set_mapped(&packet->source.host, ip->saddr);
		set_mapped(&packet->local.host, ip->daddr);
		packet->udp_at = sizeof(*ethernet) + sizeof(*ip);
		packet->length = bpf_ntohs(ip->tot_len);
		return true;
	}
	if (ethernet->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = (void *)(ethernet + 1);
		// A link-local source needs its interface to be answered: that is the socket's affair.
		if ((void *)(ip + 1) > end || ip->nexthdr != IPPROTO_UDP || ip->hop_limit <= 1 ||
		    is_link_local(&ip->saddr))
			return false;
		set_ip6(&packet->source.host, &ip->saddr);
		set_ip6(&packet->local.host, &ip->daddr);
		packet->udp_at = sizeof(*ethernet) + sizeof(*ip);
		packet->length = sizeof(*ip) + bpf_ntohs(ip->payload_len);
		packet->is_ip6 = true;
		return true;
	}
	return false;
}

// The helper reads, because the verifier wants CAP_PERFMON for a pointer with an offset that varies.
static __always_inline bool parse_udp(struct __sk_buff *skb, struct packet *packet)
{
	struct udphdr udp;
	if (bpf_skb_load_bytes(skb, packet->udp_at, &udp, sizeof(udp)))
		return false;
	packet->source.port = udp.source;
	packet->source.is_known = true;
	packet->local.port = udp.dest;
	packet->local.is_known = true;
	__u32 length = bpf_ntohs(udp.len), before = packet->udp_at - sizeof(struct ethhdr);
	packet->octets = length - sizeof(udp);
	// IPv6 wants a checksum (RFC 8200 8.1); the stack drops and counts what has none.
	return length >= sizeof(udp) && packet->length == before + length && skb->len >= packet->udp_at + length &&
	       !(packet->is_ip6 && !udp.check);
}

// Whether it is RTP and not RTCP (RFC 5761 4), STUN or DTLS (RFC 7983 7), nor as small as a telephone event.
static __always_inline bool parse_rtp(struct __sk_buff *skb, struct packet *packet)
{
	struct rtp rtp;
	if (packet->octets <= MAX_EVENT ||
	    bpf_skb_load_bytes(skb, packet->udp_at + sizeof(struct udphdr), &rtp, sizeof(rtp)))
		return false;
	__u8 type = rtp.payload_type & 0x7f;
	packet->sequence = bpf_ntohs(rtp.sequence);
	packet->timestamp = bpf_ntohl(rtp.timestamp);
	packet->ssrc = bpf_ntohl(rtp.ssrc);
	return rtp.version >> 6 == 2 && !(type >= 64 && type <= 95);
}

static __always_inline __u32 trust_in(const struct stream *stream, const struct endpoint *source)
{
	if (stream->signalled.is_known && same_host(&stream->signalled.host, &source->host))
		return stream->signalled.port == source->port ? MEDIA_ADDRESS : MEDIA_HOST;
	return same_host(&stream->hint, &source->host) ? SIGNALLING_HOST : STRANGER;
}

// Latch.admit of media_relay/latching.py. Under the state's lock.
static __always_inline enum verdict admit(struct state *state, const struct stream *stream,
					  const struct endpoint *source, __u64 now_ns)
{
	if (state->generation != stream->generation) {
		state->generation = stream->generation;
		state->source = stream->source;
		state->destination = stream->destination;
		state->trust = stream->trust;
	}
	if (same_endpoint(&state->source, source))
		return KNOWN;
	__u32 trust = trust_in(stream, source);
	bool is_open = now_ns <= stream->open_until_ns;
	if (trust <= state->trust || !(is_open || (state->trust == NOBODY && trust > STRANGER)))
		return REFUSED;
	state->trust = trust;
	state->source = *source;
	state->destination = *source;
	return LEARNED;
}

// Reception.count of media_relay/quality.py. Under the state's lock. `arrival` is in timestamp units.
static __always_inline void track(struct state *state, const struct packet *packet, __u32 arrival, __u32 clock_rate,
				  bool is_received)
{
	__u32 step = (__u16)(packet->sequence - (__u16)state->highest);
	__u32 transit = arrival - packet->timestamp;
	if (!state->has_ssrc || state->ssrc != packet->ssrc || (step > MAX_GAP && step < 0x10000 - MAX_GAP)) {
		__s32 lost = state->has_ssrc ? (__s32)(state->highest - state->base + 1 - state->received) : 0;
		state->lost_before += lost;
		state->has_ssrc = true;
		state->ssrc = packet->ssrc;
		state->base = state->highest = packet->sequence;
		state->received = is_received;
		state->timestamp = packet->timestamp;
		state->transit = transit;
		return;
	}
	state->received += is_received;
	if (step < 0x8000)
		state->highest += step;
	if (packet->timestamp != state->timestamp) {
		__s32 deviation = (__s32)(transit - state->transit);
		__u32 size = deviation < 0 ? -deviation : deviation;
		if (size < MAX_TRANSIT_STEP_S * clock_rate)
			state->jitter += size - ((state->jitter + 8) >> 4);
		state->transit = transit;
		state->timestamp = packet->timestamp;
	}
}

// Where what arrives at `stream` goes now.
static __always_inline bool read_destination(const struct stream *stream, struct endpoint *destination)
{
	struct state *exit = bpf_map_lookup_elem(&states, &stream->exit_slot);
	if (!exit)
		return false;
	bpf_spin_lock(&exit->lock);
	bool is_current = exit->generation == stream->exit_generation;
	*destination = exit->destination;
	bpf_spin_unlock(&exit->lock);
	if (!is_current)
		*destination = stream->exit_destination;
	return true;
}

// RFC 1624: a header checksum after `difference` (bpf_csum_diff) was made to what it covers.
static __always_inline __u16 adjusted(__u16 checksum, __u32 difference)
{
	__u32 sum = (__u16)~checksum + (difference & 0xffff) + (difference >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

// Brings the UDP checksum in line with new ports and, by `difference`, new addresses. Where the device is to fill the
// checksum in, only the addresses belong to what stands there now; the helper knows. No checksum (IPv4) stays none.
static __always_inline bool replace_udp_checksum(struct __sk_buff *skb, __u32 udp_at, __u32 difference,
						 __u32 old_ports, __u32 new_ports)
{
	__u32 at = udp_at + offsetof(struct udphdr, check);
	return !bpf_l4_csum_replace(skb, at, 0, difference, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0) &&
	       !bpf_l4_csum_replace(skb, at, old_ports, new_ports, BPF_F_MARK_MANGLED_0 | sizeof(__u32));
}

static __always_inline __u32 ports_word(const struct endpoint *source, const struct endpoint *destination)
{
	return source->port | (__u32)destination->port << 16;
}

static __always_inline bool write_ip4(struct __sk_buff *skb, __u32 difference, const struct endpoint *from,
				      const struct endpoint *to)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);
	struct udphdr *udp = (void *)(ip + 1);
	if ((void *)(udp + 1) > end)
		return false;
	ip->saddr = from->host.words[3];
	ip->daddr = to->host.words[3];
	ip->ttl--;
	// One less in the word's high byte takes as much from the sum.
	ip->check = adjusted(adjusted(ip->check, difference), (__u16)~bpf_htons(0x0100));
	udp->source = from->port;
	udp->dest = to->port;
	return true;
}

static __always_inline bool write_ip6(struct __sk_buff *skb, __u32 difference, const struct endpoint *from,
				      const struct endpoint *to)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv6hdr *ip = data + sizeof(struct ethhdr);
	struct udphdr *udp = (void *)(ip + 1);
	if ((void *)(udp + 1) > end)
		return false;
	__builtin_memcpy(&ip->saddr, from->host.words, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, to->host.words, sizeof(ip->daddr));
	ip->hop_limit--;
	udp->source = from->port;
	udp->dest = to->port;
	// A device may have summed the whole packet. bpf_l4_csum_replace has taken the addresses out of that sum, as is
	// right for IPv4, whose header checksum makes up for them; here UDP's does. The hop limit nothing makes up for.
	bpf_csum_update(skb, difference);
	bpf_csum_update(skb, (__u16)~bpf_htons(0x0001));
	return true;
}

static __always_inline bool rewrite(struct __sk_buff *skb, const struct packet *packet, const struct endpoint *from,
				    const struct endpoint *to)
{
	__u32 old_ports = ports_word(&packet->source, &packet->local), new_ports = ports_word(from, to);
	__u32 difference;
	if (packet->is_ip6) {
		struct address old[2] = {packet->source.host, packet->local.host}, new[2] = {from->host, to->host};
		difference = bpf_csum_diff((void *)old, sizeof(old), (void *)new, sizeof(new), 0);
	} else {
		__be32 old[2] = {packet->source.host.words[3], packet->local.host.words[3]};
		__be32 new[2] = {from->host.words[3], to->host.words[3]};
		difference = bpf_csum_diff(old, sizeof(old), new, sizeof(new), 0);
	}
	if (!replace_udp_checksum(skb, packet->udp_at, difference, old_ports, new_ports))
		return false;
	return packet->is_ip6 ? write_ip6(skb, difference, from, to) : write_ip4(skb, difference, from, to);
}

static __always_inline int send_to_next_hop(const struct stream *stream, bool is_ip6)
{
	struct bpf_redir_neigh next_hop = {};
	next_hop.nh_family = is_ip6 ? AF_INET6 : AF_INET;
	if (is_ip6)
		__builtin_memcpy(next_hop.ipv6_nh, stream->next_hop.words, sizeof(next_hop.ipv6_nh));
	else
		next_hop.ipv4_nh = stream->next_hop.words[3];
	return bpf_redirect_neigh(stream->ifindex, &next_hop, sizeof(next_hop), 0);
}

SEC("tc")
int pinhole_relay(struct __sk_buff *skb)
{
	struct packet packet = {};
	// Tagged frames belong to another interface, and several packets in one (GRO) are cut apart on the way up.
	if (skb->pkt_type != PACKET_HOST || skb->vlan_present || skb->gso_size || !parse_ip(skb, &packet) ||
	    !parse_udp(skb, &packet))
		return PASS_ON;
	struct stream *stream = bpf_map_lookup_elem(&streams, &packet.local);
	if (!stream || !stream->exit.is_known || !parse_rtp(skb, &packet))
		return PASS_ON;
	struct state *state = bpf_map_lookup_elem(&states, &stream->slot);
	struct endpoint destination = {};
	if (!state || !read_destination(stream, &destination))
		return PASS_ON;
	bool is_routed = stream->ifindex && packet.length <= stream->mtu && same_host(&destination.host, &stream->routed);
	bool is_done = is_routed || !destination.is_known;  // otherwise userspace sends it

	__u64 now_ns = bpf_ktime_get_ns();
	__u32 arrival = now_ns / NS_PER_US * stream->clock_rate / US_PER_S;
	bpf_spin_lock(&state->lock);
	enum verdict verdict = admit(state, stream, &packet.source, now_ns);
	if (verdict == REFUSED) {
		state->refused++;
	} else {
		is_done = is_done && verdict == KNOWN;
		track(state, &packet, arrival, stream->clock_rate, is_done);
		if (is_done) {
			state->packets++;
			state->octets += packet.octets;
			state->last_seen_ns = now_ns;
			state->unsent += !destination.is_known;
		}
	}
	bpf_spin_unlock(&state->lock);

	if (verdict == REFUSED)
		return TC_ACT_SHOT;
	if (!is_done)
		return PASS_ON;
	if (!destination.is_known || !rewrite(skb, &packet, &stream->exit, &destination))
		return TC_ACT_SHOT;
	return send_to_next_hop(stream, packet.is_ip6);
}
