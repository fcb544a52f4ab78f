use std::{error::Error, fmt};

use bytes::Bytes;

/// A key as memcached takes it: 1 to 250 bytes, no white space, no control characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Bytes);

/// Why bytes are not a [`Key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no byte in it.
    Empty,
    /// It is longer than [`Key::MAX_LEN`].
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A byte that would end the key or the line, or that does not print.
    Forbidden {
        /// The byte.
        byte: u8,
        /// Where it is.
        at: usize,
    },
}

// ===== impl Key =====

impl Key {
    /// The longest key in bytes.
    pub const MAX_LEN: usize = 250;

    /// Checks the bytes and makes them a key.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when they are empty, too long, or hold white space or a control character.
    pub fn new(bytes: impl Into<Bytes>) -> Result<Self, KeyError> {
        let bytes = bytes.into();
        check(&bytes)?;
        if bytes.len() > Self::MAX_LEN {
            return Err(KeyError::TooLong { len: bytes.len() });
        }
        Ok(Self(bytes))
    }

    /// The key as it goes over the wire.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.0.escape_ascii())
    }
}

/// Everything but the upper length: not empty, no white space, no control character.
pub(crate) fn check(bytes: &[u8]) -> Result<(), KeyError> {
    if bytes.is_empty() {
        return Err(KeyError::Empty);
    }
    match bytes.iter().position(|b| *b <= b' ' || *b == 0x7f) {
        Some(at) => Err(KeyError::Forbidden { byte: bytes[at], at }),
        None => Ok(()),
    }
}

// ===== impl KeyError =====

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("key is empty"),
            Self::TooLong { len } => {
                write!(f, "key has {len} bytes, at most {} are allowed", Key::MAX_LEN)
            }
            Self::Forbidden { byte, at } => {
                write!(
                    f,
                    "key has byte 0x{byte:02x} at {at}; white space and control characters are not allowed"
                )
            }
        }
    }
}

impl Error for KeyError {}
