//! What both parsers need: a bounded line, its words, its numbers.

use bytes::{Bytes, BytesMut};

use super::{ParseError, ParseErrorKind};

/// Takes a line of at most `limit` bytes, its end included, off the buffer; gives it back without its end.
///
/// `seen` is how far an earlier call has looked: a line that arrives byte by byte is not searched again and again.
pub(super) fn take(
    buf: &mut BytesMut,
    seen: &mut usize,
    limit: usize,
) -> Result<Option<Bytes>, ParseError> {
    let window = buf.len().min(limit);
    let from = (*seen).min(window);
    // Only within the limit, so that the answer does not depend on how the input was split.
    let Some(at) = buf[from..window].iter().position(|b| *b == b'\n') else {
        if window == limit {
            return Err(ParseError::fatal(ParseErrorKind::LineTooLong));
        }
        *seen = window;
        return Ok(None);
    };
    *seen = 0;
    let mut line = buf.split_to(from + at + 1).freeze();
    line.truncate(line.len() - 1);
    if line.last() == Some(&b'\r') {
        line.truncate(line.len() - 1);
    }
    Ok(Some(line))
}

/// The words of a line. White space between them may repeat.
pub(super) fn words(line: &Bytes) -> impl Iterator<Item = Bytes> + '_ {
    line.split(|b| *b == b' ').filter(|w| !w.is_empty()).map(|w| line.slice_ref(w))
}

/// A number written in full: digits only, with one leading minus where the type has a sign.
pub(super) fn number<T: std::str::FromStr>(word: &[u8]) -> Option<T> {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    // FromStr takes a leading plus; memcached's writers never send one.
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(word).ok()?.parse().ok()
}
