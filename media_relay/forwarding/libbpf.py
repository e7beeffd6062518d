"""The few functions of libbpf (``libbpf.so.1``) that forwarding in the kernel needs, through ctypes. Shell.

Keys and values are bytes as the program's C structures lay them out; libbpf itself knows nothing of them.
"""

import ctypes
import errno
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

_BPF_F_LOCK: Final = 4
_TCX_INGRESS: Final = 46
"""``BPF_TCX_INGRESS``; Linux 6.6 and later."""
_TC_INGRESS: Final = 1
_TC_REPLACE: Final = 1

_Pointer = ctypes.c_void_p
_PrintFunction = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, _Pointer)

_PROTOTYPES: Final = {
    "bpf_object__open_file": (_Pointer, [ctypes.c_char_p, _Pointer]),
    "bpf_object__load": (ctypes.c_int, [_Pointer]),
    "bpf_object__close": (None, [_Pointer]),
    "bpf_object__find_program_by_name": (_Pointer, [_Pointer, ctypes.c_char_p]),
    "bpf_program__fd": (ctypes.c_int, [_Pointer]),
    "bpf_object__find_map_by_name": (_Pointer, [_Pointer, ctypes.c_char_p]),
    "bpf_map__fd": (ctypes.c_int, [_Pointer]),
    "bpf_map__set_max_entries": (ctypes.c_int, [_Pointer, ctypes.c_uint32]),
    "bpf_map__key_size": (ctypes.c_uint32, [_Pointer]),
    "bpf_map__value_size": (ctypes.c_uint32, [_Pointer]),
    "bpf_map_update_elem": (ctypes.c_int, [ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint64]),
    "bpf_map_delete_elem": (ctypes.c_int, [ctypes.c_int, ctypes.c_char_p]),
    "bpf_map_lookup_elem_flags": (ctypes.c_int, [ctypes.c_int, ctypes.c_char_p, _Pointer, ctypes.c_uint64]),
    "bpf_map_lookup_batch": (
        ctypes.c_int,
        [ctypes.c_int, _Pointer, _Pointer, _Pointer, _Pointer, _Pointer, _Pointer],
    ),
    "bpf_link_create": (ctypes.c_int, [ctypes.c_int, ctypes.c_int, ctypes.c_int, _Pointer]),
    "bpf_tc_hook_create": (ctypes.c_int, [_Pointer]),
    "bpf_tc_attach": (ctypes.c_int, [_Pointer, _Pointer]),
    "bpf_tc_detach": (ctypes.c_int, [_Pointer, _Pointer]),
    "libbpf_set_print": (_Pointer, [_PrintFunction]),
}


_SAY_NOTHING: Final = _PrintFunction(lambda *_: 0)
"""libbpf's own messages would go to standard error, beside our log."""


class BpfError(OSError):
    """libbpf or the kernel refused; ``errno`` says why, the text what was tried."""


class _TcHook(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_size_t),
        ("ifindex", ctypes.c_int),
        ("attach_point", ctypes.c_int),
        ("parent", ctypes.c_uint32),
        ("padding", ctypes.c_uint32),
    ]


class _TcOptions(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_size_t),
        ("program", ctypes.c_int),
        ("flags", ctypes.c_uint32),
        ("program_id", ctypes.c_uint32),
        ("handle", ctypes.c_uint32),
        ("priority", ctypes.c_uint32),
        ("padding", ctypes.c_uint32),
    ]


class _BatchOptions(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_size_t),
        ("element_flags", ctypes.c_uint64),
        ("flags", ctypes.c_uint64),
    ]


class Map:
    """A map of a loaded program."""

    def __init__(self, descriptor: int, key_size: int, value_size: int) -> None:
        self._descriptor = descriptor
        self.key_size = key_size
        self.value_size = value_size
        self._value = ctypes.create_string_buffer(value_size)

    def update(self, key: bytes, value: bytes) -> None:
        """Set a value, all of it. Raises BpfError, as when the map is full."""
        _check(_library().bpf_map_update_elem(self._descriptor, key, value, 0), "map update")

    def delete(self, key: bytes) -> None:
        """Remove a key, if it is there."""
        result = _library().bpf_map_delete_elem(self._descriptor, key)
        if result != -errno.ENOENT:
            _check(result, "map delete")

    def lookup(self, key: bytes) -> bytes:
        """A value as it was at one moment: the program holds the value's lock while it writes. Raises BpfError."""
        _check(_library().bpf_map_lookup_elem_flags(self._descriptor, key, self._value, _BPF_F_LOCK), "map lookup")
        return self._value.raw

    def lookup_range(self, first: int, count: int) -> bytes:
        """The values ``first`` to ``first + count - 1`` of an array, one after the other, by one system call."""
        keys = (ctypes.c_uint32 * count)()
        values = ctypes.create_string_buffer(count * self.value_size)
        before = ctypes.c_uint32(first - 1)
        done = ctypes.c_uint32(count)
        after = ctypes.c_uint32()
        options = _BatchOptions(ctypes.sizeof(_BatchOptions), _BPF_F_LOCK, 0)
        result = _library().bpf_map_lookup_batch(
            self._descriptor,
            ctypes.byref(before) if first else None,
            ctypes.byref(after),
            keys,
            values,
            ctypes.byref(done),
            ctypes.byref(options),
        )
        if result != -errno.ENOENT:  # which says that the array ends here
            _check(result, "map batch lookup")
        return values.raw


class Object:
    """An object file of clang's, loaded into the kernel. Everything is given back with ``close``.

    ``entries`` are the sizes of its maps by name. Raises BpfError.
    """

    def __init__(self, path: Path, entries: Mapping[str, int]) -> None:
        library = _library()
        self._object = library.bpf_object__open_file(str(path).encode(), None)
        if not self._object:
            number = ctypes.get_errno()
            raise BpfError(number, f"{path}: {os.strerror(number)}")
        try:
            for name, count in entries.items():
                _check(library.bpf_map__set_max_entries(self._find_map(name), count), f"size of map {name}")
            self._load(path)
        except BpfError:
            self.close()
            raise

    def program(self, name: str) -> int:
        """The descriptor of a program."""
        found = _library().bpf_object__find_program_by_name(self._object, name.encode())
        return int(_check(_library().bpf_program__fd(found), f"program {name}"))

    def map(self, name: str) -> Map:
        """A map by its name."""
        library, found = _library(), self._find_map(name)
        descriptor = _check(library.bpf_map__fd(found), f"map {name}")
        return Map(descriptor, library.bpf_map__key_size(found), library.bpf_map__value_size(found))

    def close(self) -> None:
        """Unload it; what is attached elsewhere stays until it is detached."""
        _library().bpf_object__close(self._object)

    def _find_map(self, name: str) -> int:
        found = _library().bpf_object__find_map_by_name(self._object, name.encode())
        if not found:
            raise BpfError(errno.ENOENT, f"no map {name}")
        return int(found)

    def _load(self, path: Path) -> None:
        result = _library().bpf_object__load(self._object)
        if result:
            raise BpfError(-result, f"{path.name}: {os.strerror(-result)}")


def attach_tcx(program: int, ifindex: int) -> int:
    """Run ``program`` on what arrives at an interface, after what is attached already, until the descriptor is closed.

    The kernel closes it when the process ends, however it ends. Raises BpfError (EINVAL before Linux 6.6).
    """
    return _check(_library().bpf_link_create(program, ifindex, _TCX_INGRESS, None), f"TCX on interface {ifindex}")


def attach_tc(program: int, ifindex: int, handle: int, priority: int) -> None:
    """Run ``program`` as a filter of the clsact queueing discipline, in place of the filter with the same numbers."""
    library, hook = _library(), _tc_hook(ifindex)
    result = library.bpf_tc_hook_create(ctypes.byref(hook))
    if result != -errno.EEXIST:
        _check(result, f"clsact on interface {ifindex}")
    options = _TcOptions(ctypes.sizeof(_TcOptions), program, _TC_REPLACE, 0, handle, priority, 0)
    _check(library.bpf_tc_attach(ctypes.byref(hook), ctypes.byref(options)), f"TC filter on interface {ifindex}")


def detach_tc(ifindex: int, handle: int, priority: int) -> None:
    """Remove the filter with these numbers; nothing happens when it, or the interface, is not there."""
    hook = _tc_hook(ifindex)
    options = _TcOptions(ctypes.sizeof(_TcOptions), 0, 0, 0, handle, priority, 0)
    _library().bpf_tc_detach(ctypes.byref(hook), ctypes.byref(options))


def _tc_hook(ifindex: int) -> _TcHook:
    return _TcHook(ctypes.sizeof(_TcHook), ifindex, _TC_INGRESS, 0, 0)


def _check(result: int, attempt: str) -> int:
    """Functions of libbpf 1 return a negative error number."""
    if result < 0:
        raise BpfError(-result, f"{attempt}: {os.strerror(-result)}")
    return result


@cache
def _library() -> ctypes.CDLL:
    """Raises BpfError when it is not installed."""
    try:
        library = ctypes.CDLL("libbpf.so.1", use_errno=True)
    except OSError as missing:
        raise BpfError(errno.ENOENT, "libbpf.so.1 is not installed") from missing
    for name, (result, arguments) in _PROTOTYPES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    library.libbpf_set_print(_SAY_NOTHING)
    return library
