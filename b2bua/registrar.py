"""The registrar: REGISTER requests of authenticated phones, and where each phone is (RFC 3261 10.3).

::

    SipError
    └── RegistrationError
        ├── ForeignAddressError       403: the account may not register that address of record
        ├── TooManyContactsError      403: more Contacts than one account may have
        ├── WildcardError             400: ``Contact: *`` beside others, or without Expires: 0
        ├── ContactTooLongError       400: more text than we keep for one Contact
        ├── OutOfOrderError           500: an older REGISTER overtaken by a newer one of the same phone
        └── IntervalTooBriefError     423, with Min-Expires

An address of record is an account: its name is the user part of To, whatever the domain, for phones write our name,
our address or the realm there. From may be anybody (third-party registration); only the account's own credentials
change its bindings. A request is carried out whole or not at all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush

from b2bua.binding import Binding, dump_binding, load_binding
from b2bua.config import Registrar as RegistrarConfig
from b2bua.sip.errors import SipError, UnsupportedSchemeError
from b2bua.sip.headers.name_address import NameAddress
from b2bua.sip.hop import Hop
from b2bua.sip.message import Request
from b2bua.sip.typed_views import MAX_DELTA_SECONDS
from b2bua.sip.uri import Uri

MAX_BINDING_CHARACTERS = 4096
"""How much text (Contact, Path and Call-ID together) one binding may hold."""


class RegistrationError(SipError):
    """A REGISTER that changes nothing."""


class ForeignAddressError(RegistrationError):
    """The address of record is not the authenticated account's (RFC 3261 10.3 step 4)."""

    status = 403
    reason = "Forbidden"


class TooManyContactsError(RegistrationError):
    """The account would have more bindings than are allowed."""

    status = 403
    reason = "Too Many Contacts"


class WildcardError(RegistrationError):
    """``Contact: *`` in another shape than the one that it may have (RFC 3261 10.2.2)."""

    status = 400
    reason = "Invalid Contact Wildcard"


class ContactTooLongError(RegistrationError):
    """A Contact with more text than `MAX_BINDING_CHARACTERS`."""

    status = 400
    reason = "Contact Too Long"


class OutOfOrderError(RegistrationError):
    """The CSeq is not above that of the binding's last REGISTER in the same Call-ID (RFC 3261 10.3 step 7)."""

    status = 500
    reason = "CSeq Out Of Order"


class IntervalTooBriefError(RegistrationError):
    """The phone would come back too often (RFC 3261 21.4.17)."""

    status = 423
    reason = "Interval Too Brief"

    def __init__(self, asked_s: int, min_expires_s: int) -> None:
        super().__init__(f"{asked_s} s is shorter than {min_expires_s} s")
        self._min_expires_s = min_expires_s

    @property
    def headers(self) -> list[tuple[str, str]]:
        """How long the phone must at least ask for."""
        return [("Min-Expires", str(self._min_expires_s))]


@dataclass(frozen=True, slots=True)
class RegisterResult:
    """How to answer a REGISTER, and whether the user's bindings have ``changed`` (to be written to Redis)."""

    status: int
    reason: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    changed: bool = False


class Registrar:
    """The bindings of every user. ``now`` is in seconds of one monotonic clock throughout."""

    def __init__(self, config: RegistrarConfig) -> None:
        self._config = config
        self._bindings: dict[str, tuple[Binding, ...]] = {}
        self._users_by_flow: dict[int, set[str]] = {}
        self._next_look: dict[str, float] = {}
        self._agenda: list[tuple[float, str]] = []

    def register(self, request: Request, source: Hop, user: str, now: float) -> RegisterResult:
        """Carry out a REGISTER that the account ``user`` sent from ``source``; the result is its answer."""
        try:
            self._check_address_of_record(request, user)
            before = self._live(user, now)
            after = self._apply(request, source, before, now)
        except SipError as refusal:
            return RegisterResult(refusal.status, refusal.reason, refusal.headers)
        changed = after != before
        if changed:
            self._keep(user, after)
        return RegisterResult(200, "OK", _answer_headers(request, after, now), changed)

    @property
    def registered(self) -> int:
        """How many users have bindings, those that are about to be forgotten included."""
        return len(self._bindings)

    def bindings(self, user: str, now: float) -> list[Binding]:
        """Where ``user`` is: by preference (q), of equal ones the latest registered first; empty when nowhere."""
        latest_first = self._live(user, now)[::-1]
        return sorted(latest_first, key=lambda binding: -binding.q)

    def expire(self, now: float) -> list[str]:
        """Drop what has expired; returns the users whose bindings changed. To be called every second or so."""
        changed: list[str] = []
        while self._agenda and self._agenda[0][0] <= now:
            due, user = heappop(self._agenda)
            if self._next_look.get(user) != due:
                continue
            del self._next_look[user]
            live = self._live(user, now)
            if live != self._bindings.get(user, ()):
                changed.append(user)
            self._keep(user, live)
        return changed

    def flow_lost(self, flow: int) -> list[str]:
        """A TCP connection is closed; returns the users whose bindings changed.

        A phone whose Contact can be connected to stays registered; one behind a NAT cannot be reached any more.
        """
        changed: list[str] = []
        for user in self._users_by_flow.pop(flow, ()):
            before = self._bindings.get(user, ())
            after = tuple(
                kept
                for binding in before
                if (kept := binding.without_flow() if binding.hop.flow == flow else binding) is not None
            )
            if after != before:
                self._keep(user, after)
                changed.append(user)
        return changed

    def dump(self, user: str, now: float, now_wall: float) -> dict[str, str]:
        """What ``registration:{AOR}`` holds: the fields of each binding as ``0.contact``, ``0.source``, ``1.contact``.

        Empty when the user is nowhere.
        """
        return {
            f"{number}.{name}": value
            for number, binding in enumerate(self._live(user, now))
            for name, value in dump_binding(binding, now, now_wall).items()
        }

    def load(self, user: str, fields: Mapping[str, str], now: float, now_wall: float) -> None:
        """Take over what another process dumped, in place of what is known of ``user``.

        Left out: what has expired meanwhile, phones at a TCP connection of that process that cannot be connected to,
        and what cannot be read.
        """
        numbered: dict[str, dict[str, str]] = {}
        for key, value in fields.items():
            number, _, name = key.partition(".")
            numbered.setdefault(number, {})[name] = value
        loaded: list[Binding] = []
        for binding_fields in list(numbered.values())[: self._config.max_contacts]:
            try:
                binding = load_binding(binding_fields, now, now_wall)
            except (KeyError, ValueError, SipError):
                continue
            if binding is not None:
                loaded.append(binding)
        self._keep(user, tuple(loaded))

    def _live(self, user: str, now: float) -> tuple[Binding, ...]:
        return tuple(binding for binding in self._bindings.get(user, ()) if binding.expires_at > now)

    @staticmethod
    def _check_address_of_record(request: Request, user: str) -> None:
        uri = Uri.parse(request.to.uri)
        if not uri.is_sip or uri.decoded_user != user:
            raise ForeignAddressError(f"{user} may not register {request.to.uri[:80]}")

    def _apply(self, request: Request, source: Hop, before: tuple[Binding, ...], now: float) -> tuple[Binding, ...]:
        """The bindings after ``request``; raises a SipError when it must not be carried out."""
        contacts = request.contacts
        if any(contact.uri == "*" for contact in contacts):
            if len(contacts) > 1 or request.expires != 0:
                raise WildcardError("Contact: * stands alone and comes with Expires: 0")
            _check_order(request, before)
            return ()
        if len(contacts) > self._config.max_contacts:
            raise TooManyContactsError(f"{len(contacts)} Contacts in one request")
        asked = [self._asked(request, contact, source, now) for contact in contacts]
        _check_order(request, [old for old in before if _replaces_any(asked, old)])
        after = tuple(old for old in before if not _replaces_any(asked, old)) + tuple(
            binding
            for position, binding in enumerate(asked)
            if binding.expires_at > now and not _replaces_any(asked[position + 1 :], binding)
        )
        if len(after) > self._config.max_contacts:
            raise TooManyContactsError(f"{len(after)} Contacts, {self._config.max_contacts} are allowed")
        return after

    def _asked(self, request: Request, contact: NameAddress, source: Hop, now: float) -> Binding:
        """The binding that ``contact`` asks for; one that expires now is asked to be removed."""
        path = tuple(request.headers.get_all("Path"))
        if len(str(contact)) + len(request.call_id) + sum(map(len, path)) > MAX_BINDING_CHARACTERS:
            raise ContactTooLongError("Contact, Path and Call-ID are too long")
        if not Uri.parse(contact.uri).is_sip:
            raise UnsupportedSchemeError(f"a phone cannot be called at {contact.uri[:80]}")
        return Binding(
            contact=contact.uri,
            hop=source,
            expires_at=now + self._granted_s(request, contact),
            call_id=request.call_id,
            cseq=request.cseq.number,
            params={name: value for name, value in contact.params.items() if name != "expires"},
            path=path,
        ).aimed_by(request)

    def _granted_s(self, request: Request, contact: NameAddress) -> int:
        """For how long (seconds): the Contact's own expires, else Expires, else the default (RFC 3261 10.3 step 7)."""
        config = self._config
        asked_s = request.expires if "expires" not in contact.params else _delta_seconds(contact.params["expires"])
        if asked_s is None:
            asked_s = config.default_expires
        if 0 < asked_s < config.min_expires:
            raise IntervalTooBriefError(asked_s, config.min_expires)
        return min(asked_s, config.max_expires)

    def _keep(self, user: str, bindings: tuple[Binding, ...]) -> None:
        if not bindings:
            self._bindings.pop(user, None)
            return
        self._bindings[user] = bindings
        for binding in bindings:
            if binding.hop.flow:
                self._users_by_flow.setdefault(binding.hop.flow, set()).add(user)
        # One look at a user is planned at a time: refreshes, which only move the expiry away, cost no entry.
        first = min(binding.expires_at for binding in bindings)
        if first < self._next_look.get(user, float("inf")):
            self._next_look[user] = first
            heappush(self._agenda, (first, user))


def _replaces_any(asked: Iterable[Binding], old: Binding) -> bool:
    return any(binding.is_same(old) for binding in asked)


def _check_order(request: Request, touched: Iterable[Binding]) -> None:
    for binding in touched:
        if binding.call_id == request.call_id and request.cseq.number <= binding.cseq:
            raise OutOfOrderError(f"CSeq {request.cseq.number} after {binding.cseq}")


def _answer_headers(request: Request, bindings: Iterable[Binding], now: float) -> list[tuple[str, str]]:
    """Every binding, and Path to phones that want to know what it was (RFC 3261 10.3 step 8, RFC 3327 5.3)."""
    headers = [("Contact", binding.contact_value(now)) for binding in bindings]
    path = request.headers.get_all("Path")
    if path and request.contacts and "path" in request.supported:
        headers.append(("Path", ", ".join(path)))
    return headers


def _delta_seconds(text: str | None) -> int:
    """What is no number counts as the longest, as RFC 3261 10.3 has it for malformed values."""
    if text and text.isascii() and text.isdigit() and len(text) <= 10:
        return min(int(text), MAX_DELTA_SECONDS)
    return MAX_DELTA_SECONDS
