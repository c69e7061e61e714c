//! EventBridge Scheduler's dialect of cron, its rates and its single times.
//!
//! See [schedule types](https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html).

#[cfg(test)]
mod tests;

use jiff::civil::{Date, Time};
use std::collections::BTreeSet;

/// The times that a cron expression names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    /// The minutes of the hour.
    pub minutes: BTreeSet<u16>,
    /// The hours of the day.
    pub hours: BTreeSet<u16>,
    /// The days of the month; none where they do not count, or depend on the month.
    pub days: BTreeSet<u16>,
    /// The months, from 1.
    pub months: BTreeSet<u16>,
    /// The days of the week, from Sunday as 1; none where they do not count, or depend on the month.
    pub weekdays: BTreeSet<u16>,
    /// The years.
    pub years: BTreeSet<u16>,
}

/// One of the six fields of a cron expression.
struct Field {
    name: &'static str,
    least: u16,
    most: u16,
    /// The words for its values, from the least.
    words: &'static [&'static str],
    /// Which wildcards it takes.
    wildcards: &'static str,
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const fn field(
    name: &'static str,
    least: u16,
    most: u16,
    words: &'static [&'static str],
    wildcards: &'static str,
) -> Field {
    Field {
        name,
        least,
        most,
        words,
        wildcards,
    }
}

const FIELDS: [Field; 6] = [
    field("minutes", 0, 59, &[], ",-*/"),
    field("hours", 0, 23, &[], ",-*/"),
    field("day-of-month", 1, 31, &[], ",-*?/LW"),
    field("month", 1, 12, &MONTHS, ",-*/"),
    field("day-of-week", 1, 7, &DAYS, ",-*?L#"),
    field("year", 1970, 2199, &[], ",-*/"),
];

/// Checks a whole expression: `cron(...)`, `rate(...)` or `at(...)`.
///
/// # Errors
/// What is wrong with it, as the end of a sentence about a property.
pub fn check(expression: &str) -> Result<(), String> {
    let inside = |kind: &str| {
        expression
            .strip_prefix(kind)?
            .strip_prefix('(')?
            .strip_suffix(')')
    };
    if let Some(fields) = inside("cron") {
        cron(fields).map(drop)
    } else if let Some(text) = inside("rate") {
        rate(text)
    } else if let Some(text) = inside("at") {
        at(text)
    } else if [cron(expression).map(drop), rate(expression), at(expression)]
        .iter()
        .any(Result::is_ok)
    {
        let kind = match (cron(expression), rate(expression)) {
            (Ok(_), _) => "cron",
            (_, Ok(())) => "rate",
            _ => "at",
        };
        Err(format!(
            "{expression:?} is not inside cron(...), rate(...) or at(...); write {kind}({expression})"
        ))
    } else {
        Err(format!(
            "{expression:?} is not cron(...), rate(...) or at(...)"
        ))
    }
}

/// What is in an expression's wrapping, such as that of `rate(...)`.
fn wrapped<'a>(expression: &'a str, kind: &str) -> Option<&'a str> {
    let rest = expression.trim().strip_prefix(kind)?.trim_start();
    rest.strip_prefix('(')?.strip_suffix(')').map(str::trim)
}

/// Refuses an expression that has a wrapping where its kind is known.
fn bare(text: &str, kind: &str) -> Result<(), String> {
    for other in ["cron", "rate", "at"] {
        let Some(inside) = wrapped(text, other) else {
            continue;
        };
        return Err(match other == kind {
            true => format!("the {kind}( ) around it is added for you; write {inside}"),
            false => format!("{text:?} is not a {kind}; give {other} instead: {inside}"),
        });
    }
    Ok(())
}

/// The times of the six fields of a cron expression, given without its `cron(...)`.
///
/// # Errors
/// What is wrong, and in which field.
pub fn cron(text: &str) -> Result<Cron, String> {
    bare(text, "cron")?;
    let parts: Vec<&str> = text.split_whitespace().collect();
    let Ok([minutes, hours, day, month, weekday, year]) = <[&str; 6]>::try_from(parts.as_slice())
    else {
        let suggestion = from_unix(&parts)
            .map(|six| format!("; write {six}"))
            .unwrap_or_default();
        return Err(format!(
            "{text:?} has {} fields, but there are six: minutes, hours, day-of-month, month, day-of-week, \
             year{suggestion}",
            parts.len()
        ));
    };
    let [f_minutes, f_hours, f_day, f_month, f_weekday, f_year] = &FIELDS;
    let cron = Cron {
        minutes: f_minutes.values(minutes)?,
        hours: f_hours.values(hours)?,
        days: f_day.values(day)?,
        months: f_month.values(month)?,
        weekdays: f_weekday.values(weekday)?,
        years: f_year.values(year)?,
    };
    match (day, weekday) {
        ("?", "?") => Err(f_weekday.wrong(
            weekday,
            "and the day-of-month field are both ?; give one of them, or * in one",
        )),
        ("?", _) | (_, "?") => Ok(cron),
        ("*", _) => Err(f_day.wrong(day, "must be ?, because the day-of-week field is given")),
        (_, "*") => Err(f_weekday.wrong(
            weekday,
            "must be ?, because the day-of-month field is given",
        )),
        _ => Err(f_weekday.wrong(
            weekday,
            "and the day-of-month field cannot both be given; put ? in one of them",
        )),
    }
}

/// Checks a rate such as `5 minutes`, given without its `rate(...)`.
///
/// # Errors
/// What is wrong with it.
pub fn rate(text: &str) -> Result<(), String> {
    bare(text, "rate")?;
    let wrong = |reason: String| Err(format!("{text:?} {reason}"));
    let Some((number, unit)) = text.split_once(' ') else {
        return wrong("is not a rate such as 5 minutes, 1 hour or 7 days".to_owned());
    };
    let value = match number.parse::<u32>() {
        Ok(value) if value > 0 && number.bytes().all(|b| b.is_ascii_digit()) => value,
        _ => {
            return wrong(format!(
                "begins with {number:?}, which is not a whole number above 0"
            ));
        }
    };
    let singular = unit.strip_suffix('s').unwrap_or(unit);
    if !["minute", "hour", "day"].contains(&singular) {
        return wrong(format!(
            "has the unit {unit:?}, which is not minutes, hours or days"
        ));
    }
    let right = if value == 1 {
        singular.to_owned()
    } else {
        format!("{singular}s")
    };
    if unit == right {
        Ok(())
    } else {
        wrong(format!(
            "has the wrong singular or plural; write {value} {right}"
        ))
    }
}

/// Checks a single time such as `2026-01-31T06:30:00`, given without its `at(...)`.
///
/// # Errors
/// What is wrong with it.
pub fn at(text: &str) -> Result<(), String> {
    bare(text, "at")?;
    let wrong = |reason: &str| Err(format!("{text:?} {reason}"));
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    if shape.starts_with("0000-00-00T00:00:00") && shape.len() > 19 {
        return wrong("has text after the seconds; remove it, and give the time zone in timezone");
    }
    if shape != "0000-00-00T00:00:00" {
        return wrong("is not a time such as 2026-01-31T06:30:00");
    }
    let year = text[..4].parse().unwrap_or_default();
    let number = |at: usize| text[at..at + 2].parse::<i8>().unwrap_or_default();
    let Ok(month) = Date::new(year, number(5), 1) else {
        return wrong("has a month that is not between 01 and 12");
    };
    let (day, days) = (number(8), month.days_in_month());
    if !(1..=days).contains(&day) {
        return Err(format!(
            "{text:?} has the day {day:02}, but that month has {days}"
        ));
    }
    if Time::new(number(11), number(14), number(17), 0).is_err() {
        return wrong("has a time of day that is not between 00:00:00 and 23:59:59");
    }
    Ok(())
}

impl Field {
    /// The values that a field's text stands for; none where that depends on the month.
    fn values(&self, text: &str) -> Result<BTreeSet<u16>, String> {
        let all = || (self.least..=self.most).collect();
        match text {
            "*" => return Ok(all()),
            "?" if self.wildcards.contains('?') => return Ok(BTreeSet::new()),
            "?" => {
                let reason = "cannot be ?; only the day-of-month and day-of-week fields can";
                return Err(self.wrong(text, reason));
            }
            _ => {}
        }
        let parts: Vec<&str> = text.split(',').collect();
        let mut values = BTreeSet::new();
        for part in &parts {
            match self.special(text, part)? {
                true if parts.len() > 1 => {
                    return Err(
                        self.wrong(text, &format!("has {part} in a list; it must stand alone"))
                    );
                }
                true => {}
                false => values.extend(self.part(text, part)?),
            }
        }
        Ok(values)
    }

    /// Whether a part has one of the wildcards of days: `L`, `15W`, `6L`, `3#2`.
    fn special(&self, text: &str, part: &str) -> Result<bool, String> {
        let upper = part.to_ascii_uppercase();
        let day = |day: &str| self.number(text, day).map(|_| true);
        if self.wildcards.contains('W') {
            if upper == "L" || upper == "LW" {
                return Ok(true);
            }
            if let Some(before) = upper.strip_prefix("L-") {
                return match before.parse() {
                    Ok(1..=30) => Ok(true),
                    _ => Err(self.wrong(
                        text,
                        &format!("has {part}; after L- give 1 to 30, the days before the last one"),
                    )),
                };
            }
            if let Some(near) = upper.strip_suffix('W') {
                return day(near);
            }
        }
        if self.wildcards.contains('#') {
            if upper == "L" {
                return Ok(true);
            }
            if let Some(last) = upper.strip_suffix('L') {
                return day(last);
            }
            if let Some((weekday, which)) = upper.split_once('#') {
                day(weekday)?;
                return match which.parse() {
                    Ok(1..=5) => Ok(true),
                    _ => Err(self.wrong(
                        text,
                        &format!("has {part}; after # give 1 to 5, the week of the month"),
                    )),
                };
            }
        }
        Ok(false)
    }

    /// The values of a number, a range, or steps.
    fn part(&self, text: &str, part: &str) -> Result<BTreeSet<u16>, String> {
        let (base, step) = match part.split_once('/') {
            None => (part, None),
            Some(_) if !self.wildcards.contains('/') => {
                return Err(self.wrong(text, "cannot have steps; list the days instead"));
            }
            Some((base, step)) => (base, Some(step)),
        };
        let step = match step.map(str::parse::<u16>) {
            None => None,
            Some(Ok(step)) if step > 0 && step <= self.most => Some(step),
            Some(_) => {
                let reason = format!("has {part}; after / give 1 to {}", self.most);
                return Err(self.wrong(text, &reason));
            }
        };
        let (from, to) = match (base, base.split_once('-')) {
            ("*", _) if step.is_some() => (self.least, self.most),
            ("*", _) => return Err(self.wrong(text, "has * in a list; it must stand alone")),
            (_, Some((from, to))) => (self.number(text, from)?, self.number(text, to)?),
            _ => {
                let from = self.number(text, base)?;
                (from, if step.is_some() { self.most } else { from })
            }
        };
        if from > to {
            let reason = format!(
                "has {part}, which runs backwards; {}",
                self.around(from, to)
            );
            return Err(self.wrong(text, &reason));
        }
        Ok((from..=to).step_by(step.unwrap_or(1).into()).collect())
    }

    /// How to write a range that goes on at the start.
    fn around(&self, from: u16, to: u16) -> String {
        let range = |from: u16, to: u16| {
            let word = |n: u16| match self.words.get(usize::from(n - self.least)) {
                Some(word) => (*word).to_owned(),
                None => n.to_string(),
            };
            if from == to {
                word(from)
            } else {
                format!("{}-{}", word(from), word(to))
            }
        };
        format!("write {},{}", range(from, self.most), range(self.least, to))
    }

    fn number(&self, text: &str, number: &str) -> Result<u16, String> {
        let upper = number.to_ascii_uppercase();
        if let Some(place) = self.words.iter().position(|word| *word == upper) {
            return Ok(self.least + u16::try_from(place).unwrap_or_default());
        }
        let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let value = number
            .parse()
            .ok()
            .filter(|n| digits && (self.least..=self.most).contains(n));
        value.ok_or_else(|| {
            let words = match self.words {
                [first, .., last] => format!(" or {first} to {last}"),
                _ => String::new(),
            };
            let sunday = match self.words.first() {
                Some(&"SUN") => ", with 1 for Sunday",
                _ => "",
            };
            let (least, most) = (self.least, self.most);
            let what = if number.is_empty() {
                "an empty part"
            } else {
                number
            };
            self.wrong(
                text,
                &format!("has {what}, which is not {least} to {most}{words}{sunday}"),
            )
        })
    }

    fn wrong(&self, text: &str, reason: &str) -> String {
        format!("the {} field {text:?} {reason}", self.name)
    }
}

/// The six fields that mean the same as the five of Unix, where there are such.
fn from_unix(five: &[&str]) -> Option<String> {
    let [minutes, hours, day, month, weekday] = <[&str; 5]>::try_from(five).ok()?;
    let (day, weekday) = match (day, weekday) {
        (day, "*" | "?") => (day, "?".to_owned()),
        ("*" | "?", weekday) => ("?", weekdays_from_unix(weekday)?),
        // Unix takes either, which no single expression says here.
        _ => return None,
    };
    let six = format!("{minutes} {hours} {day} {month} {weekday} *");
    cron(&six).is_ok().then_some(six)
}

/// Unix counts the days of the week from Sunday as 0, and again as 7.
fn weekdays_from_unix(text: &str) -> Option<String> {
    let word = |day: &str| match day.parse::<usize>() {
        Ok(day) => DAYS
            .get(day % 7)
            .filter(|_| day <= 7)
            .map(|word| (*word).to_owned()),
        Err(_) => Some(day.to_ascii_uppercase()),
    };
    let range = |part: &str| match part.split_once('-') {
        // Monday to Sunday is every day, whatever it begins with.
        Some((from, to)) => Some(format!("{}-{}", word(from)?, word(to)?)),
        None => word(part),
    };
    let parts: Option<Vec<_>> = text.split(',').map(range).collect();
    Some(parts?.join(","))
}
