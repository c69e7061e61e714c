//! The tags of what a project makes.

use super::*;
use crate::components::refusals::refused;

fn with(platform_tags: &Document, own: &Document) -> Document {
    let mut platform = platform();
    platform["tags"] = platform_tags.to_string().into();
    json!({"platform": platform, "path": PATH, "tags": own})
}

#[tokio::test]
async fn the_platforms_tags_reach_everything_that_carries_tags() {
    let mut given = inputs(&with(
        &json!({"cost-center": "4711", "Team": "platform"}),
        &json!({"team": "data"}),
    ));
    let secrets = [("PASSWORD".to_owned(), Value::secret("hunter2".into()))].into();
    given.insert("secrets".to_owned(), Value::Object(secrets));
    let (recording, _) = recorded(given, As::Update).await;
    let resources = crate::resources::all();
    let mut carry = 0;
    for (name, child) in &recording.registrations {
        let resource = resources.iter().find(|r| r.token() == child.token);
        if resource.is_none_or(|r| r.tables().0.field("tags").is_none()) {
            continue;
        }
        carry += 1;
        let mut expected = json!({"cost-center": "4711", "team": "data"});
        if name == "shop-task" {
            expected["dbt-aws-project"] = "shop/prod".into();
        }
        assert_eq!(child.inputs["tags"].plain().to_json(), expected, "{name}");
    }
    assert_eq!(carry, 14, "{:?}", recording.registrations.keys());
}

#[tokio::test]
async fn tags_are_counted_with_the_platforms() {
    let many = |from: usize, to: usize| -> Document {
        let tags = (from..to).map(|n| (format!("t{n}"), "".into()));
        Document::Object(tags.collect())
    };
    for (platform, own, expected) in [
        (many(0, 40), many(30, 47), ""),
        (
            json!({}),
            many(0, 48),
            "tags: has 48 tags, at most 47 are allowed, besides the one that marks the project's tasks",
        ),
        (
            many(0, 40),
            many(30, 50),
            "tags: has 50 tags with the platform's, at most 47 are allowed, besides the one that marks the project's tasks",
        ),
        (
            many(0, 48),
            json!({}),
            "platform: has 48 tags of the platform, at most 47 are allowed, besides the one that marks the project's tasks",
        ),
    ] {
        let given = inputs(&with(&platform, &own));
        let found = refused(erase::<DbtProject>().as_ref(), &given).await;
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found.join("\n"), expected);
    }
    let mut given = with(&json!({}), &json!({}));
    given["platform"]["tags"] = "team=data".into();
    let found = refused(erase::<DbtProject>().as_ref(), &inputs(&given)).await;
    assert!(
        matches!(&found[..], [f] if f.path == "platform.tags" && f.reason.contains("JSON object")),
        "{found:?}"
    );
}
