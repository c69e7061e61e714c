//! Documents of which the outputs have a digest alone.

use super::*;
use crate::props::diff::Kind;

fn changed(found: Diffed) -> Vec<(&'static str, Kind)> {
    found.changes.iter().map(|c| (c.name, c.kind)).collect()
}

#[tokio::test]
async fn outputs_have_the_digest_and_tell_drift() {
    let stack = Stack::new("digest");
    let given = json!({ "width": 3, "plan": { "screws": 8, "steps": ["cut", "glue"] } });
    let inputs = stack.check(&Properties::new(), given.clone());
    let (id, state) = stack.create(&inputs).await.expect("creates");
    assert!(!state.contains_key("plan"), "{state:?}");
    assert_eq!(state[DIGESTS], stack.shelf.preview_create(&inputs)[DIGESTS]);
    let cx = stack.context(&inputs);
    let read = async |inputs: &Properties, state: &Properties| {
        let read = stack
            .shelf
            .read(&cx, &id, Some(inputs.clone()), state.clone());
        read.await.expect("reads").expect("is there")
    };
    assert_eq!(read(&inputs, &state).await, (state.clone(), inputs.clone()));
    let diff = |old: &Properties, state: &Properties, news: &Properties| {
        changed(stack.shelf.diff(old, state, news, &[]))
    };
    // The same in the words of a text.
    let text = json!({ "width": 3, "plan": r#"{"steps": ["cut", "glue"], "screws": 8.0}"# });
    let text = stack.check(&inputs, text);
    assert_eq!(diff(&inputs, &state, &text), []);

    cloud(&cx, |c| {
        c.shelves.get_mut(&id).expect("is there").0.plan = Some(Json(json!({ "screws": 7 })));
    });
    let (drifted, found) = read(&inputs, &state).await;
    assert_eq!(found["plan"].plain().to_json(), json!({ "screws": 7 }));
    assert_ne!(drifted[DIGESTS], state[DIGESTS]);
    let update = (&found, &drifted, &inputs);
    assert_eq!(diff(update.0, update.1, update.2), [("plan", Kind::Update)]);
    // A refresh compares the other way round.
    assert_eq!(diff(&inputs, &state, &found), [("plan", Kind::Update)]);
    let repaired = stack.shelf.update(&cx, &id, found, drifted, inputs.clone());
    assert_eq!(repaired.await.expect("updates")[DIGESTS], state[DIGESTS]);
}

#[tokio::test]
async fn a_document_that_has_gone_is_missed() {
    let stack = Stack::new("gone");
    let given = json!({ "width": 3, "plan": { "screws": 8 } });
    let inputs = stack.check(&Properties::new(), given);
    let (id, state) = stack.create(&inputs).await.expect("creates");
    let cx = stack.context(&inputs);
    cloud(&cx, |c| {
        c.shelves.get_mut(&id).expect("is there").0.plan = None;
    });
    let read = stack.shelf.read(&cx, &id, Some(inputs.clone()), state);
    let (drifted, found) = read.await.expect("reads").expect("is there");
    assert!(!found.contains_key("plan"));
    // Also where the engine's old inputs are the new ones already.
    for old in [&found, &inputs] {
        let diff = stack.shelf.diff(old, &drifted, &inputs, &[]);
        assert_eq!(changed(diff), [("plan", Kind::Add)]);
    }
}

#[tokio::test]
async fn a_failed_update_is_seen_by_the_digest() {
    let stack = Stack::new("undigested");
    let plan = |screws: u32| json!({ "width": 3, "plan": { "screws": screws } });
    let inputs = stack.check(&Properties::new(), plan(8));
    let (id, state) = stack.create(&inputs).await.expect("creates");
    let news = stack.check(&inputs, plan(9));
    // A failed update makes the new inputs the engine's old ones.
    let found = stack.shelf.diff(&news, &state, &news, &[]);
    assert_eq!(changed(found), [("plan", Kind::Update)]);
    let cx = stack.context(&inputs);
    let update = stack
        .shelf
        .update(&cx, &id, news.clone(), state, news.clone());
    let done = update.await.expect("updates");
    assert_eq!(changed(stack.shelf.diff(&news, &done, &news, &[])), []);
    let without = stack.check(&news, json!({ "width": 3 }));
    let found = stack.shelf.diff(&without, &done, &without, &[]);
    assert_eq!(changed(found), [("plan", Kind::Delete)]);
}

#[tokio::test]
async fn the_whole_document_of_an_older_state_counts() {
    let stack = Stack::new("whole");
    let plan = |screws: u32| json!({ "width": 3, "plan": { "screws": screws } });
    let inputs = stack.check(&Properties::new(), plan(8));
    let (_, mut state) = stack.create(&inputs).await.expect("creates");
    state.remove(DIGESTS);
    state.insert("plan".to_owned(), inputs["plan"].clone());
    assert_eq!(changed(stack.shelf.diff(&inputs, &state, &inputs, &[])), []);
    let news = stack.check(&inputs, plan(9));
    let found = stack.shelf.diff(&news, &state, &news, &[]);
    assert_eq!(changed(found), [("plan", Kind::Update)]);
}
