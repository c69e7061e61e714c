"""What of other schemas the project's role may read: of single ones, or of all that another project's role owns."""

from .ownership import name

RELATIONS = "relkind in ('r', 'p', 'v', 'm', 'f')"


def grant(database, wanted):
    """Grants to read what is wanted, and takes away what an earlier run granted and nobody wants any more."""
    notes = database.notes()
    before = notes[database.role].get("grants", [])
    roles = [each for each in wanted if each in notes and each != database.role]
    there = schemas_of(database, [each for each in wanted if each not in notes], roles)
    revoke(database, [each for each in before if each not in wanted], notes, set(there))
    given = defaults_for(database)
    statements = []
    for schema, owner, usable, ours in there.values():
        if not usable and ours:
            statements.append(f"grant usage on schema {name(schema)} to {database.me}")
        statements += [f"alter default privileges for role {name(maker)} in schema {name(schema)} grant select on tables to {database.me}"
                       for maker in makers(database, schema, owner) if (maker, schema, "r") not in given]
    for role in roles:
        statements += [f"alter default privileges for role {name(role)} grant {what} to {database.me}"
                       for kind, what in (("n", "usage on schemas"), ("r", "select on tables")) if (role, None, kind) not in given]
    unreadable = database.run(
        f"select oid::regclass::text, pg_has_role(relowner, 'USAGE'), relnamespace::regnamespace::text, pg_get_userbyid(relowner) from pg_class"
        f" where {RELATIONS} and relnamespace = any(%s::oid[]) and not has_table_privilege(%s, oid, 'SELECT')", list(there), database.role) if there else []
    if tables := [table for table, ours, *_ in unreadable if ours]:
        statements.append(f"grant select on table {', '.join(tables)} to {database.me}")
    database.do(statements)
    for schema, owner in sorted({(schema, owner) for _, ours, schema, owner in unreadable if not ours}):
        database.log(f"grants: {schema} has relations of the role {owner}, which alone can grant them: grant select on them to {database.role}")
    for schema, owner, usable, ours in there.values():
        if not usable and not ours:
            database.log(f"grants: {schema} belongs to the role {owner}, which alone can grant it: grant usage on schema {name(schema)} to {database.role}")
    names = {schema for schema, *_ in there.values()}
    for each in wanted:
        if each not in notes and each not in names:
            database.log(f"grants: there is no schema {each} yet, and no project's role of that name; a run that begins once there is may read it")
    database.note(grants=wanted)


def schemas_of(database, schemas, roles):
    """The schemas of these names or owners, by oid, but for the role's own: name, owner, whether the role may use it, and whether that is ours to grant."""
    rows = database.run("select oid, nspname, pg_get_userbyid(nspowner), has_schema_privilege(%s, oid, 'USAGE'), pg_has_role(nspowner, 'USAGE') from pg_namespace"
                        " where (nspname = any(%s) or pg_get_userbyid(nspowner) = any(%s)) and pg_get_userbyid(nspowner) <> %s",
                        database.role, schemas, roles, database.role) if schemas or roles else []
    return {oid: rest for oid, *rest in rows}


def makers(database, schema, owner):
    """The roles in whose name the administrator may act, of those that have made something in a schema."""
    rows = database.run(f"select rolname from pg_roles r where pg_has_role(oid, 'USAGE') and (rolname = %s or exists (select from pg_class"
                        f" where {RELATIONS} and relowner = r.oid and relnamespace = (select oid from pg_namespace where nspname = %s)))", owner, schema)
    return [maker for maker, in rows]


def defaults_for(database):
    """The default privileges that the role has: of what whom makes, in which schema, and what."""
    return set(database.run("""
        select pg_get_userbyid(defaclrole), (select nspname::text from pg_namespace n where n.oid = defaclnamespace), defaclobjtype::text
        from pg_default_acl, aclexplode(defaclacl)
        where grantee = (select oid from pg_roles where rolname = %s) and grantee <> defaclrole""", database.role))


def revoke(database, gone, notes, kept):
    """Takes away what was granted of schemas or of roles' schemas, but for those that are kept."""
    if not gone:
        return
    left = {oid: schema for oid, schema in schemas_of(database, gone, gone).items() if oid not in kept}
    statements = [f"revoke all on schema {name(schema)} from {database.me}" for schema, _, _, ours in left.values() if ours]
    tables = [table for table, in database.run(
        f"select distinct c.oid::regclass::text from pg_class c, aclexplode(relacl) where {RELATIONS} and relnamespace = any(%s::oid[])"
        " and grantee = (select oid from pg_roles where rolname = %s) and pg_has_role(relowner, 'USAGE')", list(left), database.role)] if left else []
    if tables:
        statements.append(f"revoke all on table {', '.join(tables)} from {database.me}")
    names = {schema for schema, *_ in left.values()}
    for maker, schema, kind in defaults_for(database):
        if schema in names or (schema is None and maker in gone and maker in notes):
            within = f" in schema {name(schema)}" if schema else ""
            what = {"n": "usage on schemas", "r": "select on tables"}.get(kind)
            statements += [f"alter default privileges for role {name(maker)}{within} revoke {what} from {database.me}"] if what else []
    database.do(statements)
    database.log(f"grants: no longer {', '.join(gone)}")
