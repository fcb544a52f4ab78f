//! `Range`: RFC 9110 14.
//!
//! One range of bytes is honoured. What is not understood, other units and several ranges are ignored, as the RFC lets a
//! server do: the answer is the whole then.

use std::ops::Range;

use http::{HeaderMap, HeaderValue, header};

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// This part; it is not empty and lies within.
    Part(Range<u64>),
    /// A part behind the end.
    Nothing,
}

/// What these headers ask of something that has `length` bytes and this strong tag.
pub(super) fn of(headers: &HeaderMap, length: u64, tag: &HeaderValue) -> Wanted {
    let mut given = headers.get_all(header::RANGE).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return Wanted::Whole;
    };
    // If-Range compares strongly; a date is not equal to a tag, so the whole is sent.
    if headers.get(header::IF_RANGE).is_some_and(|other| other != tag) {
        return Wanted::Whole;
    }
    value.to_str().ok().and_then(|text| parse(text, length)).unwrap_or(Wanted::Whole)
}

fn parse(text: &str, length: u64) -> Option<Wanted> {
    let (unit, range) = text.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim_matches([' ', '\t']).split_once('-')?;
    let part = match (number(first), number(last)) {
        // The last so many bytes.
        (None, Some(count)) if first.is_empty() => length.saturating_sub(count)..length,
        (Some(first), None) if last.is_empty() => first..length,
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        _ => return None,
    };
    Some(if part.is_empty() { Wanted::Nothing } else { Wanted::Part(part) })
}

/// Digits only, which `parse` alone does not ask for. A number too large is as good as the largest.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: HeaderValue = HeaderValue::from_static("\"tag\"");

    fn headers(pairs: &[(http::HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn table_of_ranges() {
        use Wanted::{Nothing, Part, Whole};
        for (given, wanted) in [
            ("bytes=0-0", Part(0..1)),
            ("bytes=0-99", Part(0..100)),
            ("bytes=0-100", Part(0..100)),
            ("bytes=50-", Part(50..100)),
            ("bytes=99-", Part(99..100)),
            ("bytes=-1", Part(99..100)),
            ("bytes=-100", Part(0..100)),
            ("bytes=-500", Part(0..100)),
            ("Bytes= 3-4 ", Part(3..5)),
            ("bytes=10-99999999999999999999999", Part(10..100)),
            ("bytes=100-", Nothing),
            ("bytes=100-200", Nothing),
            ("bytes=99999999999999999999999-", Nothing),
            ("bytes=-0", Nothing),
            // Not understood, or not one range of bytes.
            ("bytes=5-4", Whole),
            ("bytes=", Whole),
            ("bytes=-", Whole),
            ("bytes=a-b", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=1 - 2", Whole),
            ("bytes=0-1,3-4", Whole),
            ("lines=0-1", Whole),
            ("0-1", Whole),
        ] {
            assert_eq!(of(&headers(&[(header::RANGE, given)]), 100, &TAG), wanted, "{given}");
        }
        assert_eq!(of(&HeaderMap::new(), 100, &TAG), Whole);
        let twice = [(header::RANGE, "bytes=0-1"), (header::RANGE, "bytes=0-1")];
        assert_eq!(of(&headers(&twice), 100, &TAG), Whole);
    }

    #[test]
    fn a_range_of_something_else_is_not_honoured() {
        let range = (header::RANGE, "bytes=0-1");
        for (tag, wanted) in [
            ("\"tag\"", Wanted::Part(0..2)),
            ("W/\"tag\"", Wanted::Whole),
            ("\"old\"", Wanted::Whole),
            ("Thu, 01 Jan 2026 00:00:00 GMT", Wanted::Whole),
        ] {
            let given = headers(&[range.clone(), (header::IF_RANGE, tag)]);
            assert_eq!(of(&given, 100, &TAG), wanted, "{tag}");
        }
    }
}
