//! Schedules that have no time to come.

use super::expression::{self, Cron};
use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

/// Why an expression names no time from now on within the times that a schedule has, if it names none.
pub(super) fn reason(
    expression: &str,
    zone: &str,
    now: Timestamp,
    (start, end): (Option<Timestamp>, Option<Timestamp>),
) -> Option<&'static str> {
    let inside = |kind: &str| expression.strip_prefix(kind)?.strip_suffix(')');
    let zone = TimeZone::get(zone).ok()?;
    let civil = |time: Timestamp| zone.to_datetime(time);
    let from = civil(start.map_or(now, |start| start.max(now)));
    let until = end.map_or(DateTime::MAX, civil);
    let outside = "names no time between start and end that is still to come, so it never runs";
    if let Some(text) = inside("at(") {
        let time: DateTime = text.parse().ok()?;
        return match time {
            _ if time <= civil(now) => Some("has passed, and AWS does not run it"),
            _ if time < from || time > until => Some(outside),
            _ => None,
        };
    }
    if until <= civil(now) {
        return Some(outside);
    }
    let cron = expression::cron(inside("cron(")?).ok()?;
    if comes(&cron, from, DateTime::MAX) {
        return (!comes(&cron, from, until)).then_some(outside);
    }
    Some("names no day that is still to come, so it never runs")
}

/// Whether a cron expression names a time between these, as far as its days do not depend on the month.
fn comes(cron: &Cron, from: DateTime, until: DateTime) -> bool {
    let small = |n: u16| i8::try_from(n).unwrap_or_default();
    let any = (1..=31).collect();
    let days = if cron.days.is_empty() {
        &any
    } else {
        &cron.days
    };
    let is_due = |date: Date| {
        let weekday = u16::from(date.weekday().to_sunday_one_offset().unsigned_abs());
        cron.weekdays.is_empty() || cron.weekdays.contains(&weekday)
    };
    let has_time = |date: Date| {
        let times = cron
            .hours
            .iter()
            .flat_map(|hour| cron.minutes.iter().map(move |m| (hour, m)));
        let mut times = times.map(|(hour, minute)| date.at(small(*hour), small(*minute), 0, 0));
        times.any(|time| from < time && time <= until)
    };
    cron.years.iter().any(|year| {
        let year = i16::try_from(*year).unwrap_or_default();
        let is_near = (from.year()..=until.year()).contains(&year);
        is_near
            && cron.months.iter().any(|month| {
                days.iter().any(|day| {
                    let date = Date::new(year, small(*month), small(*day));
                    date.is_ok_and(|date| {
                        (from.date()..=until.date()).contains(&date)
                            && is_due(date)
                            && has_time(date)
                    })
                })
            })
    })
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn what_never_comes_is_found() {
        let now = "2026-11-21T23:30:00Z".parse().expect("a time");
        for (expression, zone, never) in [
            ("at(2020-01-31T06:30:00)", "UTC", true),
            ("at(2026-11-22T00:15:00)", "UTC", false),
            ("at(2026-11-22T00:15:00)", "Europe/Paris", true),
            ("cron(0 5 31 2 ? *)", "UTC", true),
            ("cron(0 5 31 4,6 ? *)", "UTC", true),
            ("cron(0 5 29 2 ? *)", "UTC", false),
            ("cron(0 5 29 2 ? 2027)", "UTC", true),
            ("cron(0 5 * * ? 2020)", "UTC", true),
            ("cron(0 5 * 1-10 ? 2026)", "UTC", true),
            ("cron(0 5 ? * MON 2026)", "UTC", false),
            ("cron(0 5 L 2 ? *)", "UTC", false),
            ("cron(0 5 * * ? *)", "UTC", false),
            ("rate(1 day)", "UTC", false),
            ("cron(nonsense)", "UTC", false),
        ] {
            assert_eq!(
                reason(expression, zone, now, (None, None)).is_some(),
                never,
                "{expression} in {zone}"
            );
        }
    }

    #[test]
    fn what_never_comes_between_start_and_end_is_found() {
        let time = |text: &str| Some(text.parse().expect("a time"));
        let now = time("2026-11-21T23:30:00Z").expect("now");
        for (expression, start, end, never) in [
            ("rate(1 day)", None, time("2026-11-21T00:00:00Z"), true),
            ("rate(1 day)", None, time("2026-11-23T00:00:00Z"), false),
            (
                "cron(0 5 * * ? *)",
                None,
                time("2026-11-22T04:00:00Z"),
                true,
            ),
            (
                "cron(0 5 * * ? *)",
                None,
                time("2026-11-22T05:00:00Z"),
                false,
            ),
            (
                "cron(0 5 ? * MON *)",
                time("2026-11-24T00:00:00Z"),
                time("2026-11-29T00:00:00Z"),
                true,
            ),
            (
                "cron(0 5 ? * SAT *)",
                time("2026-11-24T00:00:00Z"),
                time("2026-11-29T00:00:00Z"),
                false,
            ),
            (
                "cron(0 5 * * ? 2026)",
                time("2027-01-01T00:00:00Z"),
                None,
                true,
            ),
            (
                "at(2026-12-24T05:00:00)",
                None,
                time("2026-12-01T00:00:00Z"),
                true,
            ),
            (
                "at(2026-12-24T05:00:00)",
                time("2027-12-01T00:00:00Z"),
                None,
                true,
            ),
            (
                "at(2026-12-24T05:00:00)",
                time("2026-12-01T00:00:00Z"),
                None,
                false,
            ),
        ] {
            let found = reason(expression, "UTC", now, (start, end));
            assert_eq!(
                found.is_some(),
                never,
                "{expression} from {start:?} to {end:?}: {found:?}"
            );
        }
    }
}
