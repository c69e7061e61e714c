"""How many calls follow one another: of those that were made, and of those that the resources themselves need."""
import functools
from collections import Counter

# What costs no call of AWS, and why.
WITHOUT_CALL = {"dbt-aws:index:Seed": "a random id, which is in the state alone"}


def longest(resources):
    """By verb, how many calls must follow one another for what the engine knows to depend on one another, if each object
    takes one call: to create it, to read it, to delete it. AWS's own time until an object can be used takes none."""
    @functools.cache
    def calls(urn):
        kind = urn.split("::")[2].rpartition("$")[2]
        own = 0 if kind in WITHOUT_CALL else 1
        return own + max(map(calls, resources[urn]["Dependencies"] or []), default=0)

    # The way back from the last to the first is as long.
    most = max(map(calls, resources))
    return {"create": most, "refresh": 1, "delete": most}


def waves(calls):
    """The calls by how many others, at most, were answered one after the other before each began."""
    found = []
    for call in sorted(calls, key=lambda call: call["at"]):
        place = sum(min(other["until"] for other in wave) <= call["at"] for wave in found)
        if place == len(found):
            found.append([])
        found[place].append(call)
    return [Counter(call["name"] for call in wave) for wave in found]
