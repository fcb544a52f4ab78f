//! `Accept-Encoding`, RFC 9110 12.5.3.

use http::{HeaderMap, header};

/// Whether gzip is what the caller likes best, or as much as no coding at all.
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    for value in headers.get_all(header::ACCEPT_ENCODING) {
        for item in value.as_bytes().split(|&byte| byte == b',') {
            let mut parts = item.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
            let Some(name) = parts.next() else { continue };
            let weight = parts.find_map(weight).unwrap_or(1000);
            // The first mention counts, so that repeating a coding cannot bring back what was excluded.
            let place = match name.to_ascii_lowercase().as_slice() {
                b"gzip" | b"x-gzip" => &mut gzip,
                b"identity" => &mut identity,
                b"*" => &mut any,
                _ => continue,
            };
            place.get_or_insert(weight);
        }
    }
    let gzip = gzip.or(any).unwrap_or(0);
    gzip > 0 && gzip >= identity.unwrap_or(0)
}

/// Thousandths of a `q` parameter; one that is not valid excludes the coding. `None` for another parameter.
fn weight(param: &[u8]) -> Option<u16> {
    let value = param.strip_prefix(b"q=").or_else(|| param.strip_prefix(b"Q="))?;
    let (whole, rest) = match value.split_first() {
        Some((b'0', rest)) => (0, rest),
        Some((b'1', rest)) => (1000, rest),
        _ => return Some(0),
    };
    let digits = match rest.split_first() {
        None => return Some(whole),
        Some((b'.', digits)) if digits.len() <= 3 => digits,
        _ => return Some(0),
    };
    let mut thousandths = 0;
    for (digit, worth) in digits.iter().zip([100, 10, 1]) {
        if !digit.is_ascii_digit() {
            return Some(0);
        }
        thousandths += u16::from(digit - b'0') * worth;
    }
    if whole + thousandths > 1000 { Some(0) } else { Some(whole + thousandths) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(value: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, value.parse().unwrap());
        accepts_gzip(&headers)
    }

    #[test]
    fn weights_decide() {
        for yes in [
            "gzip",
            "GZip",
            "x-gzip",
            "br, gzip;q=0.8",
            "*",
            "gzip; q=1.000",
            "deflate, *;q=0.1",
            "gzip;q=0.5, identity;q=0.5",
        ] {
            assert!(accepts(yes), "{yes}");
        }
        for no in [
            "",
            "br",
            "gzip;q=0",
            "gzip;q=0.000, *",
            "*;q=0",
            "identity, gzip;q=0.5",
            "gzip;q=2",
            "gzip;q=0.1234",
            "gzip;q=",
            "gzip;q=0, gzip",
            "gzip;q=1.001",
        ] {
            assert!(!accepts(no), "{no}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()), "no header asks for nothing");
    }
}
