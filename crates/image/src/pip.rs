//! What the environment and pip's configuration files say.

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
};

/// The variable that names trusted hosts of whatever kind.
pub(super) const TRUSTED: &str = "DBT_AWS_TRUSTED_HOST";

/// The registries that are asked without encryption.
pub(super) fn trusted_registries() -> Vec<String> {
    hosts(variable(TRUSTED))
}

/// The indexes that are asked without encryption: [`TRUSTED`], `UV_INSECURE_HOST`, `PIP_TRUSTED_HOST` or else
/// `trusted-host` of pip's configuration files.
pub(super) fn trusted_indexes() -> Vec<String> {
    trusted(variable, &options())
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

/// A variable that is set to something.
pub(super) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// The options in pip's configuration files.
pub(super) fn options() -> HashMap<String, String> {
    let texts = files().into_iter().map(fs::read_to_string);
    texts.flatten().flat_map(|text| parse_ini(&text)).collect()
}

/// pip's configuration files, the strongest last.
fn files() -> Vec<PathBuf> {
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
