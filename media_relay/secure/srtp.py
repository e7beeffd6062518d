"""SRTP and SRTCP (RFC 3711) over libsrtp, in place and with its rollover counters at hand.

The library comes with pylibsrtp. That package's own ``Session`` copies every packet twice, refuses more than 1356
bytes, knows four suites and no rollover counter; so its C binding is used here, and nowhere else. ``ctypes`` reaches
the two functions that the binding leaves out, in the same shared object. A contract test holds all of this to what
libsrtp does.

libsrtp makes a context for each SSRC that it meets, after authentication on the receiving side, and finds it by linear
search. Here their number is bounded.
"""

import ctypes
from collections.abc import Mapping
from struct import Struct
from typing import Any, Final, NamedTuple

from pylibsrtp import _binding

from media_relay.secure.suites import MasterKey, Suite

_ffi: Final = _binding.ffi
_lib: Final = _binding.lib
_library: Final = ctypes.CDLL(_binding.__file__)
_library.srtp_set_stream_roc.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32]
_library.srtp_get_stream_roc.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32)]

MAX_TRAILER: Final = 64
"""Bytes that protection adds at most: a tag and SRTCP's index."""
MAX_SOURCES: Final = 128
"""SSRCs of a direction under one key. More come from no telephone."""
REPLAY_WINDOW: Final = 1024
"""Packets; a burst that overtakes others is no replay."""
RTCP_MARGIN: Final = 512
"""Packets that may have been sent after a position was noted: their SRTCP indices must not be used again."""

# srtp_crypto_policy_t of libsrtp 2: cipher, its key and salt, authentication, its key, tag, services.
_CRYPTO_POLICY: Final = Struct("=IiIiiI")
_CIPHERS: Final = {(16, False): 1, (24, False): 4, (32, False): 5, (16, True): 6, (32, True): 7}
_NO_AUTHENTICATION, _HMAC_SHA1 = 0, 3
_HMAC_SHA1_KEY: Final = 20
_RTCP_TAG: Final = 10
_CONFIDENTIAL_AND_AUTHENTICATED: Final = 3

_EMPTY_REPORT: Final = Struct("!BBHI")


class SrtpError(Exception):
    """libsrtp refused a key."""


class Position(NamedTuple):
    """How far a direction has come: what the next packet's index is guessed from (RFC 3711 3.3.1)."""

    rollover: int
    sequence: int
    rtcp_sent: int = 0


class PacketBuffer:
    """Room for one packet, to be protected and unprotected where it is."""

    __slots__ = ("data", "length", "pointer")

    def __init__(self, capacity: int) -> None:
        self.data = bytearray(capacity + MAX_TRAILER)
        self.pointer: Any = _ffi.from_buffer(self.data)
        self.length: Any = _ffi.new("int *")


class _Direction:
    """A libsrtp session with one key. ``positions`` is where each SSRC goes on, for one that began elsewhere."""

    __slots__ = ("_known", "_policy", "_resumed", "_secret", "_session", "key")

    _any_ssrc: int

    def __init__(self, key: MasterKey, positions: Mapping[int, Position] | None = None) -> None:
        """Raises SrtpError."""
        self.key = key
        self._known: dict[bytes, None] = {}  # in the order in which they were met
        self._resumed = dict(positions or {})
        self._secret = _ffi.new("unsigned char[]", key.secret)
        self._policy = _policy(key.suite, self._secret, self._any_ssrc)
        session = _ffi.new("srtp_t *")
        if _lib.srtp_create(session, self._policy) != _lib.srtp_err_status_ok:
            raise SrtpError(f"libsrtp takes no key for {key.suite.name}")
        self._session = _ffi.gc(session, _deallocate)

    def rollover(self, ssrc: int) -> int:
        """How often the sequence number has wrapped; 0 for an SSRC that was not met."""
        found = ctypes.c_uint32()
        status = _library.srtp_get_stream_roc(self._handle, ssrc, ctypes.byref(found))
        if status == _lib.srtp_err_status_ok:
            return found.value
        resumed = self._resumed.get(ssrc)
        return resumed.rollover if resumed else 0

    def positions(self, ssrc: int | None, sequence: int) -> dict[int, Position]:
        """Where another process goes on: with the SSRC whose last packet had this number, and with those still due."""
        found = dict(self._resumed)
        if ssrc is not None:
            found[ssrc] = Position(self.rollover(ssrc), sequence)
        return found

    @property
    def _handle(self) -> int:
        return int(_ffi.cast("uintptr_t", self._session[0]))

    def _begin(self, ssrc: bytes, sequence: int | None) -> None:
        """Note an SSRC, and go on where its stream was: with its rollover counter, and a wrap missed meanwhile.

        ``sequence`` is None in RTCP, which may come first and tells nothing of wraps.
        """
        number = int.from_bytes(ssrc)
        position = self._resumed.get(number)
        if position is not None:
            if ssrc not in self._known:
                policy = _policy(self.key.suite, self._secret, _lib.ssrc_specific)
                policy.ssrc.value = number
                _lib.srtp_add_stream(self._session[0], policy)
                self._continue_rtcp(number, position.rtcp_sent)
            rollover = position.rollover
            if sequence is not None:
                rollover = max(0, rollover + _wraps(position.sequence, sequence))
                del self._resumed[number]
            _library.srtp_set_stream_roc(self._handle, number, rollover)
        self._known[ssrc] = None

    def _continue_rtcp(self, ssrc: int, sent: int) -> None:
        """Nothing to do where indices come with the packets."""


class Unprotector(_Direction):
    """Takes the protection off what arrives. Its methods return the plain size, or 0 for what must be dropped:
    forged, replayed, or in clear."""

    __slots__ = ()

    _any_ssrc = _lib.ssrc_any_inbound

    def unprotect(self, packet: PacketBuffer, size: int) -> int:
        """An RTP packet of ``size`` bytes, at least 12."""
        ssrc = bytes(packet.data[8:12])
        if self._resumed:
            self._begin_if_resumed(ssrc, int.from_bytes(packet.data[2:4]))
        packet.length[0] = size
        if _lib.srtp_unprotect(self._session[0], packet.pointer, packet.length):
            return 0
        if ssrc not in self._known:
            self._note(ssrc)
        return int(packet.length[0])

    def unprotect_rtcp(self, packet: PacketBuffer, size: int) -> int:
        """A compound RTCP packet of ``size`` bytes, at least 8."""
        ssrc = bytes(packet.data[4:8])
        if self._resumed:
            self._begin_if_resumed(ssrc, None)
        packet.length[0] = size
        if _lib.srtp_unprotect_rtcp(self._session[0], packet.pointer, packet.length):
            return 0
        if ssrc not in self._known:
            self._note(ssrc)
        return int(packet.length[0])

    def _begin_if_resumed(self, ssrc: bytes, sequence: int | None) -> None:
        if int.from_bytes(ssrc) in self._resumed:
            self._begin(ssrc, sequence)

    def _note(self, ssrc: bytes) -> None:
        """An SSRC was met, in a packet that is authentic; the oldest one's context is not needed any more."""
        if len(self._known) >= MAX_SOURCES:
            oldest = next(iter(self._known))
            del self._known[oldest]
            _lib.srtp_remove_stream(self._session[0], int.from_bytes(oldest, "little"))  # in network order
        self._known[ssrc] = None


class Protector(_Direction):
    """Protects what leaves. Its methods return the protected size, or 0 for what must not be sent.

    A context cannot be forgotten on this side: its SSRC could return and the same key stream be used twice. So there is
    an end to them.
    """

    __slots__ = ("_rtcp_sent",)

    _any_ssrc = _lib.ssrc_any_outbound

    def __init__(self, key: MasterKey, positions: Mapping[int, Position] | None = None) -> None:
        self._rtcp_sent: dict[int, int] = {}
        super().__init__(key, positions)

    def protect(self, packet: PacketBuffer, size: int) -> int:
        """An RTP packet of ``size`` bytes, at least 12."""
        ssrc = bytes(packet.data[8:12])
        if (ssrc not in self._known or self._resumed) and not self._meet(ssrc, int.from_bytes(packet.data[2:4])):
            return 0
        packet.length[0] = size
        if _lib.srtp_protect(self._session[0], packet.pointer, packet.length):
            return 0
        return int(packet.length[0])

    def protect_rtcp(self, packet: PacketBuffer, size: int) -> int:
        """A compound RTCP packet of ``size`` bytes, at least 8."""
        ssrc = bytes(packet.data[4:8])
        if ssrc not in self._known and not self._meet(ssrc, None):
            return 0
        packet.length[0] = size
        if _lib.srtp_protect_rtcp(self._session[0], packet.pointer, packet.length):
            return 0
        number = int.from_bytes(ssrc)
        self._rtcp_sent[number] = self._rtcp_sent.get(number, 0) + 1
        return int(packet.length[0])

    def _meet(self, ssrc: bytes, sequence: int | None) -> bool:
        """Whether there is room for this SSRC."""
        if ssrc not in self._known and len(self._known) >= MAX_SOURCES:
            return False
        self._begin(ssrc, sequence)
        return True

    def positions(self, ssrc: int | None, sequence: int) -> dict[int, Position]:
        """As above, and how many RTCP packets were sent: no SRTCP index may be used again."""
        found = super().positions(ssrc, sequence)
        for each, sent in self._rtcp_sent.items():
            found[each] = found.get(each, Position(self.rollover(each), 0))._replace(rtcp_sent=sent)
        return found

    def _continue_rtcp(self, ssrc: int, sent: int) -> None:
        """Move SRTCP's index past all that may have been used. libsrtp has no function for it but to protect."""
        if not sent:
            return
        packet = PacketBuffer(_EMPTY_REPORT.size)
        for _ in range(sent + RTCP_MARGIN):
            _EMPTY_REPORT.pack_into(packet.data, 0, 0x80, 201, 1, ssrc)
            packet.length[0] = _EMPTY_REPORT.size
            _lib.srtp_protect_rtcp(self._session[0], packet.pointer, packet.length)
        self._rtcp_sent[ssrc] = sent + RTCP_MARGIN


def _policy(suite: Suite, secret: Any, ssrc_type: int) -> Any:
    policy = _ffi.new("srtp_policy_t *")
    policy.ssrc.type = ssrc_type
    policy.key = secret
    policy.window_size = REPLAY_WINDOW
    cipher = (_CIPHERS[suite.key, suite.is_aead], suite.master)
    for name, tag in (("rtp", suite.tag), ("rtcp", max(suite.tag, _RTCP_TAG))):
        authentication = (_NO_AUTHENTICATION, 0, tag) if suite.is_aead else (_HMAC_SHA1, _HMAC_SHA1_KEY, tag)
        crypto = _CRYPTO_POLICY.pack(*cipher, *authentication, _CONFIDENTIAL_AND_AUTHENTICATED)
        _ffi.buffer(_ffi.addressof(policy, name))[:] = crypto
    return policy


def _deallocate(session: Any) -> None:
    _lib.srtp_dealloc(session[0])


def _wraps(before: int, now: int) -> int:
    """How much the rollover counter has changed between two sequence numbers (RFC 3711 3.3.1)."""
    if now < before - 0x8000:
        return 1
    return -1 if now > before + 0x8000 else 0
