use super::*;
use expect_test::{Expect, expect};

fn errors(parse: impl Fn(&str) -> Result<(), String>, texts: &[&str], expected: &Expect) {
    let lines = texts.iter().map(|text| match parse(text) {
        Ok(()) => format!("{text}: fine\n"),
        Err(reason) => format!("{reason}\n"),
    });
    expected.assert_eq(&lines.collect::<String>());
}

fn fields(text: &str) -> Result<(), String> {
    cron(text).map(drop)
}

#[test]
fn what_the_dialect_has_passes() {
    for text in [
        "30 6 * * ? *",
        "0 10 ? * * *",
        "15 12 ? * MON-FRI *",
        "0/5 8-17 ? * MON-FRI *",
        "*/15 * * * ? *",
        "0 8 1 * ? *",
        "0 0 1,15 JAN,jul ? 2026-2030",
        "0 0 L * ? *",
        "0 0 LW * ? *",
        "0 0 L-3 * ? *",
        "0 0 15W 1/3 ? *",
        "15 10 ? * 6L 2022-2023",
        "15 10 ? * FRIL *",
        "0 9 ? * 2#1 *",
        "0 9 ? * TUE#5 *",
        "0 9 ? * L *",
        "0,15,30-45/5 0 ? 1-12 1-7 1970/2",
        "  0   12  *  *  ?  2199 ",
    ] {
        assert_eq!(fields(text), Ok(()), "{text}");
    }
}

#[test]
fn the_times_of_day_are_those_named() {
    let set = |values: &[u16]| values.iter().copied().collect::<BTreeSet<_>>();
    let times = |text| cron(text).map(|c| (c.minutes, c.hours));
    assert_eq!(times("30 6 * * ? *"), Ok((set(&[30]), set(&[6]))));
    assert_eq!(
        times("0/20 8-12/2,22 * * ? *"),
        Ok((set(&[0, 20, 40]), set(&[8, 10, 12, 22])))
    );
    assert_eq!(times("*/30 23 L * ? *"), Ok((set(&[0, 30]), set(&[23]))));
}

#[test]
fn the_field_that_is_wrong_is_named() {
    errors(
        fields,
        &[
            "60 6 * * ? *",
            "30 24 * * ? *",
            "30 6 0 * ? *",
            "30 6 32 * ? *",
            "30 6 * 13 ? *",
            "30 6 * JANUARY ? *",
            "30 6 ? * 0 *",
            "30 6 ? * 8 *",
            "30 6 ? * MONDAY *",
            "30 6 * * ? 1969",
            "30 6 * * ? 2200",
            "-5 6 * * ? *",
            "+5 6 * * ? *",
            "1.5 6 * * ? *",
            "x 6 * * ? *",
            ", 6 * * ? *",
            "5, 6 * * ? *",
            "30 6- * * ? *",
        ],
        &expect![[r#"
            the minutes field "60" has 60, which is not 0 to 59
            the hours field "24" has 24, which is not 0 to 23
            the day-of-month field "0" has 0, which is not 1 to 31
            the day-of-month field "32" has 32, which is not 1 to 31
            the month field "13" has 13, which is not 1 to 12 or JAN to DEC
            the month field "JANUARY" has JANUARY, which is not 1 to 12 or JAN to DEC
            the day-of-week field "0" has 0, which is not 1 to 7 or SUN to SAT, with 1 for Sunday
            the day-of-week field "8" has 8, which is not 1 to 7 or SUN to SAT, with 1 for Sunday
            the day-of-week field "MONDAY" has MONDAY, which is not 1 to 7 or SUN to SAT, with 1 for Sunday
            the year field "1969" has 1969, which is not 1970 to 2199
            the year field "2200" has 2200, which is not 1970 to 2199
            the minutes field "-5" has an empty part, which is not 0 to 59
            the minutes field "+5" has +5, which is not 0 to 59
            the minutes field "1.5" has 1.5, which is not 0 to 59
            the minutes field "x" has x, which is not 0 to 59
            the minutes field "," has an empty part, which is not 0 to 59
            the minutes field "5," has an empty part, which is not 0 to 59
            the hours field "6-" has an empty part, which is not 0 to 23
        "#]],
    );
}

#[test]
fn wildcards_stand_where_they_may() {
    errors(
        fields,
        &[
            "30 6 * * * *",
            "30 6 ? * ? *",
            "30 6 1 * * *",
            "30 6 * * MON *",
            "30 6 1 * MON *",
            "? 6 * * ? *",
            "30 6 * ? 1 *",
            "30 6 * * ? ?",
            "*,5 6 * * ? *",
            "0/0 6 * * ? *",
            "0/60 6 * * ? *",
            "/15 6 * * ? *",
            "0/ 6 * * ? *",
            "30 22-6 * * ? *",
            "30 6 ? * FRI-MON *",
            "30 6 ? * MON/2 *",
            "30 6 ? * 2#6 *",
            "30 6 ? * 2#0 *",
            "30 6 ? * 2#1,6#3 *",
            "30 6 ? * 8L *",
            "30 6 L,1 * ? *",
            "30 6 32W * ? *",
            "30 6 W * ? *",
            "30 6 L-31 * ? *",
            "30 L * * ? *",
            "30 6 2#1 * ? *",
        ],
        &expect![[r#"
            the day-of-month field "*" must be ?, because the day-of-week field is given
            the day-of-week field "?" and the day-of-month field are both ?; give one of them, or * in one
            the day-of-week field "*" must be ?, because the day-of-month field is given
            the day-of-month field "*" must be ?, because the day-of-week field is given
            the day-of-week field "MON" and the day-of-month field cannot both be given; put ? in one of them
            the minutes field "?" cannot be ?; only the day-of-month and day-of-week fields can
            the month field "?" cannot be ?; only the day-of-month and day-of-week fields can
            the year field "?" cannot be ?; only the day-of-month and day-of-week fields can
            the minutes field "*,5" has * in a list; it must stand alone
            the minutes field "0/0" has 0/0; after / give 1 to 59
            the minutes field "0/60" has 0/60; after / give 1 to 59
            the minutes field "/15" has an empty part, which is not 0 to 59
            the minutes field "0/" has 0/; after / give 1 to 59
            the hours field "22-6" has 22-6, which runs backwards; write 22-23,0-6
            the day-of-week field "FRI-MON" has FRI-MON, which runs backwards; write FRI-SAT,SUN-MON
            the day-of-week field "MON/2" cannot have steps; list the days instead
            the day-of-week field "2#6" has 2#6; after # give 1 to 5, the week of the month
            the day-of-week field "2#0" has 2#0; after # give 1 to 5, the week of the month
            the day-of-week field "2#1,6#3" has 2#1 in a list; it must stand alone
            the day-of-week field "8L" has 8, which is not 1 to 7 or SUN to SAT, with 1 for Sunday
            the day-of-month field "L,1" has L in a list; it must stand alone
            the day-of-month field "32W" has 32, which is not 1 to 31
            the day-of-month field "W" has an empty part, which is not 1 to 31
            the day-of-month field "L-31" has L-31; after L- give 1 to 30, the days before the last one
            the hours field "L" has L, which is not 0 to 23
            the day-of-month field "2#1" has 2#1, which is not 1 to 31
        "#]],
    );
}

#[test]
fn five_fields_get_the_six_that_mean_the_same() {
    errors(
        fields,
        &[
            "",
            "30 6 * *",
            "30 6 * * *",
            "*/15 * * * *",
            "0 6 * * 1-5",
            "0 6 * * 0,6",
            "0 6 * * 7",
            "0 6 * * mon",
            "0 6 1 * *",
            "0 6 1 * 1",
            "0 6 * * 8",
            "0 25 * * *",
            "0 6 * * ? * *",
        ],
        &expect![[r#"
            "" has 0 fields, but there are six: minutes, hours, day-of-month, month, day-of-week, year
            "30 6 * *" has 4 fields, but there are six: minutes, hours, day-of-month, month, day-of-week, year
            "30 6 * * *" has 5 fields, but there are six: minutes, hours, day-of-month, month, day-of-week, year; write 30 6 * * ? *
            "*/15 * * * *" has 5 fields, but there are six: minutes, hours, day-of-month, month, day-of-week, year; write */15 * * * ? *
            "0 6 * * 1-5" has 5 fields, but there are six: minutes, hours, day-of-month, month, day-of-week, year; write 0 6 ? * MON-FRI *
            "0 6 * * 0,6" has 5 fields, but there are six: minutes, hours, day-of-month, month, day-of-week, year; write 0 6 ? * SUN,SAT *
            "0 6 * * 7" has 5 fields, but there are six: minutes, hours, day-of-month, month, day-of-week, year; write 0 6 ? * SUN *
            "0 6 * * mon" has 5 fields, but there are six: minutes, hours, day-of-month, month, day-of-week, year; write 0 6 ? * MON *
            "0 6 1 * *" has 5 fields, but there are six: minutes, hours, day-of-month, month, day-of-week, year; write 0 6 1 * ? *
            "0 6 1 * 1" has 5 fields, but there are six: minutes, hours, day-of-month, month, day-of-week, year
            "0 6 * * 8" has 5 fields, but there are six: minutes, hours, day-of-month, month, day-of-week, year
            "0 25 * * *" has 5 fields, but there are six: minutes, hours, day-of-month, month, day-of-week, year
            "0 6 * * ? * *" has 7 fields, but there are six: minutes, hours, day-of-month, month, day-of-week, year
        "#]],
    );
}

#[test]
fn a_rate_is_a_number_and_its_unit() {
    errors(
        rate,
        &[
            "5 minutes",
            "1 minute",
            "1 hour",
            "7 days",
            "1 minutes",
            "5 minute",
            "0 minutes",
            "-1 days",
            "+1 day",
            "1.5 hours",
            "5",
            "5 weeks",
            "minutes 5",
            "",
            "5  minutes",
            "5 minutes ",
        ],
        &expect![[r#"
            5 minutes: fine
            1 minute: fine
            1 hour: fine
            7 days: fine
            "1 minutes" has the wrong singular or plural; write 1 minute
            "5 minute" has the wrong singular or plural; write 5 minutes
            "0 minutes" begins with "0", which is not a whole number above 0
            "-1 days" begins with "-1", which is not a whole number above 0
            "+1 day" begins with "+1", which is not a whole number above 0
            "1.5 hours" begins with "1.5", which is not a whole number above 0
            "5" is not a rate such as 5 minutes, 1 hour or 7 days
            "5 weeks" has the unit "weeks", which is not minutes, hours or days
            "minutes 5" begins with "minutes", which is not a whole number above 0
            "" is not a rate such as 5 minutes, 1 hour or 7 days
            "5  minutes" has the unit " minutes", which is not minutes, hours or days
            "5 minutes " has the unit "minutes ", which is not minutes, hours or days
        "#]],
    );
}

#[test]
fn a_single_time_is_a_real_one() {
    errors(
        at,
        &[
            "2026-01-31T06:30:00",
            "2028-02-29T00:00:00",
            "2100-02-29T00:00:00",
            "2026-02-29T00:00:00",
            "2026-04-31T00:00:00",
            "2026-13-01T00:00:00",
            "2026-00-01T00:00:00",
            "2026-01-00T00:00:00",
            "2026-01-01T24:00:00",
            "2026-01-01T00:60:00",
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00+02:00",
            "2026-01-01 00:00:00",
            "2026-01-01",
            "",
            "２026-01-01T00:00:00",
        ],
        &expect![[r#"
            2026-01-31T06:30:00: fine
            2028-02-29T00:00:00: fine
            "2100-02-29T00:00:00" has the day 29, but that month has 28
            "2026-02-29T00:00:00" has the day 29, but that month has 28
            "2026-04-31T00:00:00" has the day 31, but that month has 30
            "2026-13-01T00:00:00" has a month that is not between 01 and 12
            "2026-00-01T00:00:00" has a month that is not between 01 and 12
            "2026-01-00T00:00:00" has the day 00, but that month has 31
            "2026-01-01T24:00:00" has a time of day that is not between 00:00:00 and 23:59:59
            "2026-01-01T00:60:00" has a time of day that is not between 00:00:00 and 23:59:59
            "2026-01-01T00:00:00Z" has text after the seconds; remove it, and give the time zone in timezone
            "2026-01-01T00:00:00+02:00" has text after the seconds; remove it, and give the time zone in timezone
            "2026-01-01 00:00:00" is not a time such as 2026-01-31T06:30:00
            "2026-01-01" is not a time such as 2026-01-31T06:30:00
            "" is not a time such as 2026-01-31T06:30:00
            "２026-01-01T00:00:00" is not a time such as 2026-01-31T06:30:00
        "#]],
    );
}

#[test]
fn an_expression_has_its_kind() {
    errors(
        check,
        &[
            "cron(30 6 * * ? *)",
            "rate(5 minutes)",
            "at(2026-01-31T06:30:00)",
            "cron(30 25 * * ? *)",
            "rate(5 minute)",
            "at(tomorrow)",
            "30 6 * * ? *",
            "5 minutes",
            "2026-01-31T06:30:00",
            "cron(30 6 * * ? *",
            "every day",
        ],
        &expect![[r#"
            cron(30 6 * * ? *): fine
            rate(5 minutes): fine
            at(2026-01-31T06:30:00): fine
            the hours field "25" has 25, which is not 0 to 23
            "5 minute" has the wrong singular or plural; write 5 minutes
            "tomorrow" is not a time such as 2026-01-31T06:30:00
            "30 6 * * ? *" is not inside cron(...), rate(...) or at(...); write cron(30 6 * * ? *)
            "5 minutes" is not inside cron(...), rate(...) or at(...); write rate(5 minutes)
            "2026-01-31T06:30:00" is not inside cron(...), rate(...) or at(...); write at(2026-01-31T06:30:00)
            "cron(30 6 * * ? *" is not cron(...), rate(...) or at(...)
            "every day" is not cron(...), rate(...) or at(...)
        "#]],
    );
}

#[test]
fn a_wrapping_is_told_apart() {
    errors(
        fields,
        &[
            "cron(0 6 * * ? *)",
            " cron ( 0 6 * * ? * ) ",
            "rate(1 day)",
            "at(2030-01-01T00:00:00)",
        ],
        &expect![[r#"
            the cron( ) around it is added for you; write 0 6 * * ? *
            the cron( ) around it is added for you; write 0 6 * * ? *
            "rate(1 day)" is not a cron; give rate instead: 1 day
            "at(2030-01-01T00:00:00)" is not a cron; give at instead: 2030-01-01T00:00:00
        "#]],
    );
    errors(
        rate,
        &["rate(1 day)", "cron(0 6 * * ? *)"],
        &expect![[r#"
            the rate( ) around it is added for you; write 1 day
            "cron(0 6 * * ? *)" is not a rate; give cron instead: 0 6 * * ? *
        "#]],
    );
    errors(
        at,
        &["at(2030-01-01T00:00:00)"],
        &expect![[r#"
            the at( ) around it is added for you; write 2030-01-01T00:00:00
        "#]],
    );
}
