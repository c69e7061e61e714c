//! `dbt-aws:index:getCallerIdentity`.

use crate::prelude::*;
use pulumi_aws_framework::{aws::Aws, function::Function};

/// Looks up whose credentials the provider uses.
#[derive(Debug)]
pub struct GetCallerIdentity;

/// It is asked with nothing.
#[derive(Clone, Debug, Props)]
pub struct GetCallerIdentityInputs {}

/// Whose credentials they are.
#[derive(Clone, Debug, Props)]
pub struct GetCallerIdentityOutputs {
    /// The account's id, twelve digits.
    pub account_id: String,
    /// The user's or role's ARN.
    pub arn: String,
    /// The unique id of the user or role.
    pub user_id: String,
}

impl Function for GetCallerIdentity {
    const TOKEN: &'static str = "dbt-aws:index:getCallerIdentity";
    const DOC: &'static str = "Looks up whose credentials the provider uses.\n\nSee [GetCallerIdentity](https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html).";
    type Inputs = GetCallerIdentityInputs;
    type Outputs = GetCallerIdentityOutputs;

    async fn call(
        aws: &Aws,
        _inputs: &GetCallerIdentityInputs,
    ) -> Result<GetCallerIdentityOutputs> {
        let caller = aws.caller().await?.clone();
        Ok(GetCallerIdentityOutputs {
            account_id: caller.account_id,
            arn: caller.arn,
            user_id: caller.user_id,
        })
    }
}
