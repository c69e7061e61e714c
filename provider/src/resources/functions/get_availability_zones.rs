//! `dbt-aws:index:getAvailabilityZones`.

use crate::{prelude::*, resources::ec2::zones};
use pulumi_aws_framework::{aws::Aws, function::Function};

/// Looks up the availability zones of the configured region.
#[derive(Debug)]
pub struct GetAvailabilityZones;

/// It is asked with nothing.
#[derive(Clone, Debug, Props)]
pub struct GetAvailabilityZonesInputs {}

/// The zones that are available, without local and wavelength zones.
#[derive(Clone, Debug, Props)]
pub struct GetAvailabilityZonesOutputs {
    /// The names, such as `eu-west-1a`, sorted. An account's `eu-west-1a` may be another place than another account's.
    pub names: Vec<String>,
    /// The ids, such as `euw1-az1`, in the order of the names. They mean the same place in every account.
    pub zone_ids: Vec<String>,
}

impl Function for GetAvailabilityZones {
    const TOKEN: &'static str = "dbt-aws:index:getAvailabilityZones";
    const DOC: &'static str = "Looks up the availability zones of the configured region.\n\nSee [regions and zones](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-regions-availability-zones.html).";
    const ACTIONS: &'static [&'static str] = &["ec2:DescribeAvailabilityZones"];
    type Inputs = GetAvailabilityZonesInputs;
    type Outputs = GetAvailabilityZonesOutputs;

    async fn call(
        aws: &Aws,
        _inputs: &GetAvailabilityZonesInputs,
    ) -> Result<GetAvailabilityZonesOutputs> {
        let clients = aws.clients(aws.region()).await?;
        let (names, zone_ids) = zones(&clients)
            .await?
            .iter()
            .map(|zone| (zone.name.clone(), zone.id.clone()))
            .unzip();
        Ok(GetAvailabilityZonesOutputs { names, zone_ids })
    }
}
