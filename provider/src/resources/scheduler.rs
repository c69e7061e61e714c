//! Schedules.

mod daylight;
pub mod expression;
mod never;
pub mod schedule;
#[cfg(test)]
mod tests;

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
