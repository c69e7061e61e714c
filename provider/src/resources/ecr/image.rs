//! `dbt-aws:ecr:Image`.

mod age;
mod push;

use self::{
    age::age,
    push::{push, refuse, repository},
};
use crate::{prelude::*, resources::ecs::task_definition::TaskDefinitionCpuArchitecture};
use aws_sdk_ecr::types::ImageIdentifier;
use dbt_aws_image::{
    Built, Contents, DEFAULT_BASE, Dbt, Digest, Fingerprint, Images, Platform, Project, Reference,
    Spec, is_engine,
};
use jiff::{Zoned, tz::TimeZone};
use outside::printable_line;
use pulumi_aws_framework::{context::Severity, reads::Reads};
use std::{path::PathBuf, sync::Arc};

/// The image of a dbt project, made and pushed without Docker.
#[derive(Debug)]
pub struct Image;

/// What an image is made from.
#[derive(Clone, Debug, Props)]
pub struct ImageInputs {
    /// The URL of the repository that it is pushed to, without a tag.
    #[prop(replace)]
    pub repository_url: String,
    /// The directory that holds `dbt_project.yml`, relative to the program's.
    pub path: String,
    /// The dbt that runs the project.
    pub dbt: ImageDbt,
    /// The URI of the image under dbt and the project: one with Python 3.10 or later and glibc. In ECR it is read with the
    /// provider's credentials, elsewhere with Docker's. What a tag stands for is looked up once and kept until the URI or
    /// `baseImageRefresh` changes. Default: a slim Python image,
    /// `public.ecr.aws/docker/library/python:3.12-slim-bookworm`.
    #[prop(default = DEFAULT_BASE)]
    pub base_image: String,
    /// Any text, such as a month: when it changes, the newest image of `baseImage`'s tag is taken. Previews say how old the
    /// one in use is, and warn after 90 days.
    pub base_image_refresh: Option<String>,
    /// The CPU architecture. Default: `X86_64`.
    #[prop(default = TaskDefinitionCpuArchitecture::X8664)]
    pub architecture: TaskDefinitionCpuArchitecture,
    /// What the directory holds, and what of it changed last. The provider fills it in.
    pub project: Option<String>,
    /// The digest of the runner's and dbt's packages. The provider fills it in.
    pub packages: Option<String>,
    /// The names of the environment variables that the project reads. The provider fills it in.
    pub variables: Option<Vec<String>>,
}

/// The dbt in an image: a version with its adapter, or a requirements file.
#[derive(Clone, Debug, PartialEq, Props)]
pub struct ImageDbt {
    /// The minor version: `1.12` or `1.11` of dbt Core, or `2.0`, which is dbt 2 and has a licence of its own. Default: `1.12`.
    #[prop(default = "1.12")]
    pub version: String,
    /// The adapter: `athena`, `bigquery`, `databricks`, `postgres`, `redshift`, `snowflake` or `trino`; of dbt 2 `bigquery`,
    /// `databricks`, `duckdb`, `redshift` or `snowflake`. Required without `requirements`; with them, the one that must be
    /// among them.
    pub adapter: Option<String>,
    /// The path of a requirements file, relative to the program's directory. It replaces all that is bundled, so dbt-core
    /// and an adapter must be in it, or be required by a package in it. A file with hashes is installed as it is. One
    /// without hashes is resolved when the image is made, for the image's Python and processor, as `pip` and `uv` do; the
    /// result stays until the file's text or `exclude` changes. Only wheels are installed.
    pub requirements: Option<String>,
    /// Names of packages to leave out although another package requires them, such as one without a wheel, for a feature
    /// that you do not use. Needs `requirements` without hashes. Default: none.
    pub exclude: Option<Vec<String>>,
}

/// What is known of an image once it is made.
#[derive(Clone, Debug, Props)]
pub struct ImageOutputs {
    /// The URI, by digest.
    #[prop(follows(
        path,
        dbt,
        base_image,
        base_image_refresh,
        architecture,
        project,
        packages
    ))]
    pub image_uri: String,
    /// The digest.
    #[prop(follows(
        path,
        dbt,
        base_image,
        base_image_refresh,
        architecture,
        project,
        packages
    ))]
    pub digest: String,
    /// The layers, from which the next image is planned without a network.
    #[prop(follows(
        path,
        dbt,
        base_image,
        base_image_refresh,
        architecture,
        project,
        packages
    ))]
    pub layers: Json,
    /// The names of the environment variables that the project reads; none where an older version made the image.
    pub variables: Option<Vec<String>>,
}

/// The hidden input that tells which files differ from the last time.
const FILES: &str = "__files";

impl CustomResource for Image {
    const TOKEN: &'static str = "dbt-aws:ecr:Image";
    const DOC: &'static str = "The image of a dbt project, made and pushed by the provider itself, without Docker.\n\nIt holds Python, a locked dbt, the runner and the project, and is the same for the same input on every machine. A change is pushed beside the images before it. It cannot be imported.";
    const ACTIONS: &'static [&'static str] = &[
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchDeleteImage",
        "ecr:BatchGetImage",
        "ecr:CompleteLayerUpload",
        "ecr:GetAuthorizationToken",
        "ecr:GetDownloadUrlForLayer",
        "ecr:InitiateLayerUpload",
        "ecr:PutImage",
        "ecr:UploadLayerPart",
    ];
    const TIMEOUT: Duration = Duration::from_secs(30 * 60);
    type Inputs = ImageInputs;
    type Outputs = ImageOutputs;
    type Tagging = Untagged;

    fn check(check: &mut Check<'_>) {
        if let Some(dbt) = check.get::<ImageDbt>("dbt") {
            if dbt.requirements.is_some() && is_engine(&dbt.version) {
                let reason = "has no effect with dbt 2, which is one program with its adapters in it; leave out requirements or version";
                check.fail("dbt.requirements", reason);
            } else if dbt.adapter.is_none() && dbt.requirements.is_none() {
                let reason = "is required unless requirements is given; give one such as postgres";
                check.fail("dbt.adapter", reason);
            }
            if dbt.exclude.is_some() && dbt.requirements.is_none() {
                check.fail("dbt.exclude", "has no effect without requirements");
            }
        }
        if let Some(base) = check.get::<String>("baseImage")
            && let Err(reason) = base.parse::<Reference>()
        {
            check.fail("baseImage", reason.to_string());
        }
    }

    fn fill_in(
        scope: &CheckScope<'_>,
        inputs: &mut Properties,
        old: &Properties,
        warnings: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let failed =
            |path: &str, e: &dbt_aws_image::Error| Failure::here(e.to_string()).under(path);
        let at = |field: &str| inputs.get(field).map(Value::plain).unwrap_or_default();
        let (path, dbt) = (at("path"), at("dbt"));
        let dbt = match dbt.has_unknown() {
            true => None,
            false => Some(source(&ImageDbt::decode(&dbt)?)),
        };
        let mut found = [Value::Unknown, Value::Unknown];
        if let Value::String(path) = path {
            let read = read(scope.reads, &path);
            let project = read.as_ref().as_ref().map_err(|e| failed("path", e))?;
            warnings.extend(project.notes.iter().map(|note| format!("path: {note}")));
            if let Some(reason) = dbt.as_ref().and_then(|dbt| dbt.refusal(project)) {
                return Err(Failure::here(reason).under("path"));
            }
            // a large project's digest takes its time
            if !scope.rehearsal {
                let (text, contents) = contents(project, old).map_err(|e| failed("path", &e))?;
                inputs.insert(FILES.to_owned(), contents.files.to_string().into());
                let names = contents.variables.into_iter().map(Value::from);
                found = [text.into(), Value::List(names.collect())];
            }
        }
        let [project, variables] = found;
        inputs.insert("project".to_owned(), project);
        inputs.insert("variables".to_owned(), variables);
        let packages = match dbt {
            None => Value::Unknown,
            Some(dbt) => match dbt.digest() {
                Ok(digest) => digest.into(),
                Err(e @ dbt_aws_image::Error::Excluded { .. }) => {
                    return Err(failed("dbt.exclude", &e));
                }
                Err(e) => return Err(failed("dbt", &e)),
            },
        };
        inputs.insert("packages".to_owned(), packages);
        Ok(())
    }

    fn predict_outputs(inputs: &ImageInputs, old: Option<&ImageOutputs>) -> Properties {
        let built = old.and_then(|old| built(&old.layers));
        // Reading and packing files is all it does: there is no network to wait for.
        let plan = futures::executor::block_on(
            Images::from_environment().plan(&spec(inputs), built.as_ref()),
        );
        let digest = plan.ok().flatten();
        let known = digest.into_iter().flat_map(|digest| {
            let uri = format!("{}@{digest}", inputs.repository_url);
            [
                ("digest".to_owned(), digest.to_string().into()),
                ("imageUri".to_owned(), uri.into()),
            ]
        });
        known.collect()
    }

    fn remark(inputs: &ImageInputs, old: &ImageOutputs) -> Option<(Severity, String)> {
        let base = built(&old.layers)?.base;
        let same = (&base.image, &base.refresh) == (&inputs.base_image, &inputs.base_image_refresh);
        let today = Zoned::now().with_time_zone(TimeZone::UTC).date();
        age(&base, today).filter(|_| same)
    }

    async fn create(cx: &Context, inputs: &ImageInputs) -> Result<Created<Self>> {
        let outputs = push(cx, inputs, None).await?;
        let (_, repository) = repository(&inputs.repository_url)?;
        let id = format!("{repository}:{}", cx.identity.generation);
        Ok(Created::Known(id, outputs))
    }

    async fn apply(
        cx: &Context,
        _id: &str,
        new: &ImageInputs,
        old: Option<&State<Self>>,
    ) -> Result<()> {
        match old {
            Some(old) => push(cx, new, built(&old.outputs.layers).as_ref())
                .await
                .map(drop),
            None => Ok(()),
        }
    }

    async fn read(
        cx: &Context,
        id: &str,
        known: Option<&ImageInputs>,
    ) -> Result<Option<State<Self>>> {
        let (Some(inputs), Some(layers)) = (known, cx.recall::<Json>("layers")) else {
            return Err(Error::failed(format!(
                "could not read {id}: an image cannot be imported; let the provider make it from its directory"
            )));
        };
        let Some(built) = built(&layers) else {
            return Ok(None);
        };
        let (_, repository) = repository(&inputs.repository_url)?;
        let what = format!("read the image {}", built.digest);
        let there = cx
            .aws
            .ecr()
            .batch_get_image()
            .repository_name(repository)
            .image_ids(
                ImageIdentifier::builder()
                    .image_digest(built.digest.to_string())
                    .build(),
            )
            .send()
            .await
            .during(&what)
            .gone()?;
        let Some(there) = there else {
            return Ok(None);
        };
        refuse(&what, there.failures())?;
        if there.images().is_empty() {
            return Ok(None);
        }
        Ok(Some(State {
            inputs: inputs.clone(),
            outputs: outputs(inputs, &built.digest, layers),
        }))
    }

    async fn delete(cx: &Context, _id: &str, state: &State<Self>) -> Result<()> {
        let (_, repository) = repository(&state.inputs.repository_url)?;
        let Some(built) = built(&state.outputs.layers) else {
            return Ok(());
        };
        let what = format!("delete the image {}", built.digest);
        // Others' tags keep it for them.
        let tags = [dbt_aws_image::again(&built.tag), built.tag];
        let tagged = |tag| ImageIdentifier::builder().image_tag(tag).build();
        let deleted = cx
            .aws
            .ecr()
            .batch_delete_image()
            .repository_name(repository)
            .set_image_ids(Some(tags.map(tagged).into()))
            .send()
            .await
            .during(&what)?;
        refuse(&what, deleted.failures())
    }
}

/// The project in a directory, read once in an RPC.
pub(crate) fn read(
    reads: &Reads,
    path: &str,
) -> Arc<std::result::Result<Project, dbt_aws_image::Error>> {
    reads.once(path, || Project::read(path.as_ref()))
}

/// What a project holds, and how a user sees it.
fn contents(
    project: &Project,
    old: &Properties,
) -> std::result::Result<(String, Contents), dbt_aws_image::Error> {
    let before = old
        .get(FILES)
        .map(|v| Fingerprint::from(v.as_str().unwrap_or_default()));
    let contents = project.contents(&before.clone().unwrap_or_default())?;
    let last = old.get("project").and_then(Value::as_str);
    let same = last.filter(|text| text.starts_with(&contents.digest));
    let text = match (same, before) {
        (Some(same), _) => same.to_owned(),
        (None, None) => format!("{} (files: {})", contents.digest, project.len()),
        (None, Some(_)) => {
            let changes = contents.changes.to_string();
            format!("{} ({})", contents.digest, printable_line(&changes))
        }
    };
    Ok((text, contents))
}

fn outputs(inputs: &ImageInputs, digest: &Digest, layers: Json) -> ImageOutputs {
    ImageOutputs {
        image_uri: format!("{}@{digest}", inputs.repository_url),
        digest: digest.to_string(),
        layers,
        variables: inputs.variables.clone(),
    }
}

fn built(layers: &Json) -> Option<Built> {
    serde_json::from_value(layers.0.clone()).ok()
}

fn source(dbt: &ImageDbt) -> Dbt {
    match &dbt.requirements {
        Some(path) => Dbt::Requirements {
            path: path.into(),
            adapter: dbt.adapter.clone(),
            exclude: dbt.exclude.clone().unwrap_or_default(),
        },
        None => Dbt::Locked {
            version: dbt.version.clone(),
            adapter: dbt.adapter.clone().unwrap_or_default(),
        },
    }
}

fn spec(inputs: &ImageInputs) -> Spec {
    Spec {
        project: PathBuf::from(&inputs.path),
        dbt: source(&inputs.dbt),
        base: inputs.base_image.clone(),
        base_refresh: inputs.base_image_refresh.clone(),
        base_login: None,
        platform: match inputs.architecture {
            TaskDefinitionCpuArchitecture::X8664 => Platform::Amd64,
            TaskDefinitionCpuArchitecture::Arm64 => Platform::Arm64,
        },
    }
}

#[cfg(test)]
mod tests;
