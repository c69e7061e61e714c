"""Secret values, and what hides them."""

import json
import re

from .profile import NOT_SECRET, hide, secret_settings


class Redact:
    """Replaces secret values in text: those of DBT_ENV_SECRET_*, of DBT_AWS_SECRET_NAMES, and of the warehouse's secret."""

    def __init__(self, env):
        names = {name for name in re.split(r"[,\s]+", env.get("DBT_AWS_SECRET_NAMES", "")) if name}
        values = [value for key, value in env.items() if key in names or key.startswith("DBT_ENV_SECRET")]
        hidden = {}
        warehouse = env.get("DBT_AWS_WAREHOUSE_SECRET", "")
        try:
            settings = secret_settings(json.loads(warehouse))
            hide(settings, hidden)
            values += numbers(settings)
        except (ValueError, AttributeError):
            values.append(warehouse)
        found = set()
        for value in [*values, *hidden.values()]:
            for text in (value, *leaves(value)):
                found.update({text, json.dumps(text)[1:-1]})
                found.update(line.strip() for line in text.splitlines() if len(line.strip()) >= 8)
        # Longest first: one secret can be a part of another. Under 4 characters, hiding would hide everything.
        self.values = sorted((value for value in found if len(value) >= 4), key=len, reverse=True)

    def __call__(self, text):
        for value in self.values:
            text = text.replace(value, "*****")
        return text

    def bytes(self, data):
        """The same in bytes."""
        for value in self.values:
            data = data.replace(value.encode(errors="surrogateescape"), b"*****")
        return data


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
        value = json.loads(text)
    except ValueError:
        return []
    hidden = {}
    hide(value, hidden, ("leaf",))
    return [leaf for leaf in hidden.values() if len(leaf) >= 8]
