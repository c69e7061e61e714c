//! What an interrupted run left.

use super::*;

#[tokio::test]
async fn what_is_left_is_told_by_its_name_or_its_marker() {
    let stack = Stack::new("orphans");
    let cx = stack.context(&Properties::new());
    let (named, marker) = (
        stack.check(&Properties::new(), json!({ "width": 3 })),
        cx.tags(None),
    );
    let name = named["name"].as_str().expect("a name");
    let retained = format!("old-{name}");
    let left = [
        (name, marker.clone()),
        ("by-hand", marker.clone()),
        ("gone", marker),
        (&retained, Tags::new()),
        ("of-others", Tags::new()),
    ];
    for (name, tags) in left {
        let inputs = ShelfInputs {
            name: Some(name.to_owned()),
            depth: None,
            width: 3,
            password: None,
            pin: None,
            boards: 2,
            reserved: None,
            plan: None,
            tags: Some(tags),
        };
        cloud(&cx, |c| c.shelves.insert(name.to_owned(), (inputs, 1)));
    }
    cx.ledger.gone("acme:test:Shelf", "gone");
    let found = stack.shelf.list_orphans(&cx).await.expect("lists");
    assert_eq!(found, ["by-hand", name]);
}
