"""The first container of a task, on a PostgreSQL whose administrator is none of its superusers, as RDS's."""

import json
import socket
import threading
from contextlib import closing

import psycopg2
import pytest
from postgres import PASSWORD, server, warehouse  # noqa: F401


def outcome(s3, place="r1/1"):
    return json.loads(s3.get_object(Bucket="artifacts", Key=f"shop/prod/runs/{place}/outcome.json")["Body"].read())


def kinds(warehouse, schema):
    """Who owns what in a schema."""
    return warehouse.run("select relname::text, pg_get_userbyid(relowner) from pg_class where relnamespace = %s::regnamespace and relkind <> 'i' order by 1", schema)


def test_a_new_project_gets_its_role_and_builds_as_it(warehouse, s3):
    shop = warehouse.project("shop")
    first, again = shop.set_up(), shop.set_up()
    assert (first.code, again.code) == (0, 0), first.log + again.log
    assert first.log == again.log == f"dbt-aws: dbt logs in as {shop.role}\n"
    assert s3.list_objects_v2(Bucket="artifacts").get("Contents") is None
    shop.run("create schema if not exists shop; create table shop.orders as select 1 as id; create temporary table t as select 1")
    [attributes] = warehouse.run("select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolcanlogin from pg_roles where rolname = %s", shop.role)
    assert attributes == (False, False, False, False, False, True)


def test_dbt_builds_what_the_administrator_had_built(warehouse, run):
    warehouse.run("create schema shop; create table shop.orders as select 0 as id; create view shop.recent as select * from shop.orders")
    shop = warehouse.project("shop")
    shop.set_up()
    result = run({"models/orders.sql": "{{ config(materialized='table') }} select 1 as id", "models/recent.sql": "select * from {{ ref('orders') }}"},
                 ["dbt build", "dbt docs generate"], DBT_AWS_PROFILE=shop.environment()["DBT_AWS_PROFILE"],
                 DBT_AWS_WAREHOUSE_SECRET=json.dumps({"password": shop.password}))
    assert result.code == 0, result.log
    assert shop.run("select * from shop.recent") == [(1,)]


def test_a_secret_that_is_replaced_is_the_new_password(warehouse):
    shop = warehouse.project("shop", password="first-first-first")
    assert shop.set_up().code == 0
    shop.run("alter role current_user password 'something else'")
    shop.password = "second'second\\second"
    assert shop.set_up().code == 0
    assert shop.run("select 1") == [(1,)]
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        warehouse.run("select 1", user=shop.role, password="first-first-first")


def test_what_the_administrator_made_is_taken_over_with_who_may_read_it(warehouse):
    bi = f"bi_{warehouse.name}"
    warehouse.run(f"""
        create role {bi} login password 'bi';
        create schema shop; create schema shop_marts; create schema shopping; create schema raw;
        alter default privileges in schema shop grant select on tables to {bi};
        alter default privileges grant usage on schemas to {bi};
        grant usage on schema shop to {bi};
        create table raw.orders as select 1 as id;
        create table shop.orders (id serial primary key, at date) partition by range (id);
        create table shop."Odd ""name" partition of shop.orders for values from (1) to (9);
        create view shop.recent as select * from shop.orders; create materialized view shop_marts.daily as select 1 as id;
        create sequence shop.loose; create type shop.mood as enum ('good'); create type shop.pair as (a int, b int); create domain shop.positive as int;
        create function shop.one(int, text) returns int language sql as 'select 1'; create procedure shop.nothing() language sql as 'select 1';
        create table shopping.list as select 1 as id;""")
    shop = warehouse.project("shop")
    first, again = shop.set_up(), shop.set_up()
    assert (first.code, again.code) == (0, 0), first.log
    assert f"the schema shop_marts is the project's now, and no longer {warehouse.administrator}'s" in first.log
    assert "is the project's now" not in again.log and "are the project's now" not in again.log
    for schema in ("shop", "shop_marts"):
        assert {owner for _, owner in kinds(warehouse, schema)} == {shop.role}
    assert warehouse.run("select distinct pg_get_userbyid(proowner) from pg_proc where pronamespace = 'shop'::regnamespace") == [(shop.role,)]
    assert warehouse.run("select distinct pg_get_userbyid(typowner) from pg_type where typnamespace = 'shop'::regnamespace") == [(shop.role,)]
    assert kinds(warehouse, "shopping") == [("list", warehouse.administrator)]
    shop.run('create table shop.fresh as select 1 as id; alter table shop.orders rename to old; drop schema shop_marts cascade; create schema shop_new')
    assert warehouse.run("select * from shop.fresh", user=bi, password="bi") == [(1,)]
    assert warehouse.run("select has_schema_privilege(%s, 'shop_new', 'usage')", bi) == [(True,)]
    assert warehouse.run("select * from shop.fresh") == [(1,)], "the administrator reads what the project makes"
    # What the administrator makes there later goes the same way.
    warehouse.run("create table shop.by_hand as select 1 as id")
    assert shop.refused("table shop.by_hand") == "permission denied for table by_hand"
    shop.set_up()
    shop.run("drop table shop.by_hand")


def test_what_the_role_is_given_is_its_own_with_all_that_is_in_it(warehouse):
    shop = warehouse.project("shop")
    shop.set_up()
    warehouse.run(f"create schema snapshots; create table snapshots.customers as select 1 as id; alter schema snapshots owner to {shop.role}")
    shop.set_up()
    shop.run("alter table snapshots.customers add column at date")


def test_a_project_that_is_gone_leaves_its_data_to_another_or_is_removed(warehouse):
    shop, store = warehouse.project("shop"), warehouse.project("store", schema="shop", grants=[f"{warehouse.name}_shop"])
    shop.set_up()
    shop.run("create schema shop; create table shop.orders as select 1 as id")
    warehouse.run(f"grant {shop.role} to current_user")
    warehouse.run(f"create role {store.role} login; grant {store.role} to current_user; reassign owned by {shop.role} to {store.role}")
    assert store.set_up().code == 0
    store.run("drop table shop.orders")
    warehouse.run(f"drop owned by {shop.role} cascade; drop role {shop.role}")
    assert "no project's role of that name" in store.set_up().log


def test_more_than_one_transaction_holds(warehouse):
    warehouse.run("create schema shop; do $$ begin for i in 1..600 loop execute format('create view shop.v%s as select 1 as id', i); end loop; end $$")
    shop = warehouse.project("shop")
    assert shop.set_up().code == 0
    assert {owner for _, owner in kinds(warehouse, "shop")} == {shop.role}


@pytest.mark.parametrize("longer_first", [True, False])
def test_schemas_that_begin_alike_go_to_the_project_that_names_most_of_them(warehouse, longer_first):
    warehouse.run("create schema shop; create schema shop_eu; create schema shop_eu_marts; create schema shop_marts; create table shop_eu_marts.t as select 1 as id")
    shop, europe = warehouse.project("shop"), warehouse.project("europe", schema="shop_eu")
    for project in [europe, shop] if longer_first else [shop, europe, shop]:
        made = project.set_up()
        assert made.code == 0, made.log
    owners = dict(warehouse.run("select nspname::text, pg_get_userbyid(nspowner) from pg_namespace where nspname like 'shop%'"))
    assert owners == {"shop": shop.role, "shop_marts": shop.role, "shop_eu": europe.role, "shop_eu_marts": europe.role}
    assert kinds(warehouse, "shop_eu_marts") == [("t", europe.role)]


def test_a_schema_of_another_project_is_refused(warehouse, s3):
    first, second = warehouse.project("first", schema="shop"), warehouse.project("second", schema="shop")
    assert first.set_up().code == 0
    first.run("create schema shop")
    refused = second.set_up()
    assert (refused.code, outcome(s3)["class"], outcome(s3)["exitCode"]) == (2, "dbt-error", 2)
    assert outcome(s3)["message"] == (
        f"the schema shop of the profile is another project's, and nothing was run: it belongs to the role {first.role}; choose another profile.schema, "
        f'or give it to the project, as the administrator: alter schema "shop" owner to {second.role}')
    warehouse.run(f"alter schema shop owner to {second.role}; reassign owned by {first.role} to {second.role}")
    assert second.set_up().code == 0


def test_what_another_project_made_stays_its_own_whatever_it_is_called(warehouse, s3):
    shop, thief = warehouse.project("shop"), warehouse.project("thief", schema="shop_marts")
    assert shop.set_up().code == 0
    shop.run("create schema shop_marts; create table shop_marts.orders as select 1 as id")
    refused = thief.set_up()
    assert refused.code == 2 and "the schema shop_marts of the profile is another project's" in outcome(s3)["message"], refused.log
    assert kinds(warehouse, "shop_marts") == [("orders", shop.role)]
    assert thief.refused("select * from shop_marts.orders") == "permission denied for schema shop_marts"


def test_public_is_built_in_and_is_for_nobody_else_to_create_in(warehouse):
    warehouse.run("grant create on schema public to public", **warehouse.superuser)  # as before PostgreSQL 15
    warehouse.run("create table public.orders as select 1 as id")
    other, shop = warehouse.project("other"), warehouse.project("shop", schema="public")
    assert "the schema public is no longer for everybody to create in" in other.set_up().log
    made = shop.set_up()
    assert made.code == 0 and "no longer for everybody" not in made.log, made.log
    shop.run("create table public.fresh as select 1 as id; drop table public.orders")
    assert other.refused("create table public.mine (id int)") == "permission denied for schema public"
    assert other.refused("select * from public.fresh") == "permission denied for table fresh"


def test_projects_read_each_other_only_where_grants_say_so(warehouse):
    sales, finance = warehouse.project("sales"), warehouse.project("finance")
    for project in (sales, finance):
        assert project.set_up().code == 0
        project.run(f"create schema {project.schema}; create table {project.schema}.orders as select 1 as id")
    warehouse.run("create schema raw; create table raw.events as select 1 as id")
    assert finance.refused("select * from sales.orders") == "permission denied for schema sales"
    assert finance.refused("drop schema sales cascade") == "must be owner of schema sales"
    assert finance.refused(f"set role {sales.role}") == f'permission denied to set role "{sales.role}"'

    finance.grants = [sales.role, "raw", "later"]
    granted = finance.set_up()
    assert (granted.code, granted.log.count("grants:")) == (0, 1), granted.log
    assert "grants: there is no schema later yet, and no project's role of that name; a run that begins once there is may read it" in granted.log
    read = "select * from sales.orders union all select * from raw.events"
    assert finance.run(read) == [(1,), (1,)]
    assert finance.refused("insert into sales.orders values (2)") == "permission denied for table orders"
    # As dbt makes tables anew, and schemas.
    sales.run("drop table sales.orders; create table sales.orders__dbt_tmp as select 2 as id; alter table sales.orders__dbt_tmp rename to orders;"
              "create schema sales_marts; create view sales_marts.daily as select * from sales.orders")
    warehouse.run("create table raw.later as select 3 as id; create schema later; create table later.t as select 4 as id")
    assert finance.run("select * from sales.orders union all select * from sales_marts.daily union all select * from raw.later") == [(2,), (2,), (3,)]
    assert "grants:" not in finance.set_up().log
    assert finance.run("select * from later.t") == [(4,)]

    warehouse.run(f"create schema theirs; grant usage on schema theirs to {finance.role}")
    finance.grants = ["raw"]
    taken = finance.set_up()
    assert f"grants: no longer {sales.role}, later" in taken.log
    sales.run("create table sales.new as select 1 as id; create schema sales_new")
    for schema in ("sales", "sales_marts", "sales_new", "later"):
        assert finance.refused(f"select * from {schema}.orders") == f"permission denied for schema {schema}"
    assert warehouse.run("select count(*) from pg_default_acl, aclexplode(defaclacl) where grantee = %s::regrole", finance.role) == [(1,)]
    assert finance.run("select * from raw.later") == [(3,)]
    assert warehouse.run("select has_schema_privilege(%s, 'theirs', 'usage')", finance.role) == [(True,)], "what was granted by hand stays"


def test_one_schema_of_a_project_can_be_granted_alone(warehouse):
    sales, finance = warehouse.project("sales"), warehouse.project("finance", grants=["sales_marts"])
    sales.set_up()
    sales.run("create schema sales; create table sales.t as select 1 as id; create schema sales_marts; create table sales_marts.t as select 1 as id")
    finance.set_up()
    sales.run("create table sales_marts.new as select 2 as id")
    assert finance.run("select * from sales_marts.t union all select * from sales_marts.new") == [(1,), (2,)]
    assert finance.refused("select * from sales.t") == "permission denied for schema sales"


def test_what_only_its_owner_can_grant_is_said(warehouse):
    owner = f"loader_{warehouse.name}"
    warehouse.run(f"create role {owner} login password 'x'", **warehouse.superuser)
    warehouse.run(f"create schema raw authorization {owner}; create table raw.t as select 1 as id; alter table raw.t owner to {owner}", **warehouse.superuser)
    shop = warehouse.project("shop", grants=["raw"])
    made = shop.set_up()
    assert made.code == 0
    assert f'grants: raw belongs to the role {owner}, which alone can grant it: grant usage on schema "raw" to {shop.role}' in made.log
    assert f"grants: raw has relations of the role {owner}, which alone can grant them: grant select on them to {shop.role}" in made.log


def test_names_are_names_whatever_they_hold(warehouse):
    odd = "we\"ird'; drop schema raw; --"
    quoted = odd.replace('"', '""')
    warehouse.run(f"""create schema raw; create schema "{quoted}"; create table "{quoted}"."t%s{{me}}" as select 1 as id""")
    shop = warehouse.project("shop", schema=f"{odd}%", grants=[odd])
    made = shop.set_up()
    assert made.code == 0, made.log
    assert shop.run(f'select * from "{quoted}"."t%s{{me}}"') == [(1,)]
    assert warehouse.run("select to_regnamespace('raw') is not null") == [(True,)]


def test_many_at_once_do_not_disturb_each_other(warehouse):
    warehouse.run("create schema s0; create schema s1; create schema raw; create table s0.t as select 1 as id; create table raw.t as select 1 as id")
    projects = [warehouse.project(f"p{n % 3}", schema=f"s{n % 3}", grants=["raw"]) for n in range(9)]
    runs = [project.begin() for project in projects]
    logs = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0] * 9, logs
    assert all(project.run("select * from raw.t") == [(1,)] for project in projects)


def test_a_warehouse_that_refuses_the_administrator_is_no_connection_error(warehouse, s3):
    secret = json.dumps({"username": warehouse.administrator, "password": "wrong-wrong-wrong"})
    shop = warehouse.project("shop")
    refused = shop.set_up(DBT_AWS_WAREHOUSE_SECRET=secret)
    found = outcome(s3)
    assert (refused.code, found["class"], found["commands"]) == (2, "dbt-error", [])
    assert f"{shop.role}, the role of the project, could not be set up in the warehouse at 127.0.0.1:{warehouse.port}, and nothing was run" in found["message"]
    assert found["message"].endswith("; see that the warehouse's secret has the password of the database's master user")
    assert "password authentication failed" in found["message"] and "wrong-wrong-wrong" not in refused.log


def test_a_warehouse_that_starts_is_a_connection_error(warehouse, s3):
    """What says so listens, and hangs up: no minute is waited for it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        threading.Thread(target=lambda: [server.accept()[0].close() for _ in range(4)], daemon=True).start()
        warehouse.port = server.getsockname()[1]
        made = warehouse.project("shop").set_up(DBT_AWS_RUN_ID="r2", DBT_AWS_ATTEMPT="3")
    found = outcome(s3, "r2/3")
    assert (made.code, found["class"], found["exitCode"]) == (69, "connection", 69)
    assert found["message"].startswith(f"the warehouse at 127.0.0.1:{warehouse.port} could not be reached, and nothing was run: ")


def test_no_secret_is_shown(warehouse):
    made = warehouse.project("shop", password="pass-word-of-the-role").set_up()
    assert "pass-word-of-the-role" not in made.log and PASSWORD not in made.log
