//! What holds for all kinds in the catalogue.

mod imports;
mod properties;

use crate::resources;
use pulumi_aws_framework::{
    resource::erase,
    value::{Properties, Value},
};
use serde_json::json;

#[test]
fn what_stays_in_its_place_goes_before_the_new_one_comes() {
    let subnet = erase::<resources::ec2::subnet::Subnet>();
    let inputs = |vpc: &str, block: &str| {
        let inputs = json!({ "vpcId": vpc, "cidrBlock": block, "availabilityZone": "eu-west-1a" });
        Value::from_json(&inputs).into_properties()
    };
    let old = inputs("vpc-1", "10.0.0.0/24");
    let first = |new: Properties| {
        subnet
            .diff(&old, &Properties::new(), &new, &[])
            .delete_before_replace
    };
    assert!(first(inputs("vpc-1", "10.0.0.0/20")));
    assert!(!first(inputs("vpc-2", "10.0.0.0/20")) && !first(old.clone()));
}
