"""How many calls follow one another: of those that were made, and of those that the resources themselves need."""
import functools
from collections import Counter

# The kinds of object that need more than one call to create or to delete, each after the answer to the one before; AWS
# has no way with fewer. A wait is as many calls as moto, changed to take its time, is asked in.
CALLS = {
    "dbt-aws:index:Seed": (0, 1),  # A random id, in the state alone; its delete lists what deployments have left.
    "dbt-aws:dynamodb:Table": (4, 4),  # Made, waited for (2), and then its TTL. Deleted, and waited for (3).
    "dbt-aws:ec2:InternetGateway": (2, 2),  # Made, and attached. Detached, and deleted.
    "dbt-aws:ec2:NatGateway": (2, 2),  # Both are waited for.
    "dbt-aws:ec2:SecurityGroup": (3, 1),  # Made; its rule that allows all is taken away, which EC2 first knows nothing of.
    "dbt-aws:ec2:Vpc": (3, 1),  # Made; its own security group is found, and emptied.
    "dbt-aws:ecs:TaskDefinition": (1, 3),  # Deregistered, and deleted, for which it is first too early.
    "dbt-aws:events:Rule": (2, 2),  # It and its targets.
    "dbt-aws:iam:Role": (2, 2),  # It and its policy.
    "dbt-aws:rds:Instance": (2, 2),  # Both are waited for.
    "dbt-aws:secretsmanager:Secret": (1, 2),  # Its delete is waited for.
    # What runs is listed; deleted; what began in between is listed, and stopped; its end is waited for.
    "dbt-aws:sfn:StateMachine": (1, 5),
}


def longest(resources):
    """By verb, how many calls must follow one another for what the engine knows to depend on one another."""
    def most(place):
        @functools.cache
        def calls(urn):
            kind = urn.split("::")[2].rpartition("$")[2]
            return CALLS.get(kind, (1, 1))[place] + max(map(calls, resources[urn]["Dependencies"] or []), default=0)

        return max(map(calls, resources))

    return {"create": most(0), "refresh": 1, "delete": most(1)}


def waves(calls):
    """The calls by how many others, at most, were answered one after the other before each began."""
    found = []
    for call in sorted(calls, key=lambda call: call["at"]):
        place = sum(min(other["until"] for other in wave) <= call["at"] for wave in found)
        if place == len(found):
            found.append([])
        found[place].append(call)
    return [Counter(call["name"] for call in wave) for wave in found]
