use super::*;

const NODES: Reads = Reads::NODES;

/// What is said of files whose folders tell what dbt reads them for.
fn afresh(files: &[(&str, &str)]) -> Option<String> {
    let packages = ["shop", "dbt_date"].map(str::to_owned).into();
    let mut scan = Scan::new(&packages, None);
    for (name, text) in files {
        let reads = match name.contains("macros/") {
            true => Reads {
                macros: true,
                nodes: false,
                ..NODES
            },
            false => NODES,
        };
        scan.file(name, reads, text);
    }
    scan.parse_afresh()
}

#[track_caller]
fn check(files: &[(&str, &str)], expected: Option<&str>) {
    assert_eq!(afresh(files).as_deref(), expected, "{files:?}");
}

#[test]
fn values_of_the_run_are_found_where_dbt_parses() {
    let model = |text: &str, expected: Option<&str>| {
        let expected = expected.map(|value| format!("models/a.sql mentions {value}"));
        check(&[("models/a.sql", text)], expected.as_deref());
    };
    model(
        "{{ config(full_refresh=flags.FULL_REFRESH) }}",
        Some("flags"),
    );
    model(
        "{{ config(alias='a_' ~ run_started_at.strftime('%Y')) }}",
        Some("run_started_at"),
    );
    model("{{ config(tags=[invocation_id]) }}", Some("invocation_id"));
    model(
        "{% set d = modules.datetime.date.today() %}",
        Some("date.today"),
    );
    model(
        "{% set d = modules.datetime.datetime.now(modules.pytz.utc) %}",
        Some("datetime.now"),
    );
    model("{{ [1, 2] | random }}", Some("random"));
    model("{{ context['run_started_at'] }}", Some("run_started_at"));
    model("{{ context.get('flags') }}", Some("flags"));
    model("{{ context.flags }}", Some("flags"));
    for hidden in [
        "context['run_' ~ 'started_at']",
        "context[\"\\x66lags\"]",
        "context.get(name)",
        "(context | items)",
        "context.items()",
    ] {
        let text = format!("{{{{ config(tags=[{hidden}]) }}}}");
        model(&text, Some("context as a whole"));
    }
    for (hidden, of) in [
        ("set c = context", "context"),
        ("set c = dbt['should_full_' ~ 'refresh']()", "dbt"),
        ("set c = builtins[x]", "builtins"),
        ("set c = builtins.get(x)", "builtins"),
        ("set m = model", "model"),
        ("do config(meta=target)", "target"),
        ("do config(meta={'a': target})", "target"),
        ("set m = target[x]", "target"),
        ("set m = target | tojson", "target"),
        ("set m = model.items()", "model"),
    ] {
        let expected = format!("{of} as a whole");
        model(&format!("{{% {hidden} %}}"), Some(&expected));
    }
    model(
        "{{ context['x'] }} {{ x.context }} {{ f(context=1) }}",
        None,
    );
    model("{{ [[1]] | map('random') }}", Some("random"));
    model(
        "{{ config(meta={'at': model.created_at}) }}",
        Some("model.created_at"),
    );
    model("{{ model['created_at'] }}", Some("model.created_at"));
    model("{{ target.threads }}", Some("target.threads"));
    model("{{ target['threads'] }}", Some("target.threads"));
    model("{{ target.get('threads') }}", Some("target.threads"));
    model("{{ model | attr('created_at') }}", Some("model as a whole"));
    model(
        "{{ f(target['name'], dbt.type_string(), dbt['hash'](model.name), model=1) }} {{ f(model) }}",
        None,
    );
    model(
        "{{ a.created_at }} {{ target.name }} {{ f(['threads']) }}",
        None,
    );
    model(
        "{{ dbt.should_full_refresh() }}",
        Some("should_full_refresh"),
    );
    model(
        "{{ config(x=1) }} select now(), flags from a where run_started_at > 1",
        None,
    );
    model("{# flags #} select 1", None);
    model(
        "{{ f(flags=1) }} {{ a.flags }} {{ star(except=['flags', 'now']) }}",
        None,
    );
    model(
        "{{ modules.datetime.timedelta(1) }} {{ range(1) }} {{ random }}",
        None,
    );
    model(
        "{{ env_var('X') }} {{ target.name }} {{ var('x') }} {{ is_incremental() }}",
        None,
    );
}

#[test]
fn what_brackets_hold_ends_no_expression() {
    let flags = |file: &str, text: &str| {
        let expected = format!("{file} mentions flags");
        check(&[(file, text)], Some(&expected));
    };
    for text in [
        "{{ config(meta={'a': {'b': 1}}, full_refresh=flags.FULL_REFRESH) }}",
        "{{ config(partition_by={'field': 'd', 'range': {'start': 0}}, tags=[flags.WHICH]) }}",
        "{{ config(a={'b': {'c': {}}}) }}{{ [{'a': {}}] ~ flags }}",
        "{% set a = {'%}': {'b': 1}} %}{{ {}}}{{ {'}}': flags}}}",
        "{{ f('{(') ~ flags }}",
    ] {
        flags("models/a.sql", text);
    }
    for text in [
        "x: \"{{ {'a': {'b': 1}}['a'] ~ flags.WHICH }}\"",
        "x: \"{{ '}}' ~ flags.WHICH }}\"",
        "x: '{{ ''}}'' ~ \"{{\" ~ flags.WHICH }}'",
        "x: \"{{ \\\"}}\\\" ~ flags.WHICH }}\"",
        "x: >-\n  {{ {'a': {'b': 1}}['a']\n  ~ flags.WHICH }}\n",
        "x: {y: {z: \"{{ {'a': {}}\n    ~ flags }}\"}}",
        "y: &a \"{{ ')' ~ {'a': {}} ~ flags }}\"\nx: *a",
        "x: [{to: \"ref('a' if flags.FULL_REFRESH else 'b')\"}]",
        // what is no YAML, or only to dbt
        "x: \"{{ {'a': {'b': 1}}['a'] ~ flags.WHICH }}\"\n- y",
    ] {
        flags("models/a.yml", text);
    }
    check(
        &[(
            "models/a.yml",
            "a: {b: {c: flags}} # {{ flags }}\nx: \"{{ doc('flags') }}\"\ny: {z: {flags: now}}",
        )],
        None,
    );
    // dbt passes over what stands between macros, whatever that is
    for open in ["{{ ( }}", "{% set x = [ %} it's"] {
        let text = format!("{open}{{% macro a() %}}{{{{ flags }}}}{{% endmacro %}}");
        let found = afresh(&[("macros/m.sql", &text), ("models/a.sql", "{{ a() }}")]);
        assert!(found.is_some(), "{open}");
    }
}

#[test]
fn properties_count_in_jinja_alone() {
    let yaml = |text: &str, expected: Option<&str>| check(&[("dbt_project.yml", text)], expected);
    yaml(
        "+enabled: \"{{ flags.WHICH == 'run' }}\"",
        Some("dbt_project.yml mentions flags"),
    );
    yaml(
        "+tags: ['{{ invocation_id }}']",
        Some("dbt_project.yml mentions invocation_id"),
    );
    yaml("description: flags of today, run_started_at", None);
    for escaped in [
        r#"+tags: ["\x7b\x7b run\u005fstarted_at }}"]"#,
        "+tags: [\"{{ run_star\\\n    ted_at }}\"]",
        r#"+tags: ["{{ \U00000072un_started_at }}"]"#,
    ] {
        yaml(escaped, Some("dbt_project.yml mentions run_started_at"));
    }
    yaml(r"path: c:\users\x", None);
    yaml("x: \"{{ var('x') }}\" # flags", None);
}

#[test]
fn macros_count_where_something_names_them() {
    let flags = (
        "macros/m.sql",
        "{% macro late() %}{{ flags.WHICH }}{% endmacro %} {% macro other() %}1{% endmacro %}",
    );
    let reached = |file: &str, name: &str, of: &str, value: &str| {
        format!("{file} can reach the macro {name} of {of}, which mentions {value}")
    };
    check(&[flags], None);
    check(&[flags, ("models/a.sql", "{{ other() }}")], None);
    let found = reached("models/a.sql", "late", "macros/m.sql", "flags");
    for text in [
        "{{ late() }}",
        "{{ shop.late() }}",
        "{{ context['late']() }}",
        "{{ adapter.dispatch('late')() }}",
        "{{ adapter.dispatch(x)() }}",
        "{{ dbt_date['la' ~ 'te']() }}",
    ] {
        check(&[flags, ("models/a.sql", text)], Some(&found));
    }
    check(
        &[flags, ("models/a.yml", "x: \"{{ late() }}\"")],
        Some(&found.replace("a.sql", "a.yml")),
    );
    check(&[flags, ("models/a.yml", "late: late")], None);

    let deep = (
        "macros/n.sql",
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ return(adapter.dispatch('c')()) }}{% endmacro %}{% macro default__c() %}{{ late() }}{% endmacro %}",
    );
    let found = reached("models/a.sql", "a", "macros/n.sql", "flags");
    check(&[flags, deep, ("models/a.sql", "{{ a() }}")], Some(&found));
    check(&[flags, deep, ("models/a.sql", "{{ other() }}")], None);
    let round = (
        "macros/n.sql",
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}",
    );
    check(&[flags, round, ("models/a.sql", "{{ a() }}")], None);
    let any = (
        "macros/n.sql",
        "{% macro a(x) %}{{ shop[x]() }}{% endmacro %}",
    );
    check(
        &[flags, any, ("models/a.sql", "{{ a('l' ~ 'ate') }}")],
        Some(&found),
    );
    check(&[any, ("models/a.sql", "{{ a('l' ~ 'ate') }}")], None);
}

#[test]
fn a_macros_parameters_are_its_own() {
    for (header, counts) in [
        ("a(model)", false),
        ("a(x=[1, 2], model=none)", false),
        ("a(x)", true),
        ("a(x=[1, model])", true),
        ("a(x=f(model))", true),
    ] {
        let text = format!("{{% macro {header} %}}{{{{ model | lower }}}}{{% endmacro %}}");
        let found = afresh(&[("macros/m.sql", &text), ("models/a.sql", "{{ a() }}")]);
        assert_eq!(found.is_some(), counts, "{header}: {found:?}");
    }
}

#[test]
fn macros_that_dbt_calls_itself_count() {
    for name in [
        "generate_schema_name",
        "postgres__generate_alias_name",
        "ref",
    ] {
        let own = format!("{{% macro {name}() %}}{{{{ run_started_at }}}}{{% endmacro %}}");
        let expected = format!(
            "macros/m.sql can reach the macro {name} of macros/m.sql, which mentions run_started_at"
        );
        check(&[("macros/m.sql", &own)], Some(&expected));
    }
    let test = |body: &str| {
        format!(
            "{{% test recent(model) %}}{{{{ {body} }}}}{{% endtest %}}{{% macro late() %}}{{{{ modules.datetime.datetime.utcnow() }}}}{{% endmacro %}}{{% macro kept() %}}{{{{ config(tags=[late()]) }}}}{{% endmacro %}}"
        )
    };
    let named = (
        "models/m.yml",
        "models: [{name: a, data_tests: [shop.recent]}]",
    );
    for (body, counts) in [
        ("config(enabled=flags.FULL_REFRESH)", true),
        ("config(tags=[late()])", true),
        ("kept()", true),
        ("late()", false),
        ("config(severity='warn')", false),
    ] {
        let test = test(body);
        check(&[("macros/t.sql", &test)], None);
        let found = afresh(&[("macros/t.sql", &test), named]);
        assert_eq!(found.is_some(), counts, "{body}: {found:?}");
    }
    let stored = (
        "macros/t.sql",
        "{% materialization x, default %}{{ flags }}{% endmaterialization %}",
    );
    check(
        &[stored, ("models/m.sql", "{{ config(materialized='x') }}")],
        None,
    );
}

#[test]
fn a_packages_macro_of_a_clocks_name_is_told_from_the_clock() {
    let date = (
        "macros/d.sql",
        "{% macro today() %}{{ current_date() }}{% endmacro %}",
    );
    check(
        &[
            date,
            ("models/a.sql", "{{ dbt_date.today() }} {{ today() }}"),
        ],
        None,
    );
    check(
        &[
            date,
            ("models/a.sql", "{{ modules.datetime.date.today() }}"),
        ],
        Some("models/a.sql mentions date.today"),
    );
    check(
        &[("models/a.sql", "{{ dbt_date.today() }}")],
        Some("models/a.sql mentions dbt_date.today"),
    );
}

#[test]
fn many_files_take_a_time_that_grows_with_their_number() {
    let macros: Vec<(String, String)> = (0..20_000)
        .map(|n| {
            (
                format!("macros/{n}.sql"),
                format!("{{% macro m{n}() %}}{{{{ m{}() }}}}{{% endmacro %}}", n + 1),
            )
        })
        .collect();
    let mut files: Vec<(&str, &str)> = macros
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    files.push((
        "macros/last.sql",
        "{% macro m20000() %}{{ flags }}{% endmacro %}",
    ));
    files.push(("models/a.sql", "{{ m0() }}"));
    let found = afresh(&files).unwrap();
    assert!(
        found.starts_with("models/a.sql can reach the macro m0 of"),
        "{found}"
    );
}
