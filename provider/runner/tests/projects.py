"""Generated dbt projects."""

PROJECT = "name: shop\nversion: '1.0'\nprofile: shop\nmodels: {shop: {+materialized: table}}\n"

# What strangers' projects have and small ones do not.
TRAITS = {
    "dbt_project.yml": """
name: shop
version: '1.0'
profile: shop
flags: {require_resource_names_without_spaces: false}
vars: {label: plain}
on-run-start: ["create schema if not exists hooks", "create table if not exists hooks.starts (label varchar)"]
on-run-end: ["insert into hooks.starts values ('{{ var('label') }}')"]
models:
  shop:
    +materialized: table
    +meta: {owner: "{{ env_var('TEAM', 'nobody') }}"}
    never: {+enabled: false}
seeds: {shop: {+quote_columns: true}}
""",
    "packages.yml": "packages: [{local: ./dbt_packages/pkg}]\n",
    "dbt_packages/pkg/dbt_project.yml": "name: pkg\nversion: '1.0'\nprofile: shop\nmodels: {pkg: {+schema: pkg, +materialized: view}}\n",
    "dbt_packages/pkg/models/of_package.sql": "select {{ pkg.one() }} as id",
    "dbt_packages/pkg/macros/one.sql": "{% macro one() %}1{% endmacro %}",
    "selectors.yml": """
selectors:
  - name: most
    definition: {union: [{method: fqn, value: "*"}, {exclude: [{method: tag, value: nightly, indirect_selection: eager}]}]}
  - name: nightly
    definition: {method: tag, value: nightly}
""",
    "macros/names.sql": """
{% macro generate_schema_name(custom, node) %}{{ target.schema if custom is none else custom ~ env_var('SUFFIX', '') }}{% endmacro %}
{% macro count_rows(model) %}{% do log(run_query('select count(*) from ' ~ model).columns[0].values() | list, info=true) %}{% endmacro %}
{% test even(model, column_name) %}select * from {{ model }} where {{ column_name }} % 2 = 1{% endtest %}
""",
    "models/a.sql": "{{ config(tags=['hourly']) }} select 2 as id, '{{ var('label') }}' as label, cast('2026-01-01' as date) as day",
    "models/never/off.sql": "select nothing from nowhere",
    "models/off_too.sql": "{{ config(enabled=false) }} select 1 as id",
    "models/step.sql": "{{ config(materialized='ephemeral') }} select * from {{ ref('a') }}",
    "models/grows.sql": """{{ config(materialized='incremental', unique_key=none) }}
select id, '{{ is_incremental() }}' as how from {{ ref('step') }} {% if is_incremental() %} where id > 0 {% endif %}""",
    "models/versioned.sql": "select id from {{ ref('a') }}",
    "models/versioned_v1.sql": "select id, label from {{ ref('a') }}",
    "models/größe.sql": "select 'groß – 日本' as \"größe\"",
    "models/with space.sql": "{{ config(alias='spaced') }}\r\nselect 1 as id\r\n",
    "models/py.py": "def model(dbt, session):\n    dbt.config(materialized='table')\n    return session.sql('select 42 as answer')\n",
    "models/spine.sql": "select cast('2026-01-01' as date) as day",
    "models/private.sql": "{{ config(group='money', access='private') }} select 1 as id",
    "models/schema.yml": """
version: 2
groups: [{name: money, owner: {name: finance}}]
models:
  - name: a
    description: "{{ doc('a') }}"
    config: {contract: {enforced: true}}
    columns:
      - {name: id, data_type: integer, data_tests: [unique, not_null, even]}
      - {name: label, data_type: varchar, data_tests: [{accepted_values: {arguments: {values: [plain, other]}}}]}
      - {name: day, data_type: date}
  - name: versioned
    latest_version: 2
    versions: [{v: 2, defined_in: versioned}, {v: 1}]
  - name: spine
    time_spine: {standard_granularity_column: day}
    columns: [{name: day, granularity: day}]
sources:
  - name: raw
    schema: main
    config: {loaded_at_field: day, freshness: {warn_after: {count: 1000000, period: day}}}
    tables: [{name: a}]
exposures:
  - {name: board, type: dashboard, owner: {name: finance, email: f@example.com}, depends_on: [ref('a')]}
semantic_models:
  - name: orders
    model: ref('a')
    defaults: {agg_time_dimension: placed}
    entities: [{name: order, type: primary, expr: id}]
    dimensions: [{name: placed, expr: day, type: time, type_params: {time_granularity: day}}]
    measures: [{name: orders, agg: count, expr: id}]
metrics: [{name: orders, label: Orders, type: simple, type_params: {measure: orders}}]
saved_queries:
  - {name: by_day, query_params: {metrics: [orders], group_by: ["TimeDimension('order__placed', 'day')"]}}
unit_tests:
  - name: grows_from_a
    model: versioned
    given: [{input: ref('a'), rows: [{id: 4}]}]
    expect: {rows: [{id: 4}]}
""",
    "models/docs.md": "{% docs a %}Ä doc.{% enddocs %}",
    "seeds/städte.csv": "name,größe\nKöln,1\n",
    "snapshots/s.yml": "snapshots: [{name: kept, relation: ref('a'), config: {unique_key: id, strategy: check, check_cols: all}}]",
    "tests/positive.sql": "select * from {{ ref('a') }} where id < 0",
    "analyses/look.sql": "select * from {{ ref('a') }}",
}

# What changes from run to run, or with an option, reaches the parse.
VOLATILE = {
    "dbt_project.yml": PROJECT,
    "models/hist.sql": "{{ config(materialized='incremental', full_refresh=flags.FULL_REFRESH) }} select '{{ invocation_id }}' as run",
    "models/daily.sql": "{{ config(alias='daily_' ~ run_started_at.strftime('%H%M%S%f')) }} select 1 as id",
    "models/which.sql": "{{ config(meta={'which': flags.WHICH}) }} select '{{ flags.WHICH }}' as which",
}
