"""A telephone in a process of its own: pjsua2 driven by JSON lines on stdin, answering with JSON lines on stdout.

pjsua2 shares nothing with Pinhole's SIP code, so whatever works between the two is not a common mistake. It is C++ with
global state that ends the process on errors of use, hence the separate process. `ops.phone.Phone` is the other end.

A request is ``{"id": 1, "do": "call", ...}``; its reply has the same ``id`` and either results or ``error``. Events
have ``event`` instead: ``registration``, ``incoming``, ``call`` (state, status, reason), ``media``, ``dtmf``. One call
at a time.
"""

import contextlib
import json
import os
import select
from typing import Any, TextIO

import pjsua2 as pj

_POLL_MS = 10
_CLOCK_RATE = 8000

_STATES = {
    pj.PJSIP_INV_STATE_CALLING: "calling",
    pj.PJSIP_INV_STATE_INCOMING: "incoming",
    pj.PJSIP_INV_STATE_EARLY: "early",
    pj.PJSIP_INV_STATE_CONNECTING: "connecting",
    pj.PJSIP_INV_STATE_CONFIRMED: "confirmed",
    pj.PJSIP_INV_STATE_DISCONNECTED: "disconnected",
}


class _Call(pj.Call):  # type: ignore[misc]  # pjsua2 has no type hints
    """The call of the agent; its callbacks only note things, pjsua2 does not like calls made from inside them."""

    def __init__(self, agent: "Agent", account: Any, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(account, call_id)
        self._agent = agent
        self.player: Any = None
        self.recorder: Any = None

    def onCallState(self, prm: Any) -> None:  # noqa: N802  # pjsua2's name
        """Forget the call when it is over, or its slot would be hung up for its successor; tell the other end."""
        info = self.getInfo()
        state = _STATES.get(info.state, info.stateText.lower())
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.player = self.recorder = None
            self._agent.call = None
        self._agent.tell(event="call", state=state, status=info.lastStatusCode, reason=info.lastReason)

    def onCallMediaState(self, prm: Any) -> None:  # noqa: N802  # pjsua2's name
        """Connect what is to be played and recorded as soon as audio flows; again after each re-INVITE."""
        info = self.getInfo()
        for media in info.media:
            active = media.status == pj.PJSUA_CALL_MEDIA_ACTIVE
            if media.type == pj.PJMEDIA_TYPE_AUDIO and active:
                self._agent.connect_audio(self, self.getAudioMedia(media.index))
                self._agent.tell(event="media", active=True)

    def onDtmfDigit(self, prm: Any) -> None:  # noqa: N802  # pjsua2's name
        """A digit by RFC 4733 or INFO."""
        self._agent.tell(event="dtmf", digit=prm.digit)


class _Account(pj.Account):  # type: ignore[misc]  # pjsua2 has no type hints
    def __init__(self, agent: "Agent") -> None:
        super().__init__()
        self._agent = agent

    def onRegState(self, prm: Any) -> None:  # noqa: N802  # pjsua2's name
        self._agent.tell(event="registration", status=prm.code, reason=prm.reason, expires=prm.expiration)

    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802  # pjsua2's name
        call = _Call(self._agent, self, prm.callId)
        if self._agent.call is not None:
            call.hangup(_with_status(pj.PJSIP_SC_BUSY_HERE))
            return
        self._agent.call = call
        self._agent.tell(event="incoming", remote=call.getInfo().remoteUri)


class Agent:
    """The telephone: one account, one call. Each ``do_*`` method is a request; its keyword arguments are the fields."""

    def __init__(self, output: TextIO) -> None:
        self.call: _Call | None = None
        self._output = output
        self._account: _Account | None = None
        self._address = "127.0.0.1"
        self._port = 0
        self._registered = False
        self._play = ""
        self._record = ""
        self._endpoint = pj.Endpoint()
        self._running = True

    def run(self) -> None:
        """Serve requests until ``quit`` or the end of stdin."""
        pending = b""
        while self._running:
            if self._endpoint.libGetState() == pj.PJSUA_STATE_RUNNING:
                self._endpoint.libHandleEvents(_POLL_MS)
                timeout_s = 0.0
            else:
                timeout_s = 1.0
            if select.select([0], [], [], timeout_s)[0]:
                received = os.read(0, 65536)
                *lines, pending = (pending + received).split(b"\n")
                for line in lines:
                    self._serve(line)
                self._running = self._running and bool(received)
        self._close()

    def tell(self, **fields: Any) -> None:
        """One line to the other end."""
        self._output.write(json.dumps(fields) + "\n")
        self._output.flush()

    def connect_audio(self, call: _Call, media: Any) -> None:
        """Play into the call and record from it what was asked for."""
        if self._play:
            call.player = pj.AudioMediaPlayer()
            call.player.createPlayer(self._play)
            call.player.startTransmit(media)
        if self._record:
            if call.recorder is None:
                call.recorder = pj.AudioMediaRecorder()
                call.recorder.createRecorder(self._record)
            media.startTransmit(call.recorder)

    def do_open(self, address: str = "127.0.0.1", codecs: tuple[str, ...] = ("PCMU", "PCMA")) -> dict[str, Any]:
        """Start pjsua2 on a free port of ``address``. Only the named codecs are offered, the first most preferred."""
        self._address = address
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.logConfig.level = config.logConfig.consoleLevel = 0
        config.medConfig.clockRate = _CLOCK_RATE
        config.medConfig.noVad = True
        config.medConfig.ecTailLen = 0
        self._endpoint.libCreate()
        self._endpoint.libInit(config)
        self._endpoint.audDevManager().setNullDev()
        for codec in self._endpoint.codecEnum2():
            name = codec.codecId.partition("/")[0]
            priority = 255 - list(codecs).index(name) if name in codecs else 0
            self._endpoint.codecSetPriority(codec.codecId, priority)
        transport = pj.TransportConfig()
        transport.boundAddress = transport.publicAddress = address
        transport_id = self._endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
        self._endpoint.libStart()
        self._port = int(self._endpoint.transportGetInfo(transport_id).localName.rpartition(":")[2])
        return {"port": self._port}

    def do_account(
        self,
        user: str,
        registrar: str = "",
        password: str = "",
        proxy: str = "",
        rtp_port: int = 0,
    ) -> dict[str, Any]:
        """Be ``user``. With a ``registrar`` (``host:port``) register there: event ``registration``."""
        config = pj.AccountConfig()
        config.idUri = f"sip:{user}@{registrar or f'{self._address}:{self._port}'}"
        self._registered = bool(registrar)
        if registrar:
            config.regConfig.registrarUri = f"sip:{registrar}"
            config.regConfig.retryIntervalSec = 0
        if proxy:
            config.sipConfig.proxies.append(f"sip:{proxy};lr")
        if password:
            config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, password))
        config.mediaConfig.transportConfig.boundAddress = self._address
        config.mediaConfig.transportConfig.port = rtp_port
        config.mediaConfig.rtcpXrEnabled = True
        self._account = _Account(self)
        self._account.create(config)
        return {"uri": config.idUri}

    def do_play(self, wav: str) -> None:
        """Play the file, again and again, in calls from now on."""
        self._play = wav

    def do_record(self, wav: str) -> None:
        """Record what is heard in calls from now on."""
        self._record = wav

    def do_call(self, uri: str) -> None:
        """Call ``uri``."""
        if self.call is not None:
            raise ValueError("there is a call already")
        self.call = _Call(self, self._account)
        self.call.makeCall(uri, pj.CallOpParam(True))

    def do_answer(self, status: int = 200) -> None:
        """Answer the incoming call with a provisional or final status."""
        self._the_call().answer(_with_status(status))

    def do_dtmf(self, digits: str) -> None:
        """Send digits by RFC 4733."""
        self._the_call().dialDtmf(digits)

    def do_hold(self) -> None:
        """Put the call on hold by re-INVITE."""
        self._the_call().setHold(pj.CallOpParam(True))

    def do_resume(self) -> None:
        """Take the call off hold by re-INVITE."""
        parameters = pj.CallOpParam(True)
        parameters.opt.flag = pj.PJSUA_CALL_UNHOLD
        self._the_call().reinvite(parameters)

    def do_hangup(self, status: int = 0) -> None:
        """End, refuse or cancel the call."""
        self._the_call().hangup(_with_status(status))

    def do_stats(self) -> dict[str, Any]:
        """What this end sent and received so far, from RTP and the other end's RTCP. Times in milliseconds."""
        call = self._the_call()
        stats, stream = call.getStreamStat(0), call.getStreamInfo(0)
        rtcp = stats.rtcp
        received, sent = rtcp.rxStat, rtcp.txStat
        return {
            "codec": stream.codecName,
            "received": {
                "packets": received.pkt,
                "lost": received.loss,
                "duplicate": received.dup,
                "reordered": received.reorder,
                "discarded": stats.jbuf.discard,
                "jitter_ms": received.jitterUsec.mean / 1000,
                "jitter_max_ms": received.jitterUsec.max / 1000,
                "delay_ms": float(stats.jbuf.avgDelayMsec),
            },
            "sent": {"packets": sent.pkt, "lost": sent.loss, "jitter_ms": sent.jitterUsec.mean / 1000},
            "rtt_ms": rtcp.rttUsec.mean / 1000 if rtcp.rttUsec.n else None,
        }

    def do_quit(self) -> None:
        """End the process; a live call is hung up and the account unregistered."""
        self._running = False

    def _serve(self, line: bytes) -> None:
        request = json.loads(line)
        number, name = request.pop("id"), request.pop("do")
        try:
            reply = getattr(self, f"do_{name}")(**request) or {}
        except pj.Error as error:
            self.tell(id=number, error=error.reason)
        except (AttributeError, TypeError, ValueError) as error:
            self.tell(id=number, error=str(error))
        else:
            self.tell(id=number, **reply)

    def _the_call(self) -> _Call:
        if self.call is None:
            raise ValueError("there is no call")
        return self.call

    def _close(self) -> None:
        """Every object of pjsua2 must be gone before the library is."""
        farewells = self.call is not None or self._registered
        if self.call is not None:
            self._endpoint.hangupAllCalls()
            self._endpoint.libHandleEvents(_POLL_MS)
        self.call = None
        if self._account is not None:
            self._account.shutdown()
            self._account = None
        # Without anything to say to the network it ends at once, else it takes a second or two.
        self._endpoint.libDestroy(0 if farewells else pj.PJSUA_DESTROY_NO_NETWORK)


def _with_status(status: int) -> Any:
    parameters = pj.CallOpParam()
    parameters.statusCode = status
    return parameters


def main() -> None:
    """Keep stdout for the protocol: whatever C code prints goes to stderr."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        Agent(output).run()


if __name__ == "__main__":
    main()
