//! Whose an object is, and what an interrupted run left.

use super::*;

#[tokio::test]
async fn a_create_can_be_repeated_and_a_replacement_is_another() {
    let stack = Stack::new("repeat");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    let (id, first) = stack.create(&inputs).await.expect("creates");
    let again = stack.check(&Properties::new(), json!({ "width": 3 }));
    assert_eq!(again, inputs, "the next process finds the same name");
    let (same, second) = stack.create(&again).await.expect("creates again");
    assert_eq!((same, stack.count()), (id.clone(), 1));
    assert_ne!(
        first.get(CLAIM),
        second.get(CLAIM),
        "the second create has it now"
    );

    let kept = stack.check(&inputs, json!({ "width": 4 }));
    assert_eq!(
        kept.get("name"),
        inputs.get("name"),
        "an update keeps the name"
    );
    let replacement = stack.check(&Properties::new(), json!({ "width": 4 }));
    let (other, _) = stack
        .create(&replacement)
        .await
        .expect("creates the replacement");
    assert_ne!(other, id, "a replacement does not find the live object");
}

#[tokio::test]
async fn the_marker_follows_a_new_name() {
    let stack = Stack::new("renamed");
    let before = stack.check(&Properties::new(), json!({ "width": 3 }));
    let (_, made) = stack.create(&before).await.expect("creates");
    let mut after = before.clone();
    after.insert(
        "__owner".into(),
        crate::identity::short_hash("urn:renamed").into(),
    );
    let diff = |news: &Properties| {
        let found = stack.shelf.diff(&before, &made, news, &[]).changes;
        found.into_iter().map(|c| c.path).collect::<Vec<_>>()
    };
    assert_eq!(
        (diff(&after), diff(&before)),
        (vec!["tags".to_owned()], vec![])
    );
}

#[tokio::test]
async fn what_another_resource_of_the_stack_has_is_not_taken_over() {
    let stack = Stack::new("held");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    let (id, made) = stack.create(&inputs).await.expect("creates");
    stack
        .shelf
        .live(&stack.ledger, &"urn:imported".into(), &made);
    let refused = stack.create(&inputs).await.expect_err("refuses");
    let expected = format!("{id} was made for it, but urn:imported has it in this stack's state");
    let said = refused.error.to_string();
    assert!(
        said.contains(&expected) && refused.state.is_none(),
        "{said}"
    );
}

#[tokio::test]
async fn what_was_left_and_cannot_be_changed_is_made_again_but_not_where_it_holds_data() {
    for (shelf, data) in [(erase::<Shelf>(), false), (erase::<Shelf<true>>(), true)] {
        let mut stack = Stack::new(&format!("left-{data}"));
        stack.shelf = shelf;
        let deep = |depth| json!({ "width": 3, "depth": depth, "name": "left" });
        let left = stack.check(&Properties::new(), deep(1));
        stack.create(&left).await.expect("creates");
        let inputs = stack.check(&Properties::new(), deep(2));
        let cx = stack.context(&inputs);
        let made = stack.create(&inputs).await;
        let depth = cloud(&cx, |c| c.shelves["left"].0.depth);
        match made {
            Ok(_) => assert_eq!((data, depth), (false, Some(2))),
            Err(partial) => {
                assert_eq!((data, depth), (true, Some(1)));
                assert!(partial.state.is_none(), "it is not this program's yet");
                let said = partial.error.to_string();
                assert!(said.contains("differs in depth"), "{said}");
            }
        }
    }
}

#[tokio::test]
async fn only_the_first_attempt_with_a_new_seed_finds_nothing_for_certain() {
    let stack = Stack::new("first");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    stack.fail_next(&inputs, "create", Class::NotYet);
    let cx = stack.context(&inputs);
    cx.memory
        .first
        .store(true, std::sync::atomic::Ordering::Relaxed);
    let create = stack.shelf.create(&cx, inputs.clone());
    create.await.expect("creates at the second try");
    assert_eq!(cloud(&cx, |c| c.firsts.clone()), [true, false]);
}

#[tokio::test]
async fn a_delete_spares_what_a_newer_create_took_over() {
    let stack = Stack::new("claims");
    let inputs = stack.check(&Properties::new(), json!({ "width": 3 }));
    let (id, old) = stack.create(&inputs).await.expect("creates");
    let (_, new) = stack.create(&inputs).await.expect("takes over");
    let cx = stack.context(&inputs);
    stack
        .shelf
        .delete(&cx, &id, old)
        .await
        .expect("does nothing");
    assert_eq!(stack.count(), 1);
    stack.shelf.delete(&cx, &id, new).await.expect("deletes");
    assert_eq!(stack.count(), 0);
}
