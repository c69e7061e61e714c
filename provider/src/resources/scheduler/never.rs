//! Schedules that have no time to come.

use super::expression;
use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

/// Why an expression names no time from now on, if it names none.
pub(super) fn reason(expression: &str, zone: &str, now: Timestamp) -> Option<&'static str> {
    let inside = |kind: &str| expression.strip_prefix(kind)?.strip_suffix(')');
    let now = TimeZone::get(zone).ok()?.to_datetime(now);
    if let Some(text) = inside("at(") {
        let time: DateTime = text.parse().ok()?;
        return (time <= now).then_some("has passed, and AWS does not run it");
    }
    let cron = expression::cron(inside("cron(")?).ok()?;
    let small = |n: u16| i8::try_from(n).unwrap_or_default();
    let any = (1..=31).collect();
    let days = if cron.days.is_empty() {
        &any
    } else {
        &cron.days
    };
    let there = cron.years.iter().any(|year| {
        let year = i16::try_from(*year).unwrap_or_default();
        cron.months.iter().any(|month| {
            days.iter().any(|day| {
                Date::new(year, small(*month), small(*day)).is_ok_and(|date| date >= now.date())
            })
        })
    });
    (!there).then_some("names no day that is still to come, so it never runs")
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
                reason(expression, zone, now).is_some(),
                never,
                "{expression} in {zone}"
            );
        }
    }
}
