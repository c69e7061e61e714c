//! What daylight saving time skips.

use super::expression::{self, Cron};
use jiff::{
    Span, Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};

/// The first time that an expression names and a zone's clocks skip.
pub(super) fn first_skipped(expression: &str, zone: &str, from: Timestamp) -> Option<DateTime> {
    let inside = |kind: &str| expression.strip_prefix(kind)?.strip_suffix(')');
    match (inside("cron("), inside("at(")) {
        (Some(fields), _) => skipped(&expression::cron(fields).ok()?, zone, from),
        (_, Some(time)) => Some(time.parse().ok()?).filter(|time| skips(zone, *time)),
        _ => None,
    }
}

/// The first time within two years that a cron expression names and a zone's clocks skip. The scheduler then skips the
/// run too.
///
/// See [daylight saving time](https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time).
fn skipped(cron: &Cron, zone: &str, from: Timestamp) -> Option<DateTime> {
    // A schedule of every hour goes on with the next.
    if cron.hours.len() == 24 {
        return None;
    }
    let zone = TimeZone::get(zone).ok()?;
    let until = from.checked_add(Span::new().hours(2 * 366 * 24)).ok()?;
    zone.following(from)
        .take_while(|change| change.timestamp() < until)
        .find_map(|change| {
            let last = change
                .timestamp()
                .checked_sub(Span::new().seconds(1))
                .ok()?;
            let clock_before = zone.to_offset(last).to_datetime(change.timestamp());
            let clock_after = change.offset().to_datetime(change.timestamp());
            times(cron, clock_before).find(|time| (clock_before..clock_after).contains(time))
        })
}

/// Whether a zone's clocks skip a time.
fn skips(zone: &str, time: DateTime) -> bool {
    let offset = |zone: TimeZone| zone.to_ambiguous_timestamp(time).offset();
    TimeZone::get(zone).is_ok_and(|zone| matches!(offset(zone), AmbiguousOffset::Gap { .. }))
}

/// The times that a cron expression names on the day of `day`, as far as the days of the month do not matter.
fn times(cron: &Cron, day: DateTime) -> impl Iterator<Item = DateTime> {
    let weekday = u16::from(day.weekday().to_sunday_one_offset().unsigned_abs());
    let month = u16::from(day.month().unsigned_abs());
    let due = cron.months.contains(&month)
        && (cron.weekdays.is_empty() || cron.weekdays.contains(&weekday));
    let hours = cron.hours.iter().filter(move |_| due);
    let times = hours.flat_map(|hour| cron.minutes.iter().map(move |minute| (*hour, *minute)));
    times.filter_map(move |(hour, minute)| {
        let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(minute).ok()?);
        Some(day.date().at(hour, minute, 0, 0))
    })
}

#[cfg(test)]
mod tests {
    use super::{skipped, skips};
    use crate::resources::scheduler::expression::cron;

    #[test]
    fn the_first_time_that_is_skipped_is_found() {
        let of = |text: &str, zone: &str| {
            let from = "2026-11-21T00:00:00Z".parse().expect("a time");
            let found = skipped(&cron(text).expect("a cron expression"), zone, from);
            found.map(|time| time.strftime("%Y-%m-%d %H:%M").to_string())
        };
        let expect = |text, zone, expected: Option<&str>| {
            assert_eq!(of(text, zone).as_deref(), expected, "{text} in {zone}");
        };
        expect("30 2 * * ? *", "Europe/Paris", Some("2027-03-28 02:30"));
        expect("0 1-3 * * ? *", "Europe/Paris", Some("2027-03-28 02:00"));
        expect(
            "15 2 ? * SUN *",
            "America/New_York",
            Some("2027-03-14 02:15"),
        );
        expect("0 3 * * ? *", "Europe/Paris", None);
        expect("30 2 ? * MON-FRI *", "Europe/Paris", None);
        expect("30 2 * 6 ? *", "Europe/Paris", None);
        expect("30 2 * * ? *", "UTC", None);
        expect("30 * * * ? *", "Europe/Paris", None);
    }

    #[test]
    fn a_single_time_may_be_one_that_clocks_skip() {
        for (time, zone, is_skipped) in [
            ("2027-03-28T02:30:00", "Europe/Paris", true),
            ("2027-03-28T03:00:00", "Europe/Paris", false),
            ("2027-10-31T02:30:00", "Europe/Paris", false),
            ("2027-03-28T02:30:00", "UTC", false),
        ] {
            assert_eq!(
                skips(zone, time.parse().expect("a time")),
                is_skipped,
                "{time} in {zone}"
            );
        }
    }
}
