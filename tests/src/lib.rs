//! The harness of the tests that drive the provider over gRPC, as the engine does, against moto, or against the AWS at
//! `DBT_AWS_TEST_ENDPOINT` (`on-local-aws`).
//!
//! A building block is tested by a row: [`Block`] says how it is made, changed and found, [`Stack::test`] takes it
//! through its life, and what the row leaves out of the property table fails the test.
//!
//! ```ignore
//! #[tokio::test]
//! async fn vpc() {
//!     let stack = Stack::new("vpc").await;
//!     stack.test(Block {
//!         token: "dbt-aws:ec2:Vpc",
//!         inputs: json!({"cidrBlock": "10.0.0.0/16"}),
//!         // One after another, merged over the inputs; null takes a property away.
//!         updates: vec![json!({"enableDnsHostnames": false})],
//!         replaces: vec![("cidrBlock", json!("10.1.0.0/16"))],
//!         // How boto3 lists this kind. The items that mention the marker (or `mentions`) are the test's.
//!         listed: Call::new("ec2", "describe_vpcs", json!({}), "Vpcs[]"),
//!         // Where boto3 finds each property's value there.
//!         shows: vec![shown("cidrBlock", "CidrBlock")],
//!         ..Block::default()
//!     }).await;
//! }
//! ```
//!
//! What a block needs is made before: `let vpc = stack.make("dbt-aws:ec2:Vpc", "vpc", json!({...})).await;`, then
//! `vpc.id` and `vpc.get("arn")`. `stack.aws(service, operation, arguments)` asks boto3. A region is a stack's own,
//! except for what has no region; names in there must be the stack's own too.

mod aws;
mod block;
mod messages;
mod provider;
mod stack;

pub use aws::Call;
pub use block::{Block, Marked, Shown, shown};
pub use provider::{Made, Provider, failures, init_failed, properties};
pub use stack::{Stack, moto};
