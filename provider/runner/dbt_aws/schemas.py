"""`dbt-aws drop-schemas`: drops the schemas that runs built in."""

import json

from .files import read
from .outcome import End
from .text import one_line

# The attempts that a run has at most: what did not start or was lost, failed nodes, and the first.
ATTEMPTS_MOST = 11
NAME_MOST = 255
# What a warehouse or all its users share.
NEVER = {"public", "information_schema", "pg_catalog"}
BUILT = {"model", "seed", "snapshot", "function"}


def drop(command, artifacts, state, work):
    """dbt's words that drop the schemas of the run that a command names and of the last green one; refuses those of others."""
    run_id = next(iter(command.words[2:]), None)
    places = ["latest", *([f"runs/{run_id}/{attempt}" for attempt in range(1, ATTEMPTS_MOST + 1)] if run_id else [])]
    own = manifests(artifacts, places, work / "own")
    mine = {schema for manifest in own for schema in built(manifest)}
    others = [(schema, "of a source") for manifest in own for schema in schemas(manifest.get("sources"))]
    if state.source is not artifacts and mine:
        theirs = manifests(state.source, ["latest"], work / "theirs")
        if not theirs:
            raise End("usage", f"`{command.text}` drops no schema: there is no manifest.json in {state.place}, so which schemas are those of the project "
                               "that stateFrom names is not known; let a run of it succeed first, or drop by hand what is not needed any more")
        others += [(schema, f"also of the project that stateFrom names ({state.source.uri})") for manifest in theirs for schema in built(manifest)]
    refused = {f"{schema[1]} is {why}" for schema in mine for other, why in others if is_same(schema, other)}
    refused = sorted(refused | {f"{name} is everybody's" for _, name in mine if name.casefold() in NEVER})
    if refused:
        raise End("usage", f"`{command.text}` drops no schema: {', '.join(refused[:5])}; drop by hand what is not needed any more")
    artifacts.log(f"drops {', '.join(sorted({schema for _, schema in mine})) or 'no schema: no run has built in any'}")
    return ["compile", "--inline", jinja(sorted(mine, key=str))]


def manifests(artifacts, places, directory):
    """The manifests that there are in these places."""
    if not artifacts.uri:
        return []
    directory.mkdir(exist_ok=True)
    paths = artifacts.get_all([(f"{place}/manifest.json", directory / f"{number}.json") for number, place in enumerate(places)])
    try:
        found = [json.loads(read(path)) for path in sorted(paths)]
    except (ValueError, RecursionError) as error:
        raise End("usage", f"cannot read the manifest.json of an earlier run: {one_line(error)}") from None
    return [manifest for manifest in found if isinstance(manifest, dict)]


def built(manifest):
    """The database and the schema of all that dbt builds."""
    nodes = manifest.get("nodes")
    nodes = nodes if isinstance(nodes, dict) else {}
    return schemas({key: node for key, node in nodes.items() if isinstance(node, dict) and is_built(node)}) | schemas(manifest.get("functions"))


def is_built(node):
    """Whether a node is something in the warehouse."""
    config = node.get("config") if isinstance(node.get("config"), dict) else {}
    if node.get("resource_type") == "test":
        return bool(config.get("store_failures"))
    return node.get("resource_type") in BUILT and config.get("materialized") != "ephemeral"


def schemas(nodes):
    """Where nodes are."""
    nodes = nodes.values() if isinstance(nodes, dict) else []
    places = [(node.get("database"), node.get("schema")) for node in nodes if isinstance(node, dict)]
    return {(database, schema) for database, schema in places
            if is_name(schema) and (database is None or is_name(database))}


def is_same(one, other):
    """Whether two places may be the same: many warehouses do not tell upper from lower case, and without a database it is the profile's."""
    (database, schema), (others, name) = one, other
    return schema.casefold() == name.casefold() and (database is None or others is None or database.casefold() == others.casefold())


def is_name(text):
    """Whether a text can be the name of a schema."""
    return isinstance(text, str) and 0 < len(text) <= NAME_MOST and text.isprintable()


def jinja(places):
    """What drops schemas, in dbt's own words for any warehouse."""
    places = json.dumps([[database or "", schema] for database, schema in places])
    return ("{% if execute %}{% for database, schema in " + places + " %}{% do adapter.drop_schema("
            "api.Relation.create(database=(database or none), schema=schema)) %}{% endfor %}{% endif %}select 1 as done")
