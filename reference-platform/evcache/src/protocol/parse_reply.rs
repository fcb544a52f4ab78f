use bytes::{Bytes, BytesMut};

use super::{Key, Limits, ParseError, ParseErrorKind, Reply, ReplyFlag, Status, line};

const BAD: ParseError = ParseError::fatal(ParseErrorKind::BadReply);

/// Reads replies off a buffer that grows. Every error is fatal: a client that cannot read one reply cannot tell
/// which command the next one answers.
#[derive(Debug)]
pub struct ReplyParser {
    limits: Limits,
    state: State,
    seen: usize,
}

#[derive(Debug)]
enum State {
    Line,
    Payload(Head, usize),
    Dead(ParseError),
}

/// A reply without its payload.
#[derive(Debug)]
enum Head {
    Meta(Vec<ReplyFlag>),
    Classic { key: Key, flags: u32, cas: Option<u64> },
}

enum Line {
    Whole(Reply),
    Head(Head, usize),
}

// ===== impl ReplyParser =====

impl ReplyParser {
    /// A parser with these limits.
    pub const fn new(limits: Limits) -> Self {
        Self { limits, state: State::Line, seen: 0 }
    }

    /// Takes the next reply off the buffer; `None` when more input is needed.
    ///
    /// # Errors
    ///
    /// [`ParseError`], always fatal; every further call repeats it.
    pub fn next(&mut self, buf: &mut BytesMut) -> Result<Option<Reply>, ParseError> {
        self.step(buf).inspect_err(|e| self.state = State::Dead(e.clone()))
    }

    fn step(&mut self, buf: &mut BytesMut) -> Result<Option<Reply>, ParseError> {
        loop {
            match std::mem::replace(&mut self.state, State::Line) {
                State::Line => {
                    let Some(line) = line::take(buf, &mut self.seen, self.limits.line)? else {
                        return Ok(None);
                    };
                    match parse(&line)? {
                        Line::Whole(reply) => return Ok(Some(reply)),
                        Line::Head(_, len) if len > self.limits.value => {
                            return Err(ParseError::fatal(ParseErrorKind::ValueTooLarge));
                        }
                        Line::Head(head, len) => self.state = State::Payload(head, len),
                    }
                }
                State::Payload(head, len) => {
                    if buf.len() < len + 2 {
                        self.state = State::Payload(head, len);
                        return Ok(None);
                    }
                    let value = buf.split_to(len).freeze();
                    if buf.split_to(2)[..] != *b"\r\n" {
                        return Err(ParseError::fatal(ParseErrorKind::BadChunk));
                    }
                    return Ok(Some(head.with(value)));
                }
                State::Dead(error) => return Err(error),
            }
        }
    }
}

// ===== impl Head =====

impl Head {
    fn with(self, value: Bytes) -> Reply {
        match self {
            Self::Meta(flags) => Reply::Meta { status: Status::Va, flags, value: Some(value) },
            Self::Classic { key, flags, cas } => Reply::Value { key, flags, cas, value },
        }
    }
}

fn parse(line: &Bytes) -> Result<Line, ParseError> {
    let mut words = line::words(line);
    let first = words.next().ok_or(BAD)?;
    let whole = match &first[..] {
        b"VA" => {
            let len = words.next().and_then(|w| line::number(&w)).ok_or(BAD)?;
            return Ok(Line::Head(Head::Meta(flags(words)?), len));
        }
        b"HD" => meta(Status::Hd, words)?,
        b"EN" => meta(Status::En, words)?,
        b"NS" => meta(Status::Ns, words)?,
        b"EX" => meta(Status::Ex, words)?,
        b"NF" => meta(Status::Nf, words)?,
        b"MN" => meta(Status::Mn, words)?,
        b"VALUE" => return value(words),
        b"END" => bare(Reply::End, words)?,
        b"STORED" => bare(Reply::Stored, words)?,
        b"NOT_STORED" => bare(Reply::NotStored, words)?,
        b"EXISTS" => bare(Reply::Exists, words)?,
        b"NOT_FOUND" => bare(Reply::NotFound, words)?,
        b"DELETED" => bare(Reply::Deleted, words)?,
        b"TOUCHED" => bare(Reply::Touched, words)?,
        b"OK" => bare(Reply::Ok, words)?,
        b"ERROR" => bare(Reply::Error, words)?,
        b"VERSION" => Reply::Version(text(line, b"VERSION")),
        b"CLIENT_ERROR" => Reply::ClientError(text(line, b"CLIENT_ERROR")),
        b"SERVER_ERROR" => Reply::ServerError(text(line, b"SERVER_ERROR")),
        _ => return Err(BAD),
    };
    Ok(Line::Whole(whole))
}

fn meta(status: Status, words: impl Iterator<Item = Bytes>) -> Result<Reply, ParseError> {
    Ok(Reply::Meta { status, flags: flags(words)?, value: None })
}

fn bare(reply: Reply, mut words: impl Iterator<Item = Bytes>) -> Result<Reply, ParseError> {
    if words.next().is_none() { Ok(reply) } else { Err(BAD) }
}

/// The rest of the line after its first word and one space.
fn text(line: &Bytes, word: &[u8]) -> Bytes {
    let at = line.len() - line.trim_ascii_start().len() + word.len();
    line.slice((at + 1).min(line.len())..)
}

fn value(mut words: impl Iterator<Item = Bytes>) -> Result<Line, ParseError> {
    let key = words.next().and_then(|w| Key::new(w).ok()).ok_or(BAD)?;
    let flags = words.next().and_then(|w| line::number(&w)).ok_or(BAD)?;
    let len = words.next().and_then(|w| line::number(&w)).ok_or(BAD)?;
    let cas = match words.next() {
        Some(word) => Some(line::number(&word).ok_or(BAD)?),
        None => None,
    };
    if words.next().is_some() {
        return Err(BAD);
    }
    Ok(Line::Head(Head::Classic { key, flags, cas }, len))
}

fn flags(words: impl Iterator<Item = Bytes>) -> Result<Vec<ReplyFlag>, ParseError> {
    words.map(flag).collect()
}

fn flag(word: Bytes) -> Result<ReplyFlag, ParseError> {
    let token = word.slice(1..);
    match word[0] {
        b'k' => Key::new(token).map(ReplyFlag::Key).map_err(|_| BAD),
        b't' => line::number(&token).map(ReplyFlag::Ttl).ok_or(BAD),
        b'f' => line::number(&token).map(ReplyFlag::Flags).ok_or(BAD),
        b'c' => line::number(&token).map(ReplyFlag::Cas).ok_or(BAD),
        b's' => line::number(&token).map(ReplyFlag::Size).ok_or(BAD),
        b'O' => Ok(ReplyFlag::Opaque(token)),
        _ => Ok(ReplyFlag::Other(word)),
    }
}
