"""Texts for people."""

import re

# What is read or kept at once, in bytes.
SIZE_MOST = 512 << 20
CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0e-\x1f\x7f-\x9f]")


def one_line(text, length=300):
    """The text without line breaks and control characters, cut to a length."""
    text = " ".join(CONTROL.sub("", str(text)).split())
    return text if len(text) <= length else text[: length - 1] + "…"


def count(n, noun):
    """A number with its noun."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def timestamp(moment):
    """A time in UTC as ISO 8601."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def size(path):
    """How many bytes a file has."""
    return path.stat().st_size
