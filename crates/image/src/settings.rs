//! The package indexes that the settings of `pip` and `uv` name.

use std::{collections::HashMap, env, fs, path::PathBuf};

use reqwest::Url;

use super::{Credentials, Error, Index, Result, pip, requirements::Requirements};

/// The index of whoever names none.
const PUBLIC_INDEX: &str = "https://pypi.org/simple/";

/// The indexes to ask, in order: a package comes from the first that has it, so that nobody can
/// put another one of its name into a public index.
///
/// The last is `UV_DEFAULT_INDEX`, `UV_INDEX_URL`, `PIP_INDEX_URL` or `index-url` of pip's
/// configuration files, or else the public one; before it come `UV_INDEX` and the extra ones
/// (`UV_EXTRA_INDEX_URL`, `PIP_EXTRA_INDEX_URL`, `extra-index-url`). Credentials come from the URL,
/// from `UV_INDEX_<NAME>_USERNAME` and `UV_INDEX_<NAME>_PASSWORD`, or from netrc.
pub(super) fn indexes() -> Result<Vec<Index>> {
    select(pip::variable, &pip::options(), &netrc())
}

/// The environment's indexes with those that a requirements file names.
pub(super) fn with_those_of(
    requirements: &Requirements,
    mut environment: Vec<Index>,
) -> Result<Vec<Index>> {
    let netrc = netrc();
    let of_file = |text: &String| index(&requirements.name, text, &|_| None, &netrc);
    if let Some(own) = &requirements.index {
        environment.pop();
        environment.push(of_file(own)?);
    }
    let mut indexes: Vec<Index> = Vec::new();
    let extra = requirements.extra_indexes.iter().map(of_file);
    for index in extra.chain(environment.into_iter().map(Ok)) {
        let index = index?;
        if !indexes.iter().any(|other| other.url == index.url) {
            indexes.push(index);
        }
    }
    Ok(indexes)
}

fn netrc() -> String {
    let named = env::var_os("NETRC").filter(|path| !path.is_empty());
    let path = named
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".netrc")));
    path.and_then(|path| fs::read_to_string(path).ok())
        .unwrap_or_default()
}

/// The index that a setting names.
fn index(
    source: &str,
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
    netrc: &str,
) -> Result<Index> {
    // uv writes name=URL
    let (name, url) = match text.split_once('=') {
        Some((name, url)) if !name.contains(['/', ':']) => (Some(name), url),
        _ => (None, text),
    };
    let url = Url::parse(url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"));
    let Some(url) = url else {
        return Err(Error::Http {
            action: "choosing the package index".into(),
            host: source.into(),
            status: None,
            reason: "its value is not an http or https URL".into(),
        });
    };
    let mut index = Index::new(url);
    if let (Some(name), None) = (name, &index.credentials) {
        let word = |c: char| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        };
        let name: String = name.chars().map(word).collect();
        let of = |what: &str| variable(&format!("UV_INDEX_{name}_{what}"));
        let (username, password) = (of("USERNAME"), of("PASSWORD"));
        index.credentials = username
            .or(password.as_ref().map(|_| String::new()))
            .map(|username| Credentials {
                username,
                password: password.unwrap_or_default(),
            });
    }
    if index.credentials.is_none() {
        let host = index.url.host_str();
        index.credentials = host.and_then(|host| netrc_credentials(netrc, host));
    }
    Ok(index)
}

/// Whoever wants packages from no index must not be given the public one's. Folders of packages beside an index are no
/// reason: all that is locked is in the index.
fn refuse_no_index(
    variable: &impl Fn(&str) -> Option<String>,
    pip: &HashMap<String, String>,
) -> Result<()> {
    let is_on = |value: &String| {
        let value = value.to_lowercase();
        !["0", "false", "no", "off", "n", "f"].contains(&value.as_str())
    };
    let named = ["PIP_NO_INDEX", "UV_NO_INDEX"].map(|name| (name, variable(name)));
    let of_file = ("no-index", pip.get("no-index").cloned());
    let all = named.into_iter().chain([of_file]);
    match all.into_iter().find(|(_, value)| value.as_ref().is_some_and(is_on)) {
        None => Ok(()),
        Some((source, _)) => Err(Error::Http {
            action: "choosing the package index".into(),
            host: source.into(),
            status: None,
            reason: "it is not supported: packages come from indexes alone; unset it, and name an index in PIP_INDEX_URL".into(),
        }),
    }
}

pub(super) fn select(
    variable: impl Fn(&str) -> Option<String>,
    pip: &HashMap<String, String>,
    netrc: &str,
) -> Result<Vec<Index>> {
    refuse_no_index(&variable, pip)?;
    let first = ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"]
        .iter()
        .find_map(|name| Some((*name, variable(name)?)));
    let first = first.or_else(|| Some(("index-url", pip.get("index-url")?.clone())));
    let (source, first) = first.unwrap_or(("the default", PUBLIC_INDEX.to_owned()));
    let mut named = vec![];
    let mut add = |source: &'static str, urls: Option<String>| {
        named.extend(
            urls.iter()
                .flat_map(|urls| urls.split_whitespace())
                .map(|url| (source, url.to_owned())),
        );
    };
    for extra in ["UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL"] {
        add(extra, variable(extra));
    }
    add("extra-index-url", pip.get("extra-index-url").cloned());
    add(source, Some(first));
    let mut indexes: Vec<Index> = Vec::new();
    for (source, text) in named {
        let index = index(source, &text, &variable, netrc)?;
        // the default is the last, also where it is named twice
        indexes.retain(|other| other.url != index.url);
        indexes.push(index);
    }
    Ok(indexes)
}

/// What a netrc file has for a host, or for any.
fn netrc_credentials(text: &str, host: &str) -> Option<Credentials> {
    let mut words = text.split_whitespace();
    let (mut ours, mut login, mut password) = (false, None, None);
    while let Some(word) = words.next() {
        match word {
            "machine" | "default" => {
                if ours {
                    break;
                }
                ours = word == "default" || words.next() == Some(host);
            }
            "login" if ours => login = words.next(),
            "password" if ours => password = words.next(),
            "login" | "password" | "account" => _ = words.next(),
            _ => {}
        }
    }
    Some(Credentials {
        username: login?.to_owned(),
        password: password?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pip::parse_ini;

    #[track_caller]
    fn check(variables: &[(&str, &str)], pip: &str, expected: &[&str]) {
        let variable = |name: &str| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let indexes = select(variable, &parse_ini(pip), "").unwrap();
        assert_eq!(
            indexes
                .iter()
                .map(|index| index.url.as_str())
                .collect::<Vec<_>>(),
            expected
        );
    }

    #[test]
    fn environment_wins_over_files_and_files_over_the_default() {
        let pip = "[global]\nindex-url = https://pip.example/simple\nextra_index_url =\n    https://one.example/\n    https://two.example/\n[freeze]\nindex-url=https://no.example\n";
        check(&[], "", &[PUBLIC_INDEX]);
        check(
            &[],
            pip,
            &[
                "https://one.example/",
                "https://two.example/",
                "https://pip.example/simple/",
            ],
        );
        check(
            &[("PIP_INDEX_URL", "https://env.example/simple/")],
            "",
            &["https://env.example/simple/"],
        );
        check(
            &[
                ("UV_DEFAULT_INDEX", "main=https://uv.example/simple"),
                ("PIP_INDEX_URL", "https://env.example"),
                ("UV_INDEX", "https://a.example/s?x=1"),
            ],
            "",
            &["https://a.example/s/?x=1", "https://uv.example/simple/"],
        );
    }

    #[test]
    fn a_named_index_has_its_credentials_in_the_environment() {
        let variable = |name: &str| {
            let value = match name {
                "UV_INDEX" => "my-team=https://a.example/ https://b.example/",
                "UV_INDEX_MY_TEAM_USERNAME" => "me",
                "UV_INDEX_MY_TEAM_PASSWORD" => "secret",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let indexes = select(variable, &HashMap::new(), "").unwrap();
        let me = Credentials {
            username: "me".into(),
            password: "secret".into(),
        };
        let credentials: Vec<_> = indexes.into_iter().map(|index| index.credentials).collect();
        assert_eq!(credentials, [Some(me), None, None]);
    }

    #[test]
    fn the_public_index_does_not_stand_in_for_none() {
        for (name, pip) in [
            ("PIP_NO_INDEX", ""),
            ("UV_NO_INDEX", ""),
            ("", "[global]\nno-index = true"),
        ] {
            let variable = |asked: &str| (asked == name).then(|| "1".to_owned());
            let error = select(variable, &parse_ini(pip), "")
                .unwrap_err()
                .to_string();
            assert!(error.contains(": it is not supported"), "{error}");
        }
        check(&[("PIP_NO_INDEX", "0")], "", &[PUBLIC_INDEX]);
        check(&[("PIP_FIND_LINKS", "/wheels")], "", &[PUBLIC_INDEX]);
    }

    #[test]
    fn a_broken_url_is_an_error_without_its_text() {
        let variable = |name: &str| (name == "PIP_INDEX_URL").then(|| "me:secret@host".to_owned());
        let error = select(variable, &HashMap::new(), "")
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "choosing the package index at PIP_INDEX_URL: its value is not an http or https URL"
        );
    }

    #[test]
    fn netrc_is_by_host() {
        let netrc = "machine a.example login me password one\nmachine b.example\n login you\n password two\ndefault login any password three";
        let password = |host| {
            netrc_credentials(netrc, host)
                .map(|credentials| credentials.password)
                .unwrap_or_default()
        };
        assert_eq!(
            [
                password("a.example"),
                password("b.example"),
                password("c.example")
            ],
            ["one", "two", "three"]
        );
        assert_eq!(
            netrc_credentials("machine a.example login me password one", "b.example"),
            None
        );
    }
}
