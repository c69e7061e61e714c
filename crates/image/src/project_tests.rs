use std::{fs, path::Path};

use super::*;

pub(super) fn write(root: &Path, files: &[(&str, &str)]) {
    for (path, content) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

pub(super) fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        &[(
            "dbt_project.yml",
            "name: 'shop'\nprofile: \"shop_profile\"\n",
        )],
    );
    write(directory.path(), files);
    directory
}

pub(super) fn names(directory: &Path) -> Vec<String> {
    let read = Project::read(directory).unwrap();
    let files = read.files.iter().map(|(path, entry)| match entry {
        Entry::Link(target) => format!("{path} -> {target}"),
        Entry::File { .. } => path.clone(),
        Entry::Directory => format!("{path}/"),
    });
    files.collect()
}

#[test]
fn what_is_read_by_several_threads_comes_in_its_order() {
    let model = |n: usize| format!("models/m_{n:03}.sql");
    let text = |n: usize| format!("{{{{ run_started_at }}}} {{{{ env_var('V_{n:03}') }}}}");
    let directory = project(&[("models/large.csv", &"1\n".repeat(1 << 20))]);
    for n in 0..300 {
        write(directory.path(), &[(&model(n), &text(n))]);
    }
    let read = Project::read(directory.path()).unwrap();
    let packed = read.pack(vec![]).unwrap();
    let mut archive = tar::Archive::new(&packed.out[..]);
    let entries = archive.entries().unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.header().entry_type().is_file());
    let paths = files.map(|entry| entry.path().unwrap().to_str().unwrap().to_owned());
    let mut expected: Vec<String> = names(directory.path());
    expected.push(FACTS.to_owned());
    let expected: Vec<String> = expected
        .iter()
        .map(|name| format!("project/{name}"))
        .collect();
    assert_eq!(paths.collect::<Vec<_>>(), expected);
    assert_eq!(packed.variables.len(), 300);
    assert!(
        packed
            .facts
            .contains("models/m_000.sql mentions run_started_at"),
        "{}",
        packed.facts
    );
    let layer = |read: &Project| read.layer(io::sink()).unwrap().1;
    assert_eq!(read.layer_of(&packed).unwrap(), layer(&read));
    write(directory.path(), &[(&model(299), "{{ env_var('OTHER') }}")]);
    let again = read.layer_of(&packed).unwrap();
    assert_eq!(again, layer(&read));
    assert_ne!(again.layer.diff_id, packed.diff_id);
}

#[test]
fn equal_projects_are_equal_layers() {
    let files = [("models/a.sql", "select 1"), ("models/b/c.sql", "select 2")];
    let (one, two) = (project(&files), project(&[files[1], files[0]]));
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    File::options()
        .write(true)
        .open(two.path().join("models/a.sql"))
        .unwrap()
        .set_modified(old)
        .unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(
            two.path().join("models/a.sql"),
            fs::Permissions::from_mode(0o700),
        )
        .unwrap();
        fs::set_permissions(
            two.path().join("models/b"),
            fs::Permissions::from_mode(0o700),
        )
        .unwrap();
    }
    let layer = |directory: &Path| Project::read(directory).unwrap().layer(Vec::new()).unwrap();
    let (bytes, packed) = layer(one.path());
    assert_eq!(
        (&bytes, &packed),
        (&layer(two.path()).0, &layer(two.path()).1)
    );
    // the digest itself is the promise: another machine computes the same one
    assert_eq!(
        packed.layer.diff_id.to_string(),
        "sha256:fa82441f04437280b2850de0f33d0888bf726a9fa1d8ab5c76ba5ab734412a89"
    );
    assert_eq!(packed.layer.digest, crate::Digest::of(&bytes));
    assert_eq!(packed.layer.size, bytes.len() as u64);
    write(two.path(), &[("models/a.sql", "select 3")]);
    assert_ne!(packed.layer.digest, layer(two.path()).1.layer.digest);
}

#[test]
fn the_layer_unpacks_to_the_project() {
    let long = format!("models/{}/{}.sql", "d".repeat(90), "f".repeat(120));
    let directory = project(&[("models/a.sql", "select 1"), (&long, "select 2")]);
    let (bytes, _) = Project::read(directory.path())
        .unwrap()
        .layer(Vec::new())
        .unwrap();
    let mut entries = Vec::new();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]))
        .entries()
        .unwrap()
    {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!(
            (
                header.mtime().unwrap(),
                header.uid().unwrap(),
                header.gid().unwrap()
            ),
            (0, 0, 0)
        );
        entries.push((
            entry.path().unwrap().to_str().unwrap().to_owned(),
            header.mode().unwrap(),
        ));
    }
    let folder = format!("project/{}/", long.rsplit_once('/').unwrap().0);
    let expected = [
        ("project/", 0o755),
        ("project/dbt_project.yml", 0o644),
        ("project/models/", 0o755),
        ("project/models/a.sql", 0o644),
        (&folder, 0o755),
        (&format!("project/{long}"), 0o644),
        ("project/.dbt-aws.json", 0o644),
    ];
    assert_eq!(
        entries,
        expected.map(|(path, mode)| (path.to_owned(), mode))
    );
}

#[test]
fn target_and_logs_are_where_the_project_says() {
    let directory = project(&[
        (
            "dbt_project.yml",
            "name: shop\ntarget-path: build/out\nlog-path: \"{{ env_var('X') }}\"\n",
        ),
        ("target/a.sql", ""),
        ("build/out/b.sql", ""),
        ("logs/dbt.log", ""),
        ("dbt_packages/p/dbt_project.yml", "name: p"),
        ("dbt_packages/p/target/c.sql", ""),
    ]);
    assert_eq!(
        names(directory.path()),
        [
            "dbt_packages/p/dbt_project.yml",
            "dbt_project.yml",
            "target/a.sql"
        ]
    );
}

#[test]
fn what_a_path_names_is_packed_whatever_it_is_called() {
    let directory = project(&[
        (
            "dbt_project.yml",
            "name: shop\nmodel-paths: [logs, build/target/models]\nasset-paths: [.idea]\ntarget-path: build/target\n",
        ),
        ("logs/a.sql", ""),
        ("logs/dbt.log", ""),
        ("logs/node_modules/b.sql", ""),
        ("build/target/models/c.sql", ""),
        ("build/target/manifest.json", ""),
        (".idea/logo.png", ""),
    ]);
    let expected = [
        ".idea/logo.png",
        "build/target/models/c.sql",
        "dbt_project.yml",
        "logs/a.sql",
        "logs/node_modules/b.sql",
    ];
    assert_eq!(names(directory.path()), expected);
}

#[test]
fn a_nested_project_that_is_no_yaml_is_packed_as_it_is() {
    let directory = project(&[
        ("dbt_packages/p/dbt_project.yml", "{{ cookiecutter }}: ["),
        ("dbt_packages/q/dbt_project.yml", "- no mapping"),
    ]);
    let expected = [
        "dbt_packages/p/dbt_project.yml",
        "dbt_packages/q/dbt_project.yml",
        "dbt_project.yml",
    ];
    assert_eq!(names(directory.path()), expected);
}

#[test]
fn name_and_profile_are_read() {
    let read = Project::read(project(&[]).path()).unwrap();
    assert_eq!(
        (read.name.as_str(), read.profile.as_deref(), read.len()),
        ("shop", Some("shop_profile"), 1)
    );
}

#[track_caller]
pub(super) fn refused(directory: &Path, expected: &str) {
    let error = Project::read(directory)
        .map(|project| project.files)
        .unwrap_err()
        .to_string();
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn dbt_project_yml_is_read_as_dbt_reads_it() {
    let read = |text: &str| Project::read(project(&[("dbt_project.yml", text)]).path());
    let name = |text: &str| read(text).unwrap().name;
    assert_eq!(
        name("name: shop\nmodels: {a: 1}\nmodels: {b: 1}\nname: last"),
        "last"
    );
    assert_eq!(name("\u{feff}x: &x {name: shop}\n<<: *x\n"), "shop");
    let error = |text: &str| read(text).unwrap_err().to_string();
    for (text, expected) in [
        (
            "name: 2020",
            "its dbt_project.yml has a name that is not text; put it in quotes",
        ),
        (
            "name: a\nb: c: d",
            "its dbt_project.yml cannot be read: it is not valid YAML: line 2, column 5: ",
        ),
        (
            &"[".repeat(20_000),
            "its dbt_project.yml cannot be read: it is not valid YAML: line 1, column ",
        ),
        (&"- ".repeat(20_000), "values are nested more than 100 deep"),
        (
            &"# x\n".repeat(1 << 20),
            "its dbt_project.yml cannot be read: it is larger than 1 MB",
        ),
    ] {
        assert!(error(text).contains(expected), "{}", error(text));
    }
    let packages = project(&[("packages.yml", "packages: [a: b: c]")]);
    let error = Project::read(packages.path()).unwrap_err().to_string();
    assert!(
        error.contains("packages.yml cannot be packed: it is not valid YAML: line 1, column "),
        "{error}"
    );
    let deep = project(&[(&format!("{}a", "d/".repeat(120)), "")]);
    refused(
        deep.path(),
        "it is more than 100 directories deep; name it in .dockerignore",
    );
}

#[test]
fn a_large_project_says_what_makes_it_so() {
    let directory = project(&[("seeds/a.csv", "1"), ("data/raw/dump.bin", "")]);
    let dump = File::options()
        .write(true)
        .open(directory.path().join("data/raw/dump.bin"))
        .unwrap();
    dump.set_len(123_000_000).unwrap();
    let expected = "123 MB are packed, which each run has to fetch; largest are data/raw/dump.bin (123 MB), dbt_project.yml (1 kB), seeds/a.csv (1 kB); name what dbt does not need in .dockerignore";
    assert_eq!(Project::read(directory.path()).unwrap().notes, [expected]);
}

#[test]
fn the_runner_is_told_of_variables_and_of_values_that_change() {
    let directory = project(&[
        ("models/a.sql", "{{ env_var('A') }} {{ run_started_at }}"),
        (
            "dbt_packages/p/dbt_project.yml",
            "name: p\nvars: {x: \"{{ env_var('B', '') }}\"}",
        ),
        ("profiles.yml", "{{ env_var('NOT_PACKED') }}"),
        (".dbt-aws.json", "of the user"),
    ]);
    let facts = |directory: &Path| {
        let (bytes, layer) = Project::read(directory).unwrap().layer(Vec::new()).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]));
        let path = format!("{}/.dbt-aws.json", layer.directory);
        let found = archive.entries().unwrap().map(Result::unwrap);
        let mut found = found.filter(|entry| entry.path().unwrap().to_str() == Some(&path));
        let mut text = String::new();
        found.next().unwrap().read_to_string(&mut text).unwrap();
        assert!(found.next().is_none());
        text
    };
    let expected = "{\"version\":1,\"variables\":[\"A\",\"B\"],\"parseAfresh\":\"models/a.sql mentions run_started_at\"}\n";
    assert_eq!(facts(directory.path()), expected);
    let found = Project::read(directory.path()).unwrap();
    let found = found.contents(&Fingerprint::default()).unwrap();
    assert!(found.variables.iter().eq(["A", "B"]));
    fs::write(directory.path().join("models/a.sql"), "select 1").unwrap();
    assert!(facts(directory.path()).contains("[\"B\"],\"parseAfresh\":null"));
    for (key, end) in [("model-paths: [", "]"), ("packages-install-path: ", "")] {
        let settings = format!("name: shop\n{key}\"{{{{ env_var('P') }}}}\"{end}");
        write(directory.path(), &[("dbt_project.yml", &settings)]);
        let told = facts(directory.path());
        assert!(told.contains("of dbt_project.yml is a template"), "{told}");
    }
}

#[test]
fn what_dbt_would_clean_is_inside_the_project_or_not() {
    for (targets, inside) in [
        ("", false),
        ("clean-targets:", false),
        ("clean-targets: []", true),
        ("clean-targets: [target, dbt_packages]", true),
        ("clean-targets: [target, /tmp/target]", false),
        ("clean-targets: [a/../../b]", false),
        ("clean-targets: [\"{{ env_var('X') }}/../a\"]", true),
    ] {
        let text = format!("name: shop\n{targets}\n");
        let directory = project(&[("dbt_project.yml", &text)]);
        let found = Project::read(directory.path()).unwrap().cleans_inside;
        assert_eq!(found, inside, "{targets}");
    }
}

#[test]
fn a_directory_without_a_project_is_refused() {
    refused(
        Path::new("/nonexistent"),
        "/nonexistent is not a dbt project: there is no such directory",
    );
    refused(
        tempfile::tempdir().unwrap().path(),
        "it has no dbt_project.yml; give the directory that holds one",
    );
    let directory = project(&[]);
    let file = directory.path().join("dbt_project.yml");
    refused(
        &file,
        &format!(
            "it is a file; give the directory that holds dbt_project.yml, such as {}",
            directory.path().display()
        ),
    );
    refused(
        project(&[("dbt_project.yml", "profile: x")]).path(),
        "its dbt_project.yml has no name",
    );
    for (name, example) in [
        ("my-project", "my_project"),
        ("1shop", "shop"),
        ("a b.c", "a_b_c"),
        ("'42'", "shop"),
    ] {
        let text = format!("name: {name}\nprofile: x");
        let plain = name.trim_matches('\'');
        refused(
            project(&[("dbt_project.yml", &text)]).path(),
            &format!(
                "its dbt_project.yml has the name {plain:?}, which dbt refuses; use letters, digits and _, and do not begin with a digit, such as {example}"
            ),
        );
    }
    refused(
        project(&[("dbt_project.yml", "name: dbt")]).path(),
        "its dbt_project.yml has the name \"dbt\", which is that of dbt's own macros; choose another",
    );
    for name in ["_shop_2", "größe", "'{{ env_var(\"A\") }}'"] {
        let text = format!("name: {name}\nprofile: x");
        assert!(Project::read(project(&[("dbt_project.yml", &text)]).path()).is_ok());
    }
    refused(
        project(&[("dbt_project.yml", "- a")]).path(),
        "its dbt_project.yml is not a mapping",
    );
    refused(
        project(&[(".dockerignore", "*.yml")]).path(),
        "its .dockerignore leaves dbt_project.yml out",
    );
}

#[test]
fn changes_are_counted_and_named() {
    let directory = project(&[
        ("models/a.sql", "1"),
        ("models/b.sql", "1"),
        ("models/c.sql", "1"),
    ]);
    let pack = || {
        Project::read(directory.path())
            .unwrap()
            .pack(io::sink())
            .unwrap()
            .hashes
    };
    let before = pack().fingerprint();
    assert_eq!(pack().changes_since(&before).to_string(), "no file changed");
    write(
        directory.path(),
        &[("models/a.sql", "2"), ("models/d.sql", "1")],
    );
    fs::remove_file(directory.path().join("models/c.sql")).unwrap();
    let changes = pack().changes_since(&before);
    assert_eq!(
        changes.to_string(),
        "1 file changed (models/a.sql), 1 file added (models/d.sql), 1 file removed"
    );
    assert_eq!(changes.count(), 3);
}

#[test]
fn no_text_breaks_what_reads_it() {
    const SEEDS: [&str; 4] = [
        "name: shop\nmodel-paths: [a, 'b', \"c\\n\"]\nx: &x {a: b}\ny: *x\n<<: *x\n",
        "- a\n- b: |\n    x\n  c: >-\n    y\n? z\n: !!str q\n",
        "{% macro a(x) %}{{ b['c'] }}{# d #}{% raw %}{{ env_var('E') }}{% endraw %}{% endmacro %}",
        "*\n!models/**/[a-c]?.sql\n\\#x\n",
    ];
    const SIGNS: &str = "ab: -[]{}?&*!|>'\"%@`\n\t\r#,.~\\\u{feff}\u{e9}\0<=\u{85}/";
    let signs: Vec<char> = SIGNS.chars().collect();
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap_or_default() % below
    };
    let none = HashSet::new();
    for _ in 0..3000 {
        let mut text: Vec<char> = SEEDS[next(SEEDS.len())].chars().collect();
        for _ in 0..=next(8) {
            let at = next(text.len() + 1);
            match next(3) {
                0 => text.truncate(at.max(1)),
                1 => text.insert(at, signs[next(signs.len())]),
                _ => {
                    let part = text[at..text.len().min(at + 6)].to_vec();
                    text.splice(at..at, part);
                }
            }
        }
        let text: String = text.into_iter().collect();
        if let Ok(yaml) = crate::yaml::Yaml::parse(&text) {
            yaml.root().and_then(|root| root.get("a"));
        }
        _ = crate::ignore::Rules::parse(&text).decision("models/a/ab.sql");
        let mut scan = Scan::new(&none, None);
        for name in ["models/a.sql", "models/a.yml"] {
            let reads = settings::Reads::NODES;
            let mut read = scan.reader(name, reads, text.len() as u64, text.as_bytes());
            io::copy(&mut read, &mut io::sink()).unwrap();
            scan.take(read);
        }
        assert!(scan.facts().starts_with("{\"version\":1,"));
    }
}
