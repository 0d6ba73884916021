//! When does an `Expires` attribute say? The cookie-date of RFC 6265bis §5.1.1.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The instant that a cookie-date names, or `None` where the algorithm fails.
///
/// One before 1970 is given as 1970: both are in the past of every cookie, and not every platform can express it.
pub(crate) fn parse(text: &[u8]) -> Option<SystemTime> {
    let mut found = Found::default();
    text.split(|&octet| is_delimiter(octet)).filter(|token| !token.is_empty()).for_each(|token| found.look_at(token));
    let seconds = found.unix_seconds()?;
    Some(UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap_or(0)))
}

fn is_delimiter(octet: u8) -> bool {
    matches!(octet, 0x09 | 0x20..=0x2F | 0x3B..=0x40 | 0x5B..=0x60 | 0x7B..=0x7E)
}

/// What the tokens read so far have said. The first token of each kind counts.
#[derive(Default)]
struct Found {
    time: Option<(u32, u32, u32)>,
    day: Option<u32>,
    month: Option<u32>,
    year: Option<u32>,
}

impl Found {
    fn look_at(&mut self, token: &[u8]) {
        if self.time.is_none() {
            self.time = time(token);
            if self.time.is_some() {
                return;
            }
        }
        if self.day.is_none() {
            self.day = number(token, 1..=2);
            if self.day.is_some() {
                return;
            }
        }
        if self.month.is_none() {
            self.month = month(token);
            if self.month.is_some() {
                return;
            }
        }
        if self.year.is_none() {
            self.year = number(token, 2..=4);
        }
    }

    fn unix_seconds(&self) -> Option<i64> {
        let ((hour, minute, second), day, month) = (self.time?, self.day?, self.month?);
        let year = match self.year? {
            year @ 70..=99 => year + 1900,
            year @ 0..=69 => year + 2000,
            year => year,
        };
        if year < 1601 || hour > 23 || minute > 59 || second > 59 || day < 1 || day > days_in(month, year) {
            return None;
        }
        Some(days_since_1970(year, month, day) * 86_400 + i64::from(hour * 3600 + minute * 60 + second))
    }
}

/// `hh:mm:ss` in one or two digits each, then nothing or something that does not begin with a digit.
fn time(token: &[u8]) -> Option<(u32, u32, u32)> {
    let mut fields = token.splitn(3, |&octet| octet == b':');
    let whole = |field: Option<&[u8]>| {
        let field = field?;
        if field.len() > 2 || !field.iter().all(u8::is_ascii_digit) { None } else { number(field, 1..=2) }
    };
    Some((whole(fields.next())?, whole(fields.next())?, number(fields.next()?, 1..=2)?))
}

/// As many digits as `count` says, then nothing or something that does not begin with a digit.
fn number(token: &[u8], count: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let digits = token.iter().take_while(|octet| octet.is_ascii_digit()).take(count.end() + 1);
    let (length, value) =
        digits.fold((0, 0), |(length, value), digit| (length + 1, value * 10 + u32::from(digit - b'0')));
    count.contains(&length).then_some(value)
}

/// The number of the month with whose first three letters the token begins.
fn month(token: &[u8]) -> Option<u32> {
    const NAMES: [&[u8]; 12] =
        [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
    let start = token.get(..3)?;
    (1..).zip(NAMES).find(|(_, name)| start.eq_ignore_ascii_case(name)).map(|(number, _)| number)
}

fn days_in(month: u32, year: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the proleptic Gregorian calendar, counted in years that begin in March so that leap days come last.
fn days_since_1970(year: u32, month: u32, day: u32) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let day_of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        parse(text.as_bytes()).map(|at| at.duration_since(UNIX_EPOCH).unwrap().as_secs())
    }

    #[test]
    fn the_three_forms_of_http_dates_and_netscapes() {
        // RFC 9110 §5.6.7 gives this instant in all its forms.
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "6 nOvember 94 8:49:37",
            "08:49:37abc 6 Nov 1994",
            "1994 Nov 08:49:37 6",
        ] {
            assert_eq!(seconds(text), Some(784_111_777), "{text}");
        }
    }

    #[test]
    fn the_calendar_is_gregorian() {
        for (text, expected) in [
            ("1 Jan 1970 00:00:00", Some(0)),
            ("29 Feb 2000 00:00:00", Some(951_782_400)),
            ("29 Feb 2024 23:59:59", Some(1_709_251_199)),
            ("1 Mar 2100 00:00:00", Some(4_107_542_400)),
            ("31 Dec 9999 23:59:59", Some(253_402_300_799)),
            ("1 Jan 1601 00:00:00", Some(0)),
            ("29 Feb 2100 00:00:00", None),
            ("30 Feb 2000 00:00:00", None),
            ("31 Apr 2020 00:00:00", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn two_digit_years_turn_at_seventy() {
        assert_eq!(seconds("1 Jan 70 00:00:00"), Some(0));
        assert_eq!(seconds("1 Jan 69 00:00:00"), Some(3_124_224_000));
        assert_eq!(seconds("1 Jan 00 00:00:00"), Some(946_684_800));
    }

    #[test]
    fn what_is_no_date() {
        for text in [
            "",
            "garbage",
            "1 Jan 2020",
            "Jan 2020 00:00:00",
            "1 2020 00:00:00",
            "1 Jan 00:00:00",
            "0 Jan 2020 00:00:00",
            "32 Jan 2020 00:00:00",
            "1 Jan 1600 00:00:00",
            "1 Jan 20200 00:00:00",
            "1 Jan 202 24:00:00",
            "1 Jan 2020 24:00:00",
            "1 Jan 2020 00:60:00",
            "1 Jan 2020 00:00:60",
            "1 Jan 2020 00:00:000",
            "1 Jan 2020 000:00:00",
            "1 Jan 2020 00:00",
            "1 Ja 2020 00:00:00",
            "001 Jan 2020 00:00:00",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
