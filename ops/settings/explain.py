"""pydantic's errors in words for the person who wrote the file: what was written, what is allowed, what was meant."""

import types
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from ops.settings.document import Location
from ops.settings.errors import Problem
from ops.settings.model import Settings
from ops.settings.sources import Sources

_MAPPING_ERRORS = ("model_type", "model_attributes_type", "dict_type")
_LIST_ERRORS = ("tuple_type", "list_type")
_SHOWN_LENGTH = 60


def explain(error: ValidationError, sources: Sources) -> Iterator[Problem]:
    """One problem for each of pydantic's errors, at the place and in the source that the value came from."""
    for details in error.errors(include_url=False):
        location = details["loc"]
        if location[-1] == "[key]":
            yield sources.problem(
                location[:-1], f"this name {_reason(details['type'], details, details.get('ctx', {}))}"
            )
        else:
            yield sources.problem(location, _message(details, location))


def _message(details: ErrorDetails, location: Location) -> str:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(location)
    if kind == "missing":
        return "is required"
    if kind in _MAPPING_ERRORS:
        return f"must be a mapping{_keys_of(location)}, but is {_kind_of(value)}"
    if kind in _LIST_ERRORS:
        return f"must be a list, but is {_kind_of(value)}"
    reason = _reason(kind, details, context)
    if isinstance(value, Mapping) or (isinstance(value, str) and _is_quoted(value, reason)) or _is_secret(location):
        return reason
    return f"{_shortened(value)}{':' if kind == 'value_error' else ''} {reason}"


def _is_quoted(value: str, reason: str) -> bool:
    return value in reason or repr(value) in reason


def _reason(kind: str, details: ErrorDetails, context: Mapping[str, Any]) -> str:
    if kind == "string_type" and isinstance(details["input"], bool | int | float):
        return "must be text; put it in quotes"
    if kind == "enum":
        return f"is not allowed here; allowed: {str(context['expected']).replace(' or ', ', ')}".replace("'", "")
    if kind == "string_pattern_mismatch":
        return f"is not allowed here; must match {context['pattern']}"
    if kind == "value_error":
        return str(context["error"])
    return details["msg"].replace("Input should", "must").replace("String should", "must")


def _unknown_key(location: Location) -> str:
    model = _annotation_at(location[:-1])
    known = list(_key_names(model)) if model else []
    close = get_close_matches(str(location[-1]), known, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"unknown key; {hint}known here: {', '.join(known)}"


def _keys_of(location: Location) -> str:
    model = _annotation_at(location)
    return f" with the keys {', '.join(_key_names(model))}" if isinstance(model, type) else ""


def _key_names(model: Any) -> Iterator[str]:
    if isinstance(model, type) and issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            yield field.alias or name


def _kind_of(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return "text" if isinstance(value, str) else "a number or yes/no"


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_LENGTH else f"{text[: _SHOWN_LENGTH - 3]}..."


def _is_secret(location: Location) -> bool:
    """Whether the place is declared a secret, or holds secrets, or is not known: then its value is never shown."""
    annotation = _annotation_at(location)
    return annotation is None or annotation is SecretStr or get_origin(annotation) is dict or _holds_secret(annotation)


def _holds_secret(annotation: Any) -> bool:
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return False
    return any(_plain(field.annotation) is SecretStr for field in annotation.model_fields.values())


def _annotation_at(location: Location) -> Any:
    """The declared type at a place of the configuration, without ``Annotated`` and ``None``; None if there is none."""
    annotation: Any = Settings
    for part in location:
        origin = get_origin(annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            fields = {field.alias or name: field for name, field in annotation.model_fields.items()}
            if part not in fields:
                return None
            annotation = _plain(fields[str(part)].annotation)
        elif origin is dict:
            annotation = _plain(get_args(annotation)[1])
        elif origin is tuple:
            annotation = _plain(get_args(annotation)[0])
        else:
            return None
    return annotation


def _plain(annotation: Any) -> Any:
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, types.UnionType) and type(None) in get_args(annotation):
            annotation = next(choice for choice in get_args(annotation) if choice is not type(None))
        else:
            return annotation
