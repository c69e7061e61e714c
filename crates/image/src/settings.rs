//! The package indexes that the settings of `pip` and `uv` name.

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
};

use reqwest::Url;

use super::{Credentials, Error, Index, Result, requirements::Requirements};

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
    select(variable, &pip_options(), &netrc())
}

/// The variable that names trusted hosts of whatever kind.
pub(super) const TRUSTED: &str = "DBT_AWS_TRUSTED_HOST";

/// The registries that are asked without encryption.
pub(super) fn trusted_registries() -> Vec<String> {
    hosts(variable(TRUSTED))
}

/// The indexes that are asked without encryption: [`TRUSTED`], `UV_INSECURE_HOST`, `PIP_TRUSTED_HOST` or else
/// `trusted-host` of pip's configuration files.
pub(super) fn trusted_indexes() -> Vec<String> {
    trusted(variable, &pip_options())
}

pub(super) fn trusted(
    variable: impl Fn(&str) -> Option<String>,
    pip: &HashMap<String, String>,
) -> Vec<String> {
    let of_pip = variable("PIP_TRUSTED_HOST").or_else(|| pip.get("trusted-host").cloned());
    let all = [variable(TRUSTED), variable("UV_INSECURE_HOST"), of_pip];
    hosts(all.into_iter().flatten())
}

/// The hosts that settings list.
fn hosts(lists: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut hosts = vec![];
    for list in lists {
        let each = list.split([' ', ',', '\t', '\n']);
        hosts.extend(each.filter(|host| !host.is_empty()).map(str::to_owned));
    }
    hosts
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// The options in pip's configuration files.
fn pip_options() -> HashMap<String, String> {
    let texts = pip_files().into_iter().map(fs::read_to_string);
    texts.flatten().flat_map(|text| parse_ini(&text)).collect()
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
            reason: "its value is no http or https URL".into(),
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

/// pip's configuration files, the strongest last.
fn pip_files() -> Vec<PathBuf> {
    let directory = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let home = env::home_dir().unwrap_or_default();
    let named = directory("PIP_CONFIG_FILE");
    if named
        .as_deref()
        .is_some_and(|path| path == Path::new("/dev/null") || path == Path::new("nul"))
    {
        return Vec::new();
    }
    let mut files = match env::consts::OS {
        "windows" => vec![
            directory("PROGRAMDATA")
                .unwrap_or_default()
                .join("pip/pip.ini"),
            home.join("pip/pip.ini"),
            directory("APPDATA").unwrap_or_default().join("pip/pip.ini"),
        ],
        system => {
            let user = match system {
                "macos" if home.join("Library/Application Support/pip").is_dir() => {
                    home.join("Library/Application Support")
                }
                _ => directory("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")),
            };
            let global = [
                "/Library/Application Support/pip/pip.conf",
                "/etc/xdg/pip/pip.conf",
                "/etc/pip.conf",
            ];
            let mut files: Vec<PathBuf> = global.iter().map(PathBuf::from).collect();
            files.extend([home.join(".pip/pip.conf"), user.join("pip/pip.conf")]);
            files
        }
    };
    files.extend(
        directory("VIRTUAL_ENV")
            .map(|venv| venv.join(if cfg!(windows) { "pip.ini" } else { "pip.conf" })),
    );
    files.extend(named);
    files
}

/// The options of `[global]` and `[install]`; lists go on in indented lines.
pub(super) fn parse_ini(text: &str) -> HashMap<String, String> {
    let mut options: HashMap<String, String> = HashMap::new();
    let (mut ours, mut last) = (false, None);
    for line in text.lines() {
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = content.strip_prefix('[') {
            ours = matches!(section.trim_end_matches(']'), "global" | "install");
            last = None;
        } else if line.starts_with([' ', '\t']) {
            if let Some(value) = last.as_ref().and_then(|key| options.get_mut(key)) {
                value.push(' ');
                value.push_str(content);
            }
        } else if let Some((key, value)) = content.split_once(['=', ':']).filter(|_| ours) {
            let key = key.trim().to_lowercase().replace('_', "-");
            options.insert(key.clone(), value.trim().to_owned());
            last = Some(key);
        }
    }
    options
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
            "choosing the package index at PIP_INDEX_URL: its value is no http or https URL"
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
