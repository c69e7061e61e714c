"""The project's role in the platform's Postgres, and the schemas that it owns."""

import json

from .outcome import End

# What the comment of each project's role begins with: it says which schema is the project's.
MARK = '{"dbt-aws"'
# How much changes its owner in one transaction, each with a lock.
AT_ONCE = 500
# What default privileges are of, as SQL says it.
KINDS = {"r": "TABLES", "S": "SEQUENCES", "f": "FUNCTIONS", "T": "TYPES", "n": "SCHEMAS"}


class Database:
    """A session of the administrator's, and the project's role. Nothing of `run` but its parameters comes from outside."""

    def __init__(self, session, role, log):
        self.session, self.role, self.me, self.log = session, role, name(role), log

    def run(self, sql, *values):
        """Runs a statement with these values, and returns its rows."""
        with self.session.cursor() as cursor:
            cursor.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []

    def do(self, statements):
        """Runs statements, all at once."""
        if statements:
            self.run(";\n".join(statements))

    def notes(self):
        """What is noted of the roles of all projects. Only the administrator can write it."""
        rows = self.run("select rolname, shobj_description(oid, 'pg_authid') from pg_roles where starts_with(shobj_description(oid, 'pg_authid'), %s)", MARK)
        return {role: json.loads(text) for role, text in rows}

    def note(self, **more):
        """Notes more of the own role."""
        before = self.notes().get(self.role, {"dbt-aws": 1})
        after = {**before, **more}
        if after != before:
            self.run(f"comment on role {self.me} is %s", json.dumps(after))


def name(identifier):
    """An identifier as SQL takes it."""
    return '"' + identifier.replace('"', '""').replace("\0", "") + '"'


def make_role(database, schema, password):
    """Makes the role, with that password, a member of which the administrator is, and what it may do in the database."""
    if not database.run("select 1 from pg_roles where rolname = %s", database.role):
        database.do([f"create role {database.me} login"])
    database.run(f"alter role {database.me} login password %s", password)
    newer = database.session.server_version >= 160_000
    [(us, base, member, may, public)] = database.run(
        "select current_user, current_database(), pg_has_role(%s, 'USAGE')" + (" and pg_has_role(%s, 'SET')" if newer else " and %s is not null")
        + ", has_database_privilege(%s, current_database(), 'CREATE') and has_database_privilege(%s, current_database(), 'CONNECT')"
        " and has_database_privilege(%s, current_database(), 'TEMPORARY'), (select has_schema_privilege('public', n.oid, 'CREATE')"
        " and pg_has_role(nspowner, 'USAGE') from pg_namespace n where nspname = 'public')", *[database.role] * 5)
    if not member:
        database.do([f"grant {database.me} to {name(us)}" + (" with inherit true, set true" if newer else "")])
    if not may:
        database.do([f"grant create, connect, temporary on database {name(base)} to {database.me}"])
    if public:
        # Before PostgreSQL 15, all may put functions there that others then call by their bare names.
        database.do(["revoke create on schema public from public"])
        database.log("the schema public is no longer for everybody to create in: grant create on it to whoever needs it")
    database.note(schema=schema)


def is_of(schema, own):
    """Whether a schema is one of a project with that schema: this one, or one that dbt names after it."""
    return schema == own or schema.startswith(own + "_")


def take_over(database, schema):
    """Takes over what the administrator owns in the project's schemas, and in those that the role has been given, so much at once; returns
    whether there may be more."""
    us = database.run("select current_user")[0][0]
    notes = database.notes()
    projects = {role: note["schema"] for role, note in notes.items()}
    taken = set(notes[database.role].get("taken", []))
    # Of projects whose schemas begin alike, the longest says whose a schema is.
    lesser = [role for role, own in projects.items() if len(own) < len(schema) and is_of(schema, own)]
    greater = [own for own in projects.values() if len(own) > len(schema) and is_of(own, schema)]
    found = database.run("select nspname, pg_get_userbyid(nspowner), has_schema_privilege(%s, oid, 'USAGE') and has_schema_privilege(%s, oid, 'CREATE'),"
                         " pg_has_role(nspowner, 'USAGE') from pg_namespace where nspname = %s or starts_with(nspname, %s) or pg_get_userbyid(nspowner) = %s",
                         database.role, database.role, schema, schema + "_", database.role)
    own, statements = [], []
    for each, owner, may, ours in found:
        if any(is_of(each, other) for other in greater):
            continue
        # What another project has made is its own; what it was only the first to find is not.
        if owner == us or owner in lesser and each in notes[owner].get("taken", []):
            taken.add(each)
            statements += [f"alter schema {name(each)} owner to {database.me}", *defaults(database, each, owner)]
            database.log(f"the schema {each} is the project's now, and no longer {owner}'s")
        elif owner != database.role and not may:
            theirs = "another project's" if owner in projects else "not the project's"
            if each != schema:
                database.log(f"the schema {each} is {theirs}: it belongs to the role {owner}")
                continue
            if not ours or owner in projects:
                raise End("dbt-error", f"the schema {schema} of the profile is {theirs}, and nothing was run: it belongs to the role {owner}; choose another "
                                       f"profile.schema, or give it to the project, as the administrator: alter schema {name(each)} owner to {database.role}")
            statements.append(f"grant usage, create on schema {name(each)} to {database.me}")
        if owner not in projects or owner == database.role or each in taken:
            own.append(each)
    database.do(statements)
    database.note(taken=sorted(taken))
    lots = [owned(database, own, [us]) if own else [], owned(database, [each for each in own if each in taken], lesser) if lesser else []]
    database.do([f"alter {kind} {what} owner to {database.me}" for lot in lots for kind, what in lot])
    if found := sum(map(len, lots)):
        database.log(f"{found} relations, functions and types are the project's now")
    return any(len(lot) == AT_ONCE for lot in lots)


def owned(database, schemas, owners):
    """What these own in schemas, but for what goes along with something else or belongs to an extension."""
    return database.run("""
        with schemas as (select oid from pg_namespace where nspname = any(%s)), owners as (select oid from pg_roles where rolname = any(%s)),
             along as (select classid, objid from pg_depend where deptype = 'e' or (classid = 'pg_class'::regclass and deptype in ('a', 'i')
                       and refclassid = 'pg_class'::regclass and refobjsubid > 0))
        select 'table', oid::regclass::text from pg_class c
         where relkind in ('r', 'p', 'v', 'm', 'f', 'S') and relnamespace in (table schemas) and relowner in (table owners)
           and not exists (select from along where (classid, objid) = ('pg_class'::regclass, c.oid))
        union all select 'routine', oid::regprocedure::text from pg_proc p
         where pronamespace in (table schemas) and proowner in (table owners) and not exists (select from along where (classid, objid) = ('pg_proc'::regclass, p.oid))
        union all select 'type', oid::regtype::text from pg_type t
         where typnamespace in (table schemas) and typowner in (table owners)
           and (typtype in ('e', 'd', 'r') or typtype = 'c' and (select relkind from pg_class where oid = typrelid) = 'c')
           and not exists (select from along where (classid, objid) = ('pg_type'::regclass, t.oid))
        limit %s""", schemas, owners, AT_ONCE)


def defaults(database, schema, owner):
    """What others get of that which the owner makes in a schema, such as a BI tool's user, they get of what the role makes."""
    rows = database.run("""
        select defaclobjtype, privilege_type, is_grantable, case when grantee <> 0 then pg_get_userbyid(grantee) end, defaclnamespace <> 0
        from pg_default_acl, aclexplode(defaclacl)
        where defaclrole = (select oid from pg_roles where rolname = %s) and grantee <> defaclrole
          and defaclnamespace in (0, (select oid from pg_namespace where nspname = %s))""", owner, schema)
    return [f"alter default privileges for role {database.me}{f' in schema {name(schema)}' if within else ''} grant {privilege} on {KINDS[kind]} "
            f"to {name(who) if who else 'public'}{' with grant option' if on else ''}"
            for kind, privilege, on, who, within in rows if kind in KINDS and who != database.role]
