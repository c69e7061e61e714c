//! What Linux does for a container.

use crate::prelude::*;
use aws_sdk_ecs::types::{KernelCapabilities, LinuxParameters};

/// Linux options of a container.
#[derive(Clone, Debug, PartialEq, Props)]
pub struct TaskDefinitionLinuxParameters {
    /// Whether a small init process forwards signals and reaps children. Default: `false`.
    #[prop(default = false)]
    pub init_process_enabled: bool,
    /// The Linux capabilities of its processes. Default: those that Docker gives.
    pub capabilities: Option<TaskDefinitionCapabilities>,
}

/// The Linux capabilities of a container's processes.
///
/// See [capabilities](https://man7.org/linux/man-pages/man7/capabilities.7.html).
#[derive(Clone, Debug, PartialEq, Props)]
pub struct TaskDefinitionCapabilities {
    /// Capabilities to add: on Fargate, only `SYS_PTRACE`. Default: none.
    #[prop(check = added)]
    pub add: Option<Set<String>>,
    /// Capabilities to drop: `ALL`, or single ones such as `NET_RAW`. Default: none.
    #[prop(check = dropped)]
    pub drop: Option<Set<String>>,
}

fn added(names: &Set<String>) -> Result<(), String> {
    match names.iter().find(|name| *name != "SYS_PTRACE") {
        Some(name) => Err(format!(
            "{name:?} is not SYS_PTRACE, the only one that Fargate can add"
        )),
        None => Ok(()),
    }
}

fn dropped(names: &Set<String>) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_uppercase() || c == '_';
    match names
        .iter()
        .find(|name| name.is_empty() || name.starts_with("CAP_") || !name.chars().all(fits))
    {
        Some(name) => Err(format!(
            "{name:?} is not ALL or a capability such as NET_RAW, without CAP_"
        )),
        None => Ok(()),
    }
}

impl TaskDefinitionLinuxParameters {
    /// What AWS takes.
    pub(super) fn to_aws(&self) -> LinuxParameters {
        let list = |names: &Option<Set<String>>| names.clone().map(|all| all.into_iter().collect());
        let capabilities = self.capabilities.as_ref().map(|own| {
            KernelCapabilities::builder()
                .set_add(list(&own.add))
                .set_drop(list(&own.drop))
                .build()
        });
        LinuxParameters::builder()
            .init_process_enabled(self.init_process_enabled)
            .set_capabilities(capabilities)
            .build()
    }

    /// What AWS says; none where that is nothing, and nothing was given.
    pub(super) fn from_aws(read: &LinuxParameters, known: Option<&Self>) -> Option<Self> {
        let own = known.and_then(|k| k.capabilities.as_ref());
        let set = |names: &[String]| names.iter().cloned().collect::<Set<_>>();
        let capabilities = read.capabilities().map(|read| TaskDefinitionCapabilities {
            add: kept(set(read.add()), own.map(|k| &k.add)),
            drop: kept(set(read.drop()), own.map(|k| &k.drop)),
        });
        let capabilities =
            capabilities.filter(|c| c.add.is_some() || c.drop.is_some() || own.is_some());
        let said =
            read.init_process_enabled().is_some() || capabilities.is_some() || known.is_some();
        said.then(|| Self {
            init_process_enabled: read.init_process_enabled().unwrap_or(false),
            capabilities,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_come_back_as_they_were_given() {
        let set = |names: &[&str]| Some(names.iter().map(|n| (*n).to_owned()).collect::<Set<_>>());
        for (add, drop) in [
            (None, set(&["ALL"])),
            (set(&["SYS_PTRACE"]), set(&["CHOWN", "NET_RAW"])),
            (set(&[]), None),
            (None, None),
        ] {
            let capabilities = Some(TaskDefinitionCapabilities { add, drop });
            let given = TaskDefinitionLinuxParameters {
                init_process_enabled: false,
                capabilities,
            };
            let sent = given.to_aws();
            let read = TaskDefinitionLinuxParameters::from_aws(&sent, Some(&given));
            assert_eq!(read.as_ref(), Some(&given));
        }
        let nothing = LinuxParameters::builder().build();
        assert_eq!(
            TaskDefinitionLinuxParameters::from_aws(&nothing, None),
            None
        );
    }

    #[test]
    fn capabilities_that_fargate_lacks_are_refused() {
        let one = |name: &str| Set::from([name.to_owned()]);
        assert_eq!(added(&one("SYS_PTRACE")), Ok(()));
        assert!(added(&one("NET_ADMIN")).is_err());
        for name in ["ALL", "NET_RAW"] {
            assert_eq!(dropped(&one(name)), Ok(()));
        }
        for name in ["CAP_NET_RAW", "net_raw", ""] {
            assert!(dropped(&one(name)).is_err(), "{name}");
        }
    }
}
