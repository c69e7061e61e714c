//! Schedules.

mod daylight;
pub mod expression;
mod never;
pub mod schedule;

use pulumi_aws_framework::formats::nearest;

/// What is wrong with the name of a time zone, if anything.
///
/// # Errors
/// The tz database does not have it; the nearest that it has is named.
pub fn timezone(name: &str) -> Result<(), String> {
    let zones = jiff::tz::db();
    let meant = match zones.get(name) {
        Ok(zone) if zone.iana_name() == Some(name) => return Ok(()),
        Ok(zone) => zone.iana_name().map(str::to_owned),
        Err(_) => {
            let all: Vec<_> = zones.available().map(|zone| zone.to_string()).collect();
            nearest(name, all.iter().map(String::as_str)).map(str::to_owned)
        }
    };
    Err(match meant {
        Some(zone) => format!("{name:?} is not a time zone; did you mean {zone}?"),
        None => format!("{name:?} is not a time zone of the tz database, such as Europe/Paris"),
    })
}

#[cfg(test)]
mod tests {
    use super::timezone;

    #[test]
    fn time_zones_are_those_of_the_tz_database() {
        for zone in [
            "UTC",
            "Europe/Paris",
            "America/Argentina/Buenos_Aires",
            "Etc/GMT+5",
        ] {
            assert_eq!(timezone(zone), Ok(()));
        }
        let wrong = |zone| timezone(zone).expect_err("no such zone");
        assert_eq!(
            wrong("europe/paris"),
            "\"europe/paris\" is not a time zone; did you mean Europe/Paris?"
        );
        assert_eq!(
            wrong("Europe/Pariss"),
            "\"Europe/Pariss\" is not a time zone; did you mean Europe/Paris?"
        );
        assert!(wrong("+02:00").ends_with("such as Europe/Paris"));
        assert!(wrong("").ends_with("such as Europe/Paris"));
    }
}
