use bytes::{Buf as _, Bytes, BytesMut};

use super::{
    Command, Expiry, Key, Limits, MetaFlag, Mode, ParseError, ParseErrorKind, Store, line,
};

/// Longest opaque in bytes, as in memcached.
const MAX_OPAQUE: usize = 32;

/// Reads commands off a buffer that grows.
#[derive(Debug)]
pub struct CommandParser {
    limits: Limits,
    state: State,
    /// How far the current line has been searched for its end.
    seen: usize,
}

#[derive(Debug)]
enum State {
    /// At the start of a line.
    Line,
    /// A storage line has been read; this many bytes and a line end follow.
    Payload(Head, usize),
    /// The payload of a refused line is being thrown away.
    Skip(u64),
    /// Nobody knows where the next command starts.
    Dead(ParseError),
}

/// A storage command without its payload.
#[derive(Debug)]
enum Head {
    Meta { key: Key, flags: Vec<MetaFlag> },
    Classic { verb: Store, key: Key, flags: u32, expiry: Expiry, noreply: bool },
}

/// What a line is.
enum Line {
    Whole(Command),
    Head(Head, usize),
}

// ===== impl CommandParser =====

impl CommandParser {
    /// A parser with these limits.
    pub const fn new(limits: Limits) -> Self {
        Self { limits, state: State::Line, seen: 0 }
    }

    /// Takes the next command off the buffer; `None` when more input is needed.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for one bad command, after which parsing goes on; or a [fatal](ParseError::is_fatal) one, which
    /// every further call repeats.
    pub fn next(&mut self, buf: &mut BytesMut) -> Result<Option<Command>, ParseError> {
        loop {
            match std::mem::replace(&mut self.state, State::Line) {
                State::Line => {
                    let limit = self.line_limit(buf);
                    let Some(line) =
                        line::take(buf, &mut self.seen, limit).map_err(|e| self.die(e))?
                    else {
                        return Ok(None);
                    };
                    match self.line(&line)? {
                        Line::Whole(command) => return Ok(Some(command)),
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
                        return Err(self.die(ParseError::fatal(ParseErrorKind::BadChunk)));
                    }
                    return Ok(Some(head.with(value)));
                }
                State::Skip(left) => {
                    let now = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
                    buf.advance(now);
                    let left = left - now as u64;
                    if left > 0 {
                        self.state = State::Skip(left);
                        return Ok(None);
                    }
                }
                State::Dead(error) => return Err(self.die(error)),
            }
        }
    }

    fn die(&mut self, error: ParseError) -> ParseError {
        self.state = State::Dead(error.clone());
        error
    }

    /// A `get` with many keys may be longer than other lines.
    fn line_limit(&self, buf: &BytesMut) -> usize {
        if buf.len() >= self.limits.line && (buf.starts_with(b"get ") || buf.starts_with(b"gets "))
        {
            self.limits.get_line.max(self.limits.line)
        } else {
            self.limits.line
        }
    }

    fn line(&mut self, line: &Bytes) -> Result<Line, ParseError> {
        let mut words = line::words(line);
        let Some(verb) = words.next() else {
            return Err(ParseErrorKind::UnknownCommand.into());
        };
        let words: Vec<Bytes> = words.collect();
        let whole = match &verb[..] {
            b"mg" => meta_get(&words)?,
            b"md" => meta_delete(&words)?,
            b"mn" => Command::MetaNoop,
            b"get" => get(&words, false)?,
            b"gets" => get(&words, true)?,
            b"delete" => delete(&words)?,
            b"touch" => touch(&words)?,
            b"flush_all" => flush_all(&words)?,
            b"version" => Command::Version,
            b"quit" => Command::Quit,
            b"ms" => return self.storage(&words, 1, meta_set),
            b"set" => return self.storage(&words, 3, |w| classic(Store::Set, w)),
            b"add" => return self.storage(&words, 3, |w| classic(Store::Add, w)),
            b"replace" => return self.storage(&words, 3, |w| classic(Store::Replace, w)),
            _ => return Err(ParseErrorKind::UnknownCommand.into()),
        };
        Ok(Line::Whole(whole))
    }

    /// A line with a payload: the length first, because a bad line's payload must be skipped too.
    fn storage(
        &mut self,
        words: &[Bytes],
        length_at: usize,
        head: impl FnOnce(&[Bytes]) -> Result<Head, ParseError>,
    ) -> Result<Line, ParseError> {
        let Some(len) = words.get(length_at).and_then(|w| line::number::<u32>(w)) else {
            return Err(self.die(ParseError::fatal(ParseErrorKind::BadLength)));
        };
        let fits = usize::try_from(len).ok().filter(|len| *len <= self.limits.value);
        let head = head(words).and_then(|head| match fits {
            Some(len) => Ok(Line::Head(head, len)),
            None => Err(ParseError::new(ParseErrorKind::ValueTooLarge).of(head.key())),
        });
        if head.is_err() {
            self.state = State::Skip(u64::from(len) + 2);
        }
        head
    }
}

// ===== impl Head =====

impl Head {
    fn key(self) -> Key {
        match self {
            Self::Meta { key, .. } | Self::Classic { key, .. } => key,
        }
    }

    fn with(self, value: Bytes) -> Command {
        match self {
            Self::Meta { key, flags } => Command::MetaSet { key, flags, value },
            Self::Classic { verb, key, flags, expiry, noreply } => {
                Command::Store { verb, key, flags, expiry, value, noreply }
            }
        }
    }
}

fn meta_get(words: &[Bytes]) -> Result<Command, ParseError> {
    // memcached answers a bare `mg` as if it did not know it.
    let (key, rest) = words.split_first().ok_or(ParseErrorKind::UnknownCommand)?;
    Ok(Command::MetaGet { key: self::key(key)?, flags: meta_flags(rest, b"kvtfcqsTO")? })
}

fn meta_delete(words: &[Bytes]) -> Result<Command, ParseError> {
    let (key, rest) = words.split_first().ok_or(ParseErrorKind::UnknownCommand)?;
    Ok(Command::MetaDelete { key: self::key(key)?, flags: meta_flags(rest, b"kOqC")? })
}

fn meta_set(words: &[Bytes]) -> Result<Head, ParseError> {
    let key = key(&words[0])?;
    Ok(Head::Meta { key, flags: meta_flags(&words[2..], b"FTCMckOq")? })
}

fn meta_flags(words: &[Bytes], allowed: &[u8]) -> Result<Vec<MetaFlag>, ParseError> {
    let mut flags: Vec<MetaFlag> = Vec::with_capacity(words.len().min(allowed.len()));
    for word in words {
        let flag = meta_flag(word[0], word.slice(1..))?;
        if !allowed.contains(&flag.letter()) {
            return Err(ParseErrorKind::BadFlag.into());
        }
        // At most a dozen, so a look through them is cheaper than a set; and it bounds the list.
        if flags.iter().any(|f| f.letter() == flag.letter()) {
            return Err(ParseErrorKind::DuplicateFlag.into());
        }
        flags.push(flag);
    }
    Ok(flags)
}

fn meta_flag(letter: u8, token: Bytes) -> Result<MetaFlag, ParseError> {
    let bare = |flag| if token.is_empty() { Ok(flag) } else { Err(ParseErrorKind::BadFlag.into()) };
    let bad_token = ParseError::new(ParseErrorKind::BadToken);
    match letter {
        b'k' => bare(MetaFlag::Key),
        b'v' => bare(MetaFlag::Value),
        b't' => bare(MetaFlag::Ttl),
        b'f' => bare(MetaFlag::Flags),
        b'c' => bare(MetaFlag::Cas),
        b'q' => bare(MetaFlag::Quiet),
        b's' => bare(MetaFlag::Size),
        b'T' => {
            line::number(&token).map(|n| MetaFlag::SetTtl(Expiry::from_wire(n))).ok_or(bad_token)
        }
        b'F' => line::number(&token).map(MetaFlag::SetFlags).ok_or(bad_token),
        b'C' => line::number(&token).map(MetaFlag::Compare).ok_or(bad_token),
        b'M' => match &token[..] {
            b"S" => Ok(MetaFlag::Mode(Mode::Set)),
            b"E" => Ok(MetaFlag::Mode(Mode::Add)),
            b"R" => Ok(MetaFlag::Mode(Mode::Replace)),
            _ => Err(ParseErrorKind::BadMode.into()),
        },
        b'O' if token.is_empty() => Err(bad_token),
        b'O' if token.len() > MAX_OPAQUE => Err(ParseErrorKind::OpaqueTooLong.into()),
        b'O' => Ok(MetaFlag::Opaque(token)),
        _ => Err(ParseErrorKind::BadFlag.into()),
    }
}

fn get(words: &[Bytes], cas: bool) -> Result<Command, ParseError> {
    if words.is_empty() {
        return Err(ParseErrorKind::UnknownCommand.into());
    }
    let keys = words.iter().map(key).collect::<Result<_, _>>()?;
    Ok(Command::Get { keys, cas })
}

fn classic(verb: Store, words: &[Bytes]) -> Result<Head, ParseError> {
    let noreply = noreply(words.get(4..).unwrap_or_default())?;
    Ok(Head::Classic {
        verb,
        key: key(&words[0])?,
        flags: line::number(&words[1]).ok_or(ParseErrorKind::BadLine)?,
        expiry: Expiry::from_wire(line::number(&words[2]).ok_or(ParseErrorKind::BadLine)?),
        noreply,
    })
}

fn delete(words: &[Bytes]) -> Result<Command, ParseError> {
    let (key, rest) = words.split_first().ok_or(ParseErrorKind::UnknownCommand)?;
    // Old clients send a time of 0.
    let rest = rest.strip_prefix(&[Bytes::from_static(b"0")]).unwrap_or(rest);
    Ok(Command::Delete { key: self::key(key)?, noreply: noreply(rest)? })
}

fn touch(words: &[Bytes]) -> Result<Command, ParseError> {
    let [key, expiry, rest @ ..] = words else {
        return Err(ParseErrorKind::UnknownCommand.into());
    };
    let expiry = Expiry::from_wire(line::number(expiry).ok_or(ParseErrorKind::BadExpiry)?);
    Ok(Command::Touch { key: self::key(key)?, expiry, noreply: noreply(rest)? })
}

fn flush_all(words: &[Bytes]) -> Result<Command, ParseError> {
    let words = words.strip_prefix(&[Bytes::from_static(b"0")]).unwrap_or(words);
    // A delayed flush is not offered: a silent flush now would be worse than a refusal.
    let noreply = noreply(words).map_err(|_| ParseErrorKind::BadExpiry)?;
    Ok(Command::FlushAll { noreply })
}

fn noreply(words: &[Bytes]) -> Result<bool, ParseError> {
    match words {
        [] => Ok(false),
        [word] if word[..] == *b"noreply" => Ok(true),
        _ => Err(ParseErrorKind::BadLine.into()),
    }
}

fn key(word: &Bytes) -> Result<Key, ParseError> {
    Key::new(word.clone()).map_err(|_| ParseErrorKind::BadLine.into())
}
