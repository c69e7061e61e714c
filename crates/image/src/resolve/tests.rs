mod shop;

use super::*;
use crate::{Cache, Digest};
use reqwest::Url;
use shop::*;

#[tokio::test]
async fn the_newest_that_all_others_bear_is_taken() {
    let shop = Shop::with(&[
        ("a 1.0", "c<3"),
        ("a 2.0", "b>=2\nc<2"),
        ("b 1.0", ""),
        ("b 2.0", "c"),
        ("b 10.0", "c>=2"),
        ("c 1.0", ""),
        ("c 1.5", ""),
        ("c 2.0", ""),
        ("c 3.0", ""),
    ])
    .await;
    assert_eq!(shop.resolve("c").await, "c 3.0");
    assert_eq!(shop.resolve("a, b").await, "a 2.0, b 2.0, c 1.5");
    assert_eq!(shop.resolve("b, a").await, "a 1.0, b 10.0, c 2.0");
    assert_eq!(shop.resolve("a, c==1.0").await, "a 2.0, b 2.0, c 1.0");
    assert_eq!(shop.resolve("a~=1.0, C!=2.0").await, "a 1.0, c 1.5");
}

#[tokio::test]
async fn extras_and_markers_are_those_of_the_target() {
    let mut shop = Shop::with(&[
        (
            "a 1.0",
            "Provides-Extra: x\nb ; extra == 'x'\nc[y] ; extra == 'z'\nd ; python_version < '3.12'\ne ; platform_machine == 'aarch64'\nf ; sys_platform == 'win32'",
        ),
        ("b 1.0", "a[z]"),
        ("b 2.0", "a[x,z]>2"),
        ("c 1.0", "Provides-Extra: y\ng ; extra == 'y'"),
        ("e 1.0", ""),
        ("g 1.0", ""),
    ])
    .await;
    assert_eq!(shop.resolve("a").await, "a 1.0");
    assert_eq!(shop.resolve("a[x]").await, "a 1.0, b 1.0, c 1.0, g 1.0");
    assert_eq!(shop.resolve("a, g ; os_name == 'nt'").await, "a 1.0");
    shop.platform = Platform::Arm64;
    assert_eq!(shop.resolve("a").await, "a 1.0, e 1.0");
}

#[tokio::test]
async fn what_is_excluded_comes_only_where_the_file_asks_for_it() {
    let mut shop = Shop::with(&[("a 1.0", "b\ndbt-core-experimental-parser<3,>=2.0.0b1")]).await;
    shop.add("dbt_core_experimental_parser-2.0.0b9.tar.gz", "", "");
    shop.add("b-1.0-py3-none-any.whl", "", "");
    assert_eq!(shop.resolve("a").await, "a 1.0, b 1.0");
    let asked = shop.resolve("a, dbt_core_experimental_parser").await;
    assert!(asked.contains("has no wheel for Python 3.12"), "{asked}");

    let requirements = Requirements::parse("r.txt", "a").unwrap();
    let without = requirements.without(&["B".to_owned()]).unwrap();
    let left = shop.packages(&without).await.unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[tokio::test]
async fn a_package_and_its_extra_are_of_one_version() {
    let extra = "Provides-Extra: x\nc ; extra == 'x'";
    let shop = Shop::with(&[
        ("a 1.0", extra),
        ("a 2.0", extra),
        ("a 3.0", ""),
        ("b 1.0", "a<3"),
        ("c 1.0", ""),
    ])
    .await;
    assert_eq!(shop.resolve("a[x], b").await, "a 2.0, b 1.0, c 1.0");
    assert_eq!(shop.resolve("b, a[x]>1").await, "a 2.0, b 1.0, c 1.0");
    assert_eq!(
        shop.resolve("a[x]").await,
        "a 3.0",
        "an extra that is none is nothing"
    );
}

#[tokio::test]
async fn a_constraint_says_which_but_not_that() {
    let shop = Shop::with(&[("a 1.0", "b"), ("b 1.0", ""), ("b 2.0", ""), ("c 1.0", "")]).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c.txt");
    std::fs::write(&path, "b<2\nc==1.0").unwrap();
    let path = path.display();
    assert_eq!(shop.resolve(&format!("a, -c {path}")).await, "a 1.0, b 1.0");
    assert_eq!(
        shop.resolve(&format!("b>1, -c {path}")).await,
        format!(
            "r.txt cannot be resolved for Python 3.12 on linux/amd64: r.txt, line 1, wants b>1; b 2.0 is not what {path}, line 1, allows"
        )
    );
}

#[tokio::test]
async fn prereleases_are_taken_where_there_is_nothing_else() {
    let shop = Shop::with(&[
        ("a 1.0", ""),
        ("a 2.0rc1", ""),
        ("b 1.0b1", ""),
        ("c 1.0", "a>=2.0a1"),
    ])
    .await;
    assert_eq!(shop.resolve("a").await, "a 1.0");
    assert_eq!(shop.resolve("a>=1.0rc1").await, "a 1.0");
    assert_eq!(shop.resolve("a, --pre").await, "a 2.0rc1");
    assert_eq!(shop.resolve("a>=2.0rc1").await, "a 2.0rc1");
    assert_eq!(shop.resolve("b").await, "b 1.0b1");
    assert_eq!(shop.resolve("c").await, "a 2.0rc1, c 1.0");
}

#[tokio::test]
async fn what_was_withdrawn_is_taken_by_its_version_alone() {
    let mut shop = Shop::with(&[("a 1.0", "")]).await;
    shop.add("a-2.0-py3-none-any.whl", "", "data-yanked=\"broken\"");
    assert_eq!(shop.resolve("a").await, "a 1.0");
    assert_eq!(shop.resolve("a==2.0").await, "a 2.0");
    assert!(
        shop.resolve("a>1")
            .await
            .ends_with("a 2.0 was withdrawn: ask for it with == to have it all the same")
    );
}

#[tokio::test]
async fn only_what_runs_on_the_target_is_taken() {
    let mut shop = Shop::with(&[("a 1.0", "")]).await;
    shop.add("a-2.0-cp312-cp312-manylinux_2_17_x86_64.whl", "", "");
    shop.add("a-3.0-cp312-cp312-macosx_11_0_arm64.whl", "", "");
    shop.add("a-4.0.tar.gz", "", "");
    shop.add(
        "a-5.0-py3-none-any.whl",
        "",
        "data-requires-python=\"&gt;=3.13\"",
    );
    shop.add(
        "b-1.0-py3-none-any.whl",
        "Requires-Python: >=3.12.4,!=3.12.5",
        "",
    );
    shop.add("b-2.0-py3-none-any.whl", "Requires-Python: >=3.13", "");
    assert_eq!(shop.resolve("a").await, "a 2.0");
    assert_eq!(shop.resolve("b").await, "b 1.0");
    shop.platform = Platform::Arm64;
    assert_eq!(shop.resolve("a").await, "a 1.0");
    assert_eq!(
        shop.resolve("a==2.0").await,
        "r.txt cannot be resolved for Python 3.12 on linux/arm64: r.txt, line 1, wants a==2.0; a 2.0 has no wheel for Python 3.12 on linux/arm64, and nothing is built here: choose another version or architecture, put a wheel of it into an index that UV_INDEX names, or exclude it if dbt runs without"
    );
    assert!(
        shop.resolve("a>=4")
            .await
            .ends_with("a 5.0 is for Python >=3.13: choose a base image that has it")
    );
    assert!(
        shop.resolve("b==2.0")
            .await
            .ends_with("b 2.0 cannot be used: it needs Python >=3.13")
    );
}

#[tokio::test]
async fn a_conflict_names_the_requirements_that_disagree() {
    let shop = Shop::with(&[
        ("dbt_core 1.4.0", "click<8.1"),
        ("dbt_core 1.9.0", "click>=8.1"),
        ("dbt_postgres 1.8.0", "dbt-core>=1.8"),
        ("dbt_postgres 1.9.0", "dbt-core>=1.8"),
        ("click 7.0", ""),
        ("click 8.2", ""),
    ])
    .await;
    let start = "r.txt cannot be resolved for Python 3.12 on linux/amd64: ";
    assert_eq!(
        shop.resolve("dbt-core==1.4.0, dbt-postgres").await,
        format!(
            "{start}r.txt, line 1, wants dbt-core==1.4.0; r.txt, line 2, wants dbt-postgres; dbt-postgres 1.8.0 to 1.9.0 wants dbt-core>=1.8; change one of these"
        )
    );
    assert_eq!(
        shop.resolve("dbt-postgres==1.9.0, click<8").await,
        format!(
            "{start}r.txt, line 1, wants dbt-postgres==1.9.0; r.txt, line 2, wants click<8; dbt-core 1.9.0 wants click>=8.1; dbt-postgres 1.9.0 wants dbt-core>=1.8; change one of these"
        )
    );
    assert_eq!(
        shop.resolve("click>=9").await,
        format!("{start}r.txt, line 1, wants click>=9; there is no such click: the newest is 8.2")
    );
    assert_eq!(
        shop.resolve("clack").await,
        format!("{start}r.txt, line 1, wants clack; no index has clack (asked: HOST, HOST)")
    );
}

#[tokio::test]
async fn a_package_comes_from_the_first_index_that_has_it() {
    let shop = Shop::with(&[("a 2.0", "")]).await;
    let wheel = WheelName::parse("a-1.0-py3-none-any.whl").unwrap();
    shop.server
        .put("/first/a/", "<a href='/other/a-1.0-py3-none-any.whl'>a</a>");
    shop.server
        .put("/other/a-1.0-py3-none-any.whl", package(&wheel, ""));
    let packages = shop.locked("a").await.unwrap();
    assert_eq!(packages[0].to_string(), "a 1.0");
    let hash = Digest::of(&package(&wheel, ""));
    assert_eq!(packages[0].hashes, [hash].into(), "the index tells none");
}

#[tokio::test]
async fn local_versions_are_their_public_one() {
    let shop = Shop::with(&[("a 1.0+cpu", ""), ("a 1.1", "")]).await;
    assert_eq!(shop.resolve("a==1.0").await, "a 1.0+cpu");
    assert_eq!(shop.resolve("a<=1.0").await, "a 1.0+cpu");
    assert_eq!(shop.resolve("a==1.0+cpu").await, "a 1.0+cpu");
    assert!(
        shop.resolve("a==1.0+gpu")
            .await
            .contains("there is no such a")
    );
}

#[tokio::test]
async fn broken_metadata_is_passed_over_and_named() {
    let mut shop = Shop::with(&[("a 1.0", ""), ("a 2.0", "b>=x")]).await;
    shop.add("c-1.0-py3-none-any.whl", "b @ https://b.example/b.whl", "");
    assert_eq!(shop.resolve("a").await, "a 1.0");
    let found = shop.resolve("a>1").await;
    assert!(
        found.contains("a 2.0 cannot be used: it needs \"b>=x\": "),
        "{found}"
    );
    let found = shop.resolve("c").await;
    assert!(
        found.ends_with("c 1.0 cannot be used: it needs b from a URL"),
        "{found}"
    );
}

#[tokio::test]
async fn as_little_of_a_wheel_is_read_as_the_index_allows() {
    let mut shop = Shop::new().await;
    let wheel = WheelName::parse("a-1.0-py3-none-any.whl").unwrap();
    let hex = |n: u64| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let noise: String = (0..40_000).map(hex).collect();
    let big = package_with(&wheel, "b", &[("a/noise", &noise)]);
    assert!(big.len() > 200_000, "{}", big.len());
    shop.put("a-1.0-py3-none-any.whl", big.clone(), "");
    shop.add("b-1.0-py3-none-any.whl", "", "");
    let files = |log: Vec<String>| log.iter().filter(|line| *line == "GET files").count();

    assert_eq!(shop.resolve("a").await, "a 1.0, b 1.0");
    assert_eq!(files(shop.server.log()), 3, "two parts of a, one of b");
    assert_eq!(shop.resolve("a").await, "a 1.0, b 1.0");
    assert_eq!(shop.server.log(), [""; 0], "all of it is known");

    // beside the wheel
    shop.put(
        "a-1.0-py3-none-any.whl",
        b"not looked at".to_vec(),
        "data-core-metadata=true",
    );
    let text = "Name: a\nVersion: 1.0\n";
    shop.server
        .put("/files/a-1.0-py3-none-any.whl.metadata", text);
    shop.finder = Finder::new(Cache::new(shop.directory.path()));
    assert_eq!(shop.resolve("a").await, "a 1.0");
    assert_eq!(files(shop.server.log()), 1);

    // a server that sends all or nothing: what it sent is not asked for again
    shop.server.0.lock().unwrap().ranges = false;
    shop.put("a-1.0-py3-none-any.whl", big, "data-core-metadata=false");
    let cold = tempfile::tempdir().unwrap();
    shop.finder = Finder::new(Cache::new(cold.path()));
    let packages = shop.locked("a").await.unwrap();
    let (python, platform) = (Python { minor: 12 }, Platform::Amd64);
    let indexes = shop.indexes();
    let wheels = shop.finder.wheels(&indexes, &packages, python, platform);
    assert_eq!(wheels.await.unwrap().len(), 2);
    assert_eq!(files(shop.server.log()), 2, "each wheel once");
}

#[tokio::test]
async fn the_order_of_the_answers_changes_nothing() {
    let letters = "abcdefgh";
    let mut releases = Vec::new();
    for (number, name) in letters.chars().enumerate() {
        for version in 1..=6 {
            let needs = letters.chars().cycle().skip(number + 1).take(3).enumerate();
            let needs = needs
                .map(|(far, other)| format!("{other}!={}", (version * (far + 2) + number) % 6 + 1));
            releases.push((
                format!("{name} {version}"),
                needs.collect::<Vec<_>>().join("\n"),
            ));
        }
    }
    let releases: Vec<_> = releases
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let shop = Shop::with(&releases).await;
    let first = shop.resolve("a, e").await;
    assert_eq!(first.split(", ").count(), 8, "{first}");
    for _ in 0..5 {
        let mut other = Shop::with(&releases).await;
        other.server.0.lock().unwrap().jitter = true;
        // what this machine has already changes nothing either
        let _ = other.resolve("c<3, g").await;
        other.finder = Finder::new(other.finder.cache.clone());
        assert_eq!(other.resolve("a, e").await, first);
    }
}

#[tokio::test]
async fn a_proof_of_many_steps_is_told_on_a_small_stack() {
    let shop = Shop::new().await;
    let rules = |known: &mut Releases| {
        let mut releases = BTreeMap::new();
        let mut needs = HashMap::new();
        let mut others = BTreeMap::new();
        let wheel = |file: String| Candidate {
            file,
            url: Url::parse("http://127.0.0.1/x").unwrap(),
            sha256: None,
            requires_python: None,
            yanked: false,
            metadata: crate::page::Beside::No,
        };
        for number in 0..400_u64 {
            let version = Version::new([number]);
            let release = |name: &str| Release {
                wheel: Some(wheel(format!("{name}-{number}-py3-none-any.whl"))),
                python: None,
            };
            releases.insert(version.clone(), release("a"));
            others.insert(version.clone(), release("b"));
            let metadata = Metadata {
                requires: vec![format!("b=={}", number + 10_000).parse().unwrap()],
                python: None,
            };
            needs.insert(version, Ok(metadata));
        }
        let package = |releases, needs| Package {
            index: 0,
            releases,
            needs,
        };
        known.insert("a".parse().unwrap(), package(releases, needs));
        known.insert("b".parse().unwrap(), package(others, HashMap::new()));
    };
    let mut known = Releases::new();
    rules(&mut known);
    let requirements = Requirements::parse("r.txt", "a").unwrap();
    let python = Python { minor: 12 };
    let environment = lock::environment(python, Platform::Amd64);
    let indexes = shop.indexes();
    let mut rules = Rules {
        patience: limits::ATTEMPT,
        finder: &shop.finder,
        indexes: &indexes,
        requirements: &requirements,
        direct: requirements.lines.iter().collect(),
        environment: &environment,
        python,
        platform: Platform::Amd64,
    };
    let Attempt::Conflict(reason) = rules.attempt_apart(&known) else {
        panic!("there is a solution");
    };
    assert!(
        reason.contains("there is no such b: the newest is 399"),
        "{reason}"
    );
    // however many combinations there are
    rules.patience = std::time::Duration::ZERO;
    assert!(matches!(rules.attempt_apart(&known), Attempt::Endless));
}
