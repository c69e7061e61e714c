//! The clients of AWS's services: one for each region, made when it is first used.

use pulumi_aws_framework::aws::Clients;

macro_rules! services {
    ($($(#[$doc:meta])* $name:ident: $sdk:ident as $service:literal,)+) => {
        /// The clients of a region's services.
        pub(crate) trait Services {
            $($(#[$doc])* fn $name(&self) -> $sdk::Client;)+
            /// S3's client.
            fn s3(&self) -> aws_sdk_s3::Client;
        }

        impl Services for Clients {
            $(fn $name(&self) -> $sdk::Client {
                self.shared(|own| {
                    $sdk::Client::new(&own.sdk_for($service))
                })
            })+

            fn s3(&self) -> aws_sdk_s3::Client {
                self.shared(|own| {
                    let path_style = own.configuration().s3_use_path_style;
                    let path_style = path_style.unwrap_or_else(|| own.endpoint("s3").is_some());
                    let config = aws_sdk_s3::config::Builder::from(&own.sdk_for("s3"));
                    aws_sdk_s3::Client::from_conf(config.force_path_style(path_style).build())
                })
            }
        }
    };
}

services! {
    /// CloudWatch's client.
    cloudwatch: aws_sdk_cloudwatch as "cloudwatch",
    /// DynamoDB's client.
    dynamodb: aws_sdk_dynamodb as "dynamodb",
    /// EC2's client.
    ec2: aws_sdk_ec2 as "ec2",
    /// ECR's client.
    ecr: aws_sdk_ecr as "ecr",
    /// ECS's client.
    ecs: aws_sdk_ecs as "ecs",
    /// EventBridge's client.
    events: aws_sdk_eventbridge as "events",
    /// IAM's client.
    iam: aws_sdk_iam as "iam",
    /// Lambda's client.
    lambda: aws_sdk_lambda as "lambda",
    /// CloudWatch Logs' client.
    logs: aws_sdk_cloudwatchlogs as "logs",
    /// RDS's client.
    rds: aws_sdk_rds as "rds",
    /// EventBridge Scheduler's client.
    scheduler: aws_sdk_scheduler as "scheduler",
    /// Secrets Manager's client.
    secretsmanager: aws_sdk_secretsmanager as "secretsmanager",
    /// Step Functions' client.
    sfn: aws_sdk_sfn as "sfn",
    /// SNS's client.
    sns: aws_sdk_sns as "sns",
    /// SQS's client.
    sqs: aws_sdk_sqs as "sqs",
}

/// The services whose endpoint the provider's configuration can name.
pub(crate) const SERVICES: [(&str, &str); 18] = [
    ("cloudwatch", ""),
    ("dynamodb", ""),
    ("ec2", ""),
    ("ecr", ""),
    ("ecs", ""),
    ("events", ""),
    ("iam", ""),
    ("lambda", ""),
    ("logs", ""),
    ("rds", ""),
    ("registry", "the image registry of ECR"),
    ("s3", ""),
    ("scheduler", ""),
    ("secretsmanager", ""),
    ("sfn", ""),
    ("sns", ""),
    ("sqs", ""),
    ("sts", ""),
];
