"""dbt projects of different make, as files by name."""

# Seeds, views on them, and tables; and a model that takes ten minutes, where it is asked for.
TUTORIAL = {
    "dbt_project.yml": "{name: tutorial, version: '1.0', profile: tutorial, models: {tutorial: {marts: {+materialized: table}}}}",
    "seeds/raw_customers.csv": "id,name\n1,Ada\n2,Ben\n3,Cy\n",
    "seeds/raw_orders.csv": "id,customer_id,day\n1,1,2026-01-01\n2,1,2026-01-02\n3,3,2026-01-02\n",
    "seeds/raw_payments.csv": "id,order_id,cents\n1,1,500\n2,2,250\n3,3,125\n4,3,125\n",
    "models/staging/stg_customers.sql": "select id as customer_id, name from {{ ref('raw_customers') }}",
    "models/staging/stg_orders.sql": "select id as order_id, customer_id, day from {{ ref('raw_orders') }}",
    "models/staging/stg_payments.sql": "select order_id, cents / 100.0 as amount from {{ ref('raw_payments') }}",
    "models/marts/orders.sql": "select order_id, customer_id, day, sum(amount) as amount\n"
                               "from {{ ref('stg_orders') }} join {{ ref('stg_payments') }} using (order_id) group by 1, 2, 3",
    "models/marts/customers.sql": "select customer_id, name, count(order_id) as orders, sum(amount) as amount\n"
                                  "from {{ ref('stg_customers') }} left join {{ ref('orders') }} using (customer_id) group by 1, 2",
    "models/marts/slow.sql": "{{ config(enabled=var('slow', false)) }} select 1 as id from pg_sleep(600)",
    "models/marts.yml": "models: [{name: customers, columns: [{name: customer_id, data_tests: [unique, not_null]}]}]",
}

# A local package, as `dbt deps` installs it, macros of both, a snapshot; and what gives its secrets away, where it is asked for.
PACKAGED = {
    "dbt_project.yml": "{name: packaged, version: '1.0', profile: packaged}",
    "packages.yml": "packages: [{local: packages/units}]",
    "packages/units/dbt_project.yml": "{name: units, version: '1.0', profile: units, models: {units: {+schema: units}}}",
    "packages/units/macros/euros.sql": "{% macro euros(column) %}({{ column }} / 100.0){% endmacro %}",
    "packages/units/models/currencies.sql": "select 'EUR' as currency",
    "seeds/prices.csv": "id,cents\n1,100\n2,250\n",
    "macros/not_negative.sql": "{% test not_negative(model, column_name) %}select * from {{ model }} where {{ column_name }} < 0{% endtest %}",
    "models/priced.sql": "select id, {{ units.euros('cents') }} as euros, currency from {{ ref('prices') }} cross join {{ ref('currencies') }}",
    "models/priced.yml": "models: [{name: priced, columns: [{name: euros, data_tests: [not_negative]}]}]",
    "snapshots/prices.yml": "snapshots: [{name: prices_then, relation: ref('prices'), config: {unique_key: id, strategy: check, check_cols: [cents]}}]",
    "models/leak.sql": "{{ config(enabled=var('leak', false), meta={'key': var('key', env_var('API_KEY'))}) }}\n"
                       "{{ log(var('key', env_var('API_KEY')), info=true) }} select cast('{{ env_var('API_KEY') }}' as integer) as id",
    "leak.py": "import os\nprint(open(os.environ['DBT_AWS_CONNECTION_FILE']).read(), dict(os.environ), flush=True)\nraise SystemExit(os.environ['API_KEY'])",
}


def generated(count):
    """A project of so many models: views, what is between, tables, and one incremental model of ten."""
    tenth = count // 10
    files = {"dbt_project.yml": "{name: generated, version: '1.0', profile: generated, models: {generated: {middle: {+materialized: ephemeral}, "
                                "marts: {+materialized: table}, facts: {+materialized: incremental}}}}"}
    for n in range(4 * tenth):
        files[f"models/staging/stg_{n}.sql"] = f"select {n} as id, {n % 7} as kind"
        files[f"models/middle/mid_{n}.sql"] = f"select * from {{{{ ref('stg_{n}') }}}} union all select * from {{{{ ref('stg_{(n + 1) % (4 * tenth)}') }}}}"
    for n in range(tenth):
        files[f"models/marts/mart_{n}.sql"] = f"select kind, count(*) as rows from {{{{ ref('mid_{n}') }}}} group by kind"
        files[f"models/facts/fact_{n}.sql"] = f"select id, {{{{ is_incremental() }}}} as later from {{{{ ref('mid_{n}') }}}}"
    marts = [f"mart_{n}" for n in range(0, tenth, 6)]
    exposures = ", ".join(f"{{name: of_{mart}, type: dashboard, owner: {{name: data}}, depends_on: [ref('{mart}')]}}" for mart in marts)
    units = ", ".join(f"{{name: {mart}_counts, model: {mart}, given: [{{input: ref('{mart.replace('mart', 'mid')}'), "
                      "format: sql, rows: 'select 1 as id, 2 as kind union all select 3, 2'}], expect: {rows: [{kind: 2, rows: 2}]}}" for mart in marts)
    return {**files, "models/all.yml": f"exposures: [{exposures}]\nunit_tests: [{units}]"}


def write(folder):
    """Writes them all, and what is not to be packed."""
    for project, files in {"tutorial": TUTORIAL, "packaged": PACKAGED, "generated": generated(300)}.items():
        for name, text in files.items():
            path = folder / project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    (folder / "packaged/dbt_packages").mkdir()
    (folder / "packaged/dbt_packages/units").symlink_to(folder / "packaged/packages/units")
