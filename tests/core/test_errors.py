"""The error tree is what its drawing says, and every error is usable."""

from __future__ import annotations

import pickle
import re

import pytest

from zkdps.core import errors


def _classes() -> list[type[errors.ZkdpsError]]:
    return [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.ZkdpsError)
    ]


LEAVES = [cls for cls in _classes() if not cls.__subclasses__()]


def _example(cls: type[errors.ZkdpsError]) -> errors.ZkdpsError:
    values: dict[str, object] = {
        "int": 3,
        "float": 1.5,
        "str": "x",
        "str | None": None,
        "int | None": None,
        "tuple[int, int]": (0, 1),
        "tuple[int, ...]": (1, 2),
        "tuple[int | str, ...]": ("n", 2),
    }
    fields = cls.__dataclass_fields__  # type: ignore[attr-defined]
    return cls(**{name: values[field.type] for name, field in fields.items()})


def test_the_drawing_lists_every_class_once() -> None:
    drawing = errors.__doc__ or ""
    drawn = re.findall(r"\b[A-Z][A-Za-z]+\b", drawing.split("ZkdpsError\n", 1)[1])
    assert sorted(drawn) == sorted(
        cls.__name__ for cls in _classes() if cls is not errors.ZkdpsError
    )


@pytest.mark.parametrize("cls", LEAVES, ids=lambda cls: cls.__name__)
def test_message_hint_exit_code_and_pickling(cls: type[errors.ZkdpsError]) -> None:
    error = _example(cls)
    assert error.message() and "\n" not in error.message()
    assert error.hint, f"{cls.__name__} names no next command"
    assert error.exit_code in (1, 2)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert str(again) == str(error)
    assert again.fields() == error.fields()
