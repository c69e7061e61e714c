//! The image of a project, and the repository that it is in.

use super::Expansion;
use crate::{
    prelude::*,
    resources::ecr::{
        image::{Image, ImageArgs, ImageDbtArgs},
        repository::{Repository, RepositoryArgs},
    },
};
use dbt_aws_image::AGAIN;
use pulumi_aws_framework::component::Child;
use serde_json::{Value as Document, json};

/// How many images a repository keeps: many more than the revisions of the task definition that stay active.
const IMAGES: u32 = 50;

/// The repository and the image in it.
pub(super) fn pack(project: &Expansion<'_>, path: &str) -> (Child<Repository>, Child<Image>) {
    let (scope, args) = (project.scope, project.args);
    let repository = scope.child::<Repository>(
        "repository",
        RepositoryArgs {
            force_delete: true.into(),
            scan_on_push: true.into(),
            lifecycle_policy: Json(lifecycle()).into(),
            tags: project.tags.clone(),
            ..Default::default()
        },
    );
    let dbt = args.dbt.fields();
    let dbt = ImageDbtArgs {
        version: dbt.version,
        adapter: dbt.adapter.or_else(&project.platform.adapter),
        requirements: dbt.requirements,
        exclude: dbt.exclude,
    };
    let base_image = args.base_image.optional();
    let base_image = base_image.map(|base| base.filter(|base| !base.is_empty()));
    let image = scope.child::<Image>(
        "image",
        ImageArgs {
            repository_url: repository.repository_url.clone(),
            path: path.into(),
            dbt: dbt.into(),
            base_image: base_image.flatten(),
            base_image_refresh: args.base_image_refresh.clone(),
            architecture: args.architecture.clone(),
            ..Default::default()
        },
    );
    (repository, image)
}

/// Keeps the newest images, and the newest that are in use again: what the first rule looks at, the second passes over.
fn lifecycle() -> Document {
    let rule = |priority: u32, description: &str, mut selection: Document| {
        selection["countType"] = json!("imageCountMoreThan");
        selection["countNumber"] = json!(IMAGES);
        json!({
            "rulePriority": priority, "description": description, "selection": selection, "action": {"type": "expire"},
        })
    };
    let again = json!({"tagStatus": "tagged", "tagPrefixList": [AGAIN]});
    json!({"rules": [
        rule(1, "Keeps the newest images that were used again", again),
        rule(2, "Keeps the newest images", json!({"tagStatus": "any"})),
    ]})
}
