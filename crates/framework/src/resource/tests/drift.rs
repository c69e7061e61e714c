//! What was changed by hand.

use super::*;

#[tokio::test]
async fn a_refresh_shows_drift_and_no_defaults() {
    let stack = Stack::new("refresh");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    let (id, _) = stack.create(&inputs).await.expect("creates");
    let cx = stack.context(&inputs);
    cloud(&cx, |c| {
        c.shelves.get_mut(&id).expect("is there").0.width = 7
    });
    let (state, read) = stack
        .shelf
        .read(&cx, &id, Some(inputs.clone()), Properties::new())
        .await
        .expect("reads")
        .expect("is there");
    assert_eq!(
        (read.get("width"), state.get("width")),
        (Some(&Value::Number(7.0)), Some(&Value::Number(7.0)))
    );
    let changes = stack.shelf.diff(&read, &state, &inputs, &[]).changes;
    assert_eq!(
        changes.iter().map(|c| c.path.as_str()).collect::<Vec<_>>(),
        ["width"]
    );
    assert!(
        stack
            .shelf
            .read(&cx, "other", Some(inputs), Properties::new())
            .await
            .expect("reads")
            .is_none()
    );
    let (_, imported) = stack
        .shelf
        .read(&cx, &id, None, Properties::new())
        .await
        .expect("reads")
        .expect("is there");
    assert_eq!(imported.get(REGION), Some(&"eu-west-1".into()));
}

#[tokio::test]
async fn what_a_default_promises_is_seen_and_put_back() {
    let stack = Stack::new("promises");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    let (id, made) = stack.create(&inputs).await.expect("creates");
    let cx = stack.context(&inputs);
    let read = async |inputs: &Properties, state: &Properties| {
        let read = stack
            .shelf
            .read(&cx, &id, Some(inputs.clone()), state.clone());
        read.await.expect("reads").expect("is there")
    };
    assert_eq!(read(&inputs, &made).await, (made.clone(), inputs.clone()));

    cloud(&cx, |c| {
        let shelf = &mut c.shelves.get_mut(&id).expect("is there").0;
        (shelf.boards, shelf.reserved) = (1, Some("theirs".to_owned()));
    });
    let (state, found) = read(&inputs, &made).await;
    assert_eq!(found.get("boards"), Some(&Value::Number(1.0)));
    assert_eq!(state.get("reserved"), Some(&"theirs".into()));
    let news = stack.check(&found, json!({ "width": 3 }));
    let changes = |old: &Properties, state: &Properties| -> Vec<_> {
        let changes = stack.shelf.diff(old, state, &news, &[]).changes;
        changes.into_iter().map(|c| c.path).collect()
    };
    assert_eq!(changes(&found, &state), ["boards", "reserved"]);

    let update = stack.shelf.update(&cx, &id, found, state, news.clone());
    let repaired = update.await.expect("updates");
    assert!(!repaired.contains_key("boards") && !repaired.contains_key("reserved"));
    assert_eq!(changes(&news, &repaired), [""; 0]);
    assert_eq!(read(&news, &repaired).await.1, news);
}
