//! The partitions of AWS: each has accounts, ARNs and hosts of its own.

/// What the names of a partition's regions begin with, its name in ARNs, and the host of its console, with `*` for the region.
/// The last is for all other regions.
const PARTITIONS: [(&str, &str, &str); 8] = [
    ("cn-", "aws-cn", "console.amazonaws.cn"),
    ("us-gov-", "aws-us-gov", "console.amazonaws-us-gov.com"),
    ("eusc-", "aws-eusc", "console.amazonaws-eusc.eu"),
    ("us-iso-", "aws-iso", "console.c2shome.ic.gov"),
    ("us-isob-", "aws-iso-b", "console.sc2shome.sgov.gov"),
    ("eu-isoe-", "aws-iso-e", "console.csphome.adc-e.uk"),
    ("us-isof-", "aws-iso-f", "console.csphome.hci.ic.gov"),
    ("", "aws", "*.console.aws.amazon.com"),
];

fn of(region: &str) -> (&'static str, &'static str) {
    let own = PARTITIONS
        .iter()
        .find(|(start, ..)| region.starts_with(start));
    own.map_or(("aws", ""), |(_, name, console)| (*name, *console))
}

/// The partition of a region.
#[must_use]
pub fn partition(region: &str) -> &'static str {
    of(region).0
}

/// The URL of a region's console.
#[must_use]
pub fn console(region: &str) -> String {
    format!("https://{}", of(region).1.replace('*', region))
}

#[cfg(test)]
mod tests {
    use super::{console, partition};

    #[test]
    fn a_region_tells_its_partition() {
        for (region, name, host) in [
            ("eu-west-1", "aws", "eu-west-1.console.aws.amazon.com"),
            ("cn-north-1", "aws-cn", "console.amazonaws.cn"),
            (
                "us-gov-west-1",
                "aws-us-gov",
                "console.amazonaws-us-gov.com",
            ),
            ("eusc-de-east-1", "aws-eusc", "console.amazonaws-eusc.eu"),
            ("us-iso-east-1", "aws-iso", "console.c2shome.ic.gov"),
            ("us-isob-east-1", "aws-iso-b", "console.sc2shome.sgov.gov"),
            ("eu-isoe-west-1", "aws-iso-e", "console.csphome.adc-e.uk"),
            ("us-isof-south-1", "aws-iso-f", "console.csphome.hci.ic.gov"),
        ] {
            assert_eq!(partition(region), name);
            assert_eq!(console(region), format!("https://{host}"));
        }
    }
}
