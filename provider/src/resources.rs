//! Every custom resource and function: one AWS object, one file, one line here.

pub mod cloudwatch;
pub mod dynamodb;
pub mod ec2;
pub mod ecr;
pub mod ecs;
pub mod events;
pub mod functions;
pub mod iam;
pub mod lambda;
pub mod logs;
pub mod rds;
#[cfg(test)]
pub(crate) mod refusals;
pub mod s3;
pub mod scheduler;
pub(crate) mod sdk;
pub mod secretsmanager;
pub mod sfn;
pub mod sns;
pub mod sqs;

use pulumi_aws_framework::{
    function::{self, DynamicFunction},
    resource::{DynamicResource, erase},
};

/// All resources, by module and name.
#[must_use]
pub fn all() -> Vec<Box<dyn DynamicResource>> {
    vec![
        erase::<cloudwatch::dashboard::Dashboard>(),
        erase::<cloudwatch::metric_alarm::MetricAlarm>(),
        erase::<dynamodb::table::Table>(),
        erase::<ec2::elastic_ip::ElasticIp>(),
        erase::<ec2::internet_gateway::InternetGateway>(),
        erase::<ec2::nat_gateway::NatGateway>(),
        erase::<ec2::route::Route>(),
        erase::<ec2::route_table::RouteTable>(),
        erase::<ec2::route_table_association::RouteTableAssociation>(),
        erase::<ec2::security_group::SecurityGroup>(),
        erase::<ec2::security_group_rule::SecurityGroupRule>(),
        erase::<ec2::subnet::Subnet>(),
        erase::<ec2::vpc::Vpc>(),
        erase::<ec2::vpc_endpoint::VpcEndpoint>(),
        erase::<ecr::image::Image>(),
        erase::<ecr::repository::Repository>(),
        erase::<ecs::cluster::Cluster>(),
        erase::<ecs::task_definition::TaskDefinition>(),
        erase::<events::rule::Rule>(),
        erase::<iam::role::Role>(),
        erase::<lambda::function::Function>(),
        erase::<logs::log_group::LogGroup>(),
        erase::<rds::instance::Instance>(),
        erase::<rds::parameter_group::ParameterGroup>(),
        erase::<rds::subnet_group::SubnetGroup>(),
        erase::<s3::bucket::Bucket>(),
        erase::<scheduler::schedule::Schedule>(),
        erase::<secretsmanager::secret::Secret>(),
        erase::<sfn::execution::Execution>(),
        erase::<sfn::state_machine::StateMachine>(),
        erase::<sns::subscription::Subscription>(),
        erase::<sns::topic::Topic>(),
        erase::<sqs::queue::Queue>(),
    ]
}

/// All functions.
#[must_use]
pub fn functions() -> Vec<Box<dyn DynamicFunction>> {
    vec![
        function::erase::<functions::get_availability_zones::GetAvailabilityZones>(),
        function::erase::<functions::get_caller_identity::GetCallerIdentity>(),
    ]
}
