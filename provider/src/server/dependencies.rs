//! What a component depends on, said shortly.

use crate::{pulumirpc::ConstructRequest, wire::retain_dependencies};

/// Leaves out the children of components that are named beside them: the SDKs for Node.js and Go list them all, and the
/// engine, which takes what depends on a component as depending on its children, would keep the list with each property.
pub(super) fn without_children(request: &mut ConstructRequest) {
    let lists = request.input_dependencies.values().map(|list| &list.urns);
    let components: Vec<(String, String)> = lists
        .chain([&request.dependencies])
        .flatten()
        .filter_map(|urn| is_component(urn).then(|| children_of(urn))?)
        .collect();
    let wanted = |urn: &str| {
        let is_child = |(chain, name): &(String, String)| {
            urn.strip_prefix(chain.as_str())
                .and_then(|rest| rest.rsplit_once("::"))
                .is_some_and(|(_, own)| own.starts_with(name))
        };
        !components.iter().any(is_child)
    };
    request.dependencies.retain(|urn| wanted(urn));
    for list in request.input_dependencies.values_mut() {
        list.urns.retain(|urn| wanted(urn));
    }
    if let Some(inputs) = &mut request.inputs {
        retain_dependencies(inputs, &wanted);
    }
}

fn is_component(urn: &str) -> bool {
    let chain = urn.split("::").nth(2).unwrap_or_default();
    let own = chain.rsplit('$').next().unwrap_or_default();
    own.starts_with("dbt-aws:index:Dbt")
}

/// How the URNs of a component's children begin, and their names.
fn children_of(urn: &str) -> Option<(String, String)> {
    let (chain, name) = urn.rsplit_once("::")?;
    Some((format!("{chain}$"), format!("{name}-")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        pulumirpc::construct_request::PropertyDependencies, value::Value, wire::from_struct,
    };
    use serde_json::json;

    #[test]
    fn a_component_stands_for_its_children() {
        let of = |chain: &str, name: &str| format!("urn:pulumi:dev::shop::{chain}::{name}");
        let (team, platform) = (
            "acme:index:Team",
            "acme:index:Team$dbt-aws:index:DbtPlatform",
        );
        let kept = vec![
            of(team, "data"),
            of(platform, "one"),
            // Of another platform, which is not named, and of the program's own component.
            of(&format!("{platform}$dbt-aws:ec2:Vpc"), "other-vpc"),
            of(&format!("{team}$dbt-aws:s3:Bucket"), "one-lake"),
        ];
        let children = [
            of(&format!("{platform}$dbt-aws:ec2:Vpc"), "one-vpc"),
            of(&format!("{platform}$dbt-aws:index:Seed"), "one-seed"),
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
            let given = json!({"platform": {"vpcId": output(urns)}, "list": [output(urns)]});
            crate::wire::to_struct(&Value::from_json(&given).into_properties())
        };
        let mut request = ConstructRequest {
            dependencies: all.clone(),
            input_dependencies: [(
                "platform".to_owned(),
                PropertyDependencies { urns: all.clone() },
            )]
            .into(),
            inputs: Some(inputs(&all)),
            ..Default::default()
        };
        without_children(&mut request);
        assert_eq!(request.dependencies, kept);
        assert_eq!(request.input_dependencies["platform"].urns, kept);
        assert_eq!(
            from_struct(request.inputs),
            from_struct(Some(inputs(&kept)))
        );
    }
}
