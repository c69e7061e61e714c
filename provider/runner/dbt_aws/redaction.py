"""Secret values, and what hides them."""

import json
from html import escape
from urllib.parse import quote, quote_plus

from .profile import NOT_SECRET, hide, secret_settings
from .variables import names

MASK = "*****"


class Redact:
    """Replaces secret values in text: those of DBT_ENV_SECRET_*, of DBT_AWS_SECRET_NAMES, and of the warehouse's secret."""

    def __init__(self, env):
        listed = names(env.get("DBT_AWS_SECRET_NAMES"))
        self.names = frozenset(key for key in env if key in listed or key.startswith("DBT_ENV_SECRET")) | listed
        values = [env[key] for key in self.names if key in env]
        hidden = {}
        warehouse = env.get("DBT_AWS_WAREHOUSE_SECRET", "")
        try:
            settings = secret_settings(json.loads(warehouse))
            hide(settings, hidden)
            values += numbers(settings)
        except (ValueError, AttributeError, RecursionError):
            values.append(warehouse)
        found = set()
        for value in [*values, *hidden.values()]:
            for text in (value, *leaves(value)):
                found.update(forms(text))
                for line in text.splitlines():
                    if len(line.strip()) >= 8:
                        found.update(forms(line.strip()))
        # Longest first: one secret can be a part of another. Under 4 characters, hiding would hide everything.
        self.values = sorted((value for value in found if len(value) >= 4), key=len, reverse=True)
        self.encoded = [value.encode(errors="surrogateescape") for value in self.values]
        self.longest = max(map(len, self.encoded), default=0)

    def __call__(self, text):
        for value in self.values:
            text = text.replace(value, MASK)
        return text

    def bytes(self, data):
        """The same in bytes."""
        for value in self.encoded:
            data = data.replace(value, MASK.encode())
        return data

    def finds(self, data):
        """Whether there is a secret in bytes."""
        return any(value in data for value in self.encoded)

    def json(self, data):
        """A JSON document without secrets, as bytes that are one still."""
        if not self.finds(data):
            return data
        return json.dumps(self.masked(json.loads(data))).encode()

    def masked(self, value):
        """A JSON value, with what is secret in its texts, its keys and its numbers replaced."""
        if isinstance(value, dict):
            return {self(key): self.masked(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.masked(item) for item in value]
        if isinstance(value, str):
            return self(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and self.finds(json.dumps(value).encode()):
            return MASK
        return value

    def stream(self, source, write):
        """Passes lines on as they come, however long they are."""
        held = b""
        while line := source.readline(1 << 20):
            line = self.bytes(held + line)
            # What was cut may have been cut in the middle of a secret.
            cut = len(line) if line.endswith(b"\n") else max(0, len(line) - self.longest)
            held = line[cut:]
            write(line[:cut])
        write(held)


def forms(text):
    """How a text stands in others: as it is, in JSON and in JSON in JSON, in Python, in SQL, in a URL, in HTML."""
    escaped = [json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]]
    return {text, *escaped, *(json.dumps(once)[1:-1] for once in escaped), repr(text)[1:-1], text.replace("'", "''"),
            escape(text), escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"), quote(text, errors="surrogateescape"),
            quote(text, safe="", errors="surrogateescape"), quote_plus(text, errors="surrogateescape")}


def numbers(value):
    """The larger numbers in a warehouse's secret, as text; in the profile they stand as they are."""
    if isinstance(value, dict):
        value = [item for key, item in value.items() if key not in NOT_SECRET]
    if isinstance(value, list):
        return [text for item in value for text in numbers(item)]
    return [str(value)] if isinstance(value, (int, float)) and abs(value) >= 100_000 else []


def leaves(text):
    """The strings in a secret that is a JSON document."""
    try:
        hidden = {}
        hide(json.loads(text), hidden, ("leaf",))
    except (ValueError, RecursionError):
        return []
    return [leaf for leaf in hidden.values() if len(leaf) >= 8]
