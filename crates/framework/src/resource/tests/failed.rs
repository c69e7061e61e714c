//! What is remembered of what failed.

use super::{super::creation::not_yet_if_just_made, *};

#[tokio::test]
async fn a_failure_after_the_object_exists_keeps_it() {
    let stack = Stack::new("partial");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    stack.fail_next(&inputs, "apply", Class::Other);
    let partial = stack.create(&inputs).await.expect_err("fails");
    let (id, state, kept) = partial.state.expect("the engine is told of the object");
    assert_eq!(
        (state.get("arn"), &kept),
        (Some(&format!("arn:{id}").into()), &inputs)
    );
    stack.fail_next(&inputs, "create", Class::Other);
    assert!(
        stack
            .create(&inputs)
            .await
            .expect_err("fails")
            .state
            .is_none()
    );
}

/// AWS may take minutes to find what was made a moment ago.
#[tokio::test]
async fn what_this_process_has_made_is_waited_for() {
    let stack = Stack::new("not_yet_if_just_made");
    let given = json!({ "width": 3, "reserved": "vpc-11111", "password": "vpc-22222" });
    let inputs = stack.check(&Properties::new(), given);
    let cx = stack.context(&inputs);
    let plain = inputs.iter().map(|(k, v)| (k.clone(), v.plain()));
    let typed: ShelfInputs = crate::props::decode(&plain.collect()).expect("decodes");
    let class = |message: &str| {
        let error = aws::Error::new(Class::NotFound, "make a shelf", message);
        not_yet_if_just_made::<Shelf>(&cx, &typed, error.into()).class()
    };
    assert_eq!(class("vpc-11111 does not exist"), Some(Class::NotFound));
    stack.ledger.claim("acme:ec2:Vpc", "vpc-11111", "claim");
    assert_eq!(class("vpc-11111 does not exist"), Some(Class::NotYet));
    assert_eq!(class("it does not exist"), Some(Class::NotYet));
    assert_eq!(class("vpc-22222 does not exist"), Some(Class::NotFound));
}

#[tokio::test]
async fn an_interrupted_create_keeps_what_there_is() {
    let stack = Stack::new("interrupted");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    for (step, made) in [("create", false), ("apply", true)] {
        stack.fail_next(&inputs, step, Class::NotYet);
        let cx = stack.context(&inputs);
        cx.cancel.cancel();
        let partial = stack.shelf.create(&cx, inputs.clone()).await;
        let partial = partial.expect_err("does not try again");
        assert!(
            matches!(partial.error, crate::error::Error::Cancelled(_)),
            "{}",
            partial.error
        );
        assert_eq!(partial.state.is_some(), made, "{step}");
    }
}

#[tokio::test]
async fn an_update_that_failed_is_seen_by_the_next_diff() {
    let stack = Stack::new("halfway");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    let (id, state) = stack.create(&inputs).await.expect("creates");
    let news = stack.check(&inputs, json!({ "width": 5, "password": "p" }));
    assert_eq!(
        stack.shelf.diff(&inputs, &state, &news, &[]).changes.len(),
        2
    );
    assert_eq!(
        stack
            .shelf
            .diff(&inputs, &state, &news, &["width".into()])
            .changes
            .len(),
        1
    );
    assert!(
        stack
            .shelf
            .diff(&news, &state, &news, &[])
            .changes
            .iter()
            .any(|c| c.path == "width"),
        "the state is behind"
    );

    stack.fail_next(&inputs, "apply", Class::Other);
    let cx = stack.context(&inputs);
    let (mut old_inputs, mut state) = (inputs.clone(), state);
    for properties in [&mut old_inputs, &mut state] {
        let name = properties["name"].clone();
        properties.insert("name".into(), Value::secret(name));
    }
    let update = stack
        .shelf
        .update(&cx, &id, old_inputs, state.clone(), news.clone());
    let (_, half, _) = update
        .await
        .expect_err("fails")
        .state
        .expect("what is there now");
    assert_eq!(
        half.get("width"),
        Some(&Value::Number(5.0)),
        "the change got through before the failure"
    );
    for kept in ["name", SEED, GENERATION, REGION, CLAIM] {
        assert_eq!(half.get(kept), state.get(kept), "{kept}");
    }
    let done = stack
        .shelf
        .update(&cx, &id, news.clone(), half, news.clone())
        .await
        .expect("updates");
    assert!(
        stack
            .shelf
            .diff(&news, &done, &news, &[])
            .changes
            .is_empty()
    );
}

#[tokio::test]
async fn an_update_that_was_refused_leaves_the_state_as_it_was() {
    let stack = Stack::new("refused");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    let (id, state) = stack.create(&inputs).await.expect("creates");
    let tagged = stack.check(&inputs, json!({ "width": 3, "tags": { "team": "data" } }));
    stack.fail_next(&inputs, "apply", Class::Denied);
    let cx = stack.context(&inputs);
    let update = stack.shelf.update(&cx, &id, inputs, state, tagged);
    assert!(update.await.expect_err("fails").state.is_none());
}

#[tokio::test]
async fn a_removal_that_failed_is_seen_by_the_next_diff() {
    let stack = Stack::new("removal");
    let with = json!({ "width": 3, "tags": { "team": "data" } });
    let before = stack.check(&Properties::new(), with);
    let (_, state) = stack.create(&before).await.expect("creates");
    let without = stack.check(&before, json!({ "width": 3 }));
    // A failed update makes the new inputs the engine's old ones.
    let diff = stack.shelf.diff(&without, &state, &without, &[]);
    let changed: Vec<_> = diff.changes.iter().map(|c| (c.name, c.kind)).collect();
    assert_eq!(changed, [("tags", crate::props::diff::Kind::Delete)]);
}

#[tokio::test]
async fn what_is_not_visible_yet_is_tried_again() {
    let stack = Stack::new("eventual");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    stack.fail_next(&inputs, "create", Class::NotYet);
    let (id, state) = stack
        .create(&inputs)
        .await
        .expect("creates at the second try");
    stack.fail_next(&inputs, "apply", Class::NotFound);
    stack
        .create(&inputs)
        .await
        .expect_err("what was taken over is visible");
    let other = stack.check(&Properties::new(), json!({ "width": 3, "name": "other" }));
    stack.fail_next(&other, "apply", Class::NotFound);
    stack.create(&other).await.expect("sets at the second try");
    let cx = stack.context(&inputs);
    stack.fail_next(&inputs, "delete", Class::InUse);
    stack
        .shelf
        .delete(&cx, &id, state.clone())
        .await
        .expect("deletes at the second try");
    stack.fail_next(&inputs, "delete", Class::NotFound);
    stack
        .shelf
        .delete(&cx, &id, state)
        .await
        .expect("gone is gone");
}

#[test]
fn what_the_table_calls_secret_is_in_no_reason() {
    let stack = Stack::new("unmarked");
    let given = json!({ "width": 3, "pin": "sesame" });
    let found = stack.checked(&Properties::new(), given).failures;
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["pin: [secret] must be digits"]
    );
}
