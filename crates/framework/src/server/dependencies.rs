//! What a component's properties depend on, in few words.

use crate::{pulumirpc::ConstructRequest, urn::Urn, wire::edit_dependencies};
use std::collections::BTreeSet;

/// Drops the children of components of ours from the lists of what the inputs depend on, where those components are in
/// the same list. The SDKs for Node.js and Go name them all; for the engine, what depends on a component depends on its
/// children, too, and it would keep each list with each property of each child. What the component itself depends on
/// stays whole, since not all that the engine does follows the children (`destroy --exclude-protected`); the answer is
/// the same list without them, for the component's own children.
pub(super) fn drop_children(
    request: &mut ConstructRequest,
    is_component: impl Fn(&str) -> bool,
) -> BTreeSet<Urn> {
    let drop = |urns: &mut Vec<String>| without_children(urns, &is_component);
    for list in request.input_dependencies.values_mut() {
        drop(&mut list.urns);
    }
    if let Some(inputs) = &mut request.inputs {
        edit_dependencies(inputs, &drop);
    }
    let mut own = request.dependencies.clone();
    drop(&mut own);
    own.into_iter().map(Urn::from).collect()
}

/// Drops from a list the children of components that are in it.
fn without_children(urns: &mut Vec<String>, is_component: impl Fn(&str) -> bool) {
    let all: Vec<_> = urns.drain(..).map(Urn::from).collect();
    let components: Vec<_> = all.iter().filter(|of| is_component(of.token())).collect();
    let kept = all
        .iter()
        .filter(|urn| !components.iter().any(|of| urn.is_below(of)));
    urns.extend(kept.cloned().map(String::from));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        pulumirpc::construct_request::PropertyDependencies,
        value::Value,
        wire::{from_struct, to_struct},
    };
    use serde_json::json;

    fn is_component(token: &str) -> bool {
        token == "acme:index:Platform"
    }

    fn of(chain: &str, name: &str) -> String {
        format!("urn:pulumi:dev::shop::{chain}::{name}")
    }

    const PLATFORM: &str = "other:index:Team$acme:index:Platform";

    #[test]
    fn a_component_stands_for_its_children() {
        let vpc = |name: &str| of(&format!("{PLATFORM}$acme:ec2:Vpc"), name);
        let kept = vec![
            of("other:index:Team", "data"),
            of(PLATFORM, "one"),
            // Of a platform that is not in the list, and of the program's own component.
            vpc("other-vpc"),
            of("other:index:Team$acme:s3:Bucket", "one-lake"),
        ];
        let children = [
            vpc("one-vpc"),
            of(&format!("{PLATFORM}$acme:index:Seed"), "one-seed"),
        ];
        let all: Vec<_> = kept.iter().chain(&children).cloned().collect();
        let output = |urns: &[String]| {
            json!({
                "4dabf18193072939515e22adb298388d": "d0e6a833031e9bbcd3f4e8bde6ca49a4",
                "value": "vpc-1",
                "dependencies": urns,
            })
        };
        let inputs = |urns: &[String]| {
            // What depends on a child alone goes on to do so.
            let alone = output(&children);
            let given = json!({"platform": {"vpcId": output(urns)}, "list": [output(urns)], "alone": alone});
            to_struct(&Value::from_json(&given).into_properties())
        };
        let list = |urns: &[String]| PropertyDependencies {
            urns: urns.to_vec(),
        };
        let mut request = ConstructRequest {
            dependencies: all.clone(),
            input_dependencies: [
                ("platform".to_owned(), list(&all)),
                ("alone".to_owned(), list(&children)),
            ]
            .into(),
            inputs: Some(inputs(&all)),
            ..Default::default()
        };
        let own = drop_children(&mut request, is_component);
        assert_eq!(own, kept.iter().cloned().map(Urn::from).collect());
        assert_eq!(request.dependencies, all);
        assert_eq!(request.input_dependencies["platform"].urns, kept);
        assert_eq!(request.input_dependencies["alone"].urns, children);
        assert_eq!(
            from_struct(request.inputs),
            from_struct(Some(inputs(&kept)))
        );
    }
}
