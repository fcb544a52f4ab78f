//! From a caller's key to what goes over the wire, and back for long keys.
//!
//! `app:key` is sent as it is up to 200 bytes. Longer keys are sent as `app:#<SHA-256 in hex>`, and so are keys that
//! begin with `#`: so no plain key looks like a hashed one. The value of a hashed key carries the whole key; a reader
//! compares it, and takes another key's value for a miss.

use std::{fmt, fmt::Write as _};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use sha2::{Digest as _, Sha256};

use crate::{
    Value,
    protocol::{self, Key, KeyError},
};

/// Longest key that is sent as it is, application and colon included, in bytes.
const MAX_PLAIN: usize = 200;

/// Begins a hashed key.
const MARK: char = '#';

/// Begins the value of a hashed key: the layout's version, then the key's length as two big-endian bytes.
const ENVELOPE: u8 = 1;

/// The name of an application: it begins all its keys. 1 to 100 bytes, no white space, no control character, no colon.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct App(String);

/// A checked key.
#[derive(Clone, Debug)]
pub(super) struct CacheKey {
    /// What goes over the wire.
    pub(super) wire: Key,
    /// `app:key`, whole; what gates see.
    pub(super) text: String,
    hashed: bool,
}

// ===== impl App =====

impl App {
    /// Longest name in bytes.
    pub const MAX_LEN: usize = 100;

    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when it is empty, too long, or has white space, a control character or a colon.
    pub fn new(name: &str) -> Result<Self, KeyError> {
        protocol::check_key(name.as_bytes())?;
        if name.len() > Self::MAX_LEN {
            return Err(KeyError::TooLong { len: name.len() });
        }
        // A colon would let app `a`, key `b:c` and app `a:b`, key `c` meet.
        if let Some(at) = name.find(':') {
            return Err(KeyError::Forbidden { byte: b':', at });
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// ===== impl CacheKey =====

impl CacheKey {
    pub(super) fn new(app: &App, key: &str) -> Result<Self, KeyError> {
        protocol::check_key(key.as_bytes())?;
        if key.len() > usize::from(u16::MAX) - App::MAX_LEN - 1 {
            return Err(KeyError::TooLong { len: key.len() });
        }
        let text = format!("{app}:{key}");
        let hashed = text.len() > MAX_PLAIN || key.starts_with(MARK);
        let wire = if hashed {
            let mut wire = format!("{app}:{MARK}");
            for byte in Sha256::digest(&text) {
                // A String grows, so writing to it cannot fail.
                let _ = write!(wire, "{byte:02x}");
            }
            wire
        } else {
            text.clone()
        };
        Ok(Self { wire: Key::new(wire)?, text, hashed })
    }

    /// Bytes that [`wrap`](CacheKey::wrap) adds to a value.
    pub(super) fn overhead(&self) -> usize {
        if self.hashed { 3 + self.text.len() } else { 0 }
    }

    /// The value as it is stored.
    pub(super) fn wrap(&self, value: Value) -> Value {
        if !self.hashed {
            return value;
        }
        let mut data = BytesMut::with_capacity(self.overhead() + value.data().len());
        data.put_u8(ENVELOPE);
        // new() has checked that it fits.
        data.put_u16(u16::try_from(self.text.len()).unwrap_or(u16::MAX));
        data.put_slice(self.text.as_bytes());
        data.put_slice(value.data());
        Value::new(data.freeze()).with_flags(value.flags())
    }

    /// The value as it was set; `None` if what is stored belongs to another key.
    pub(super) fn unwrap(&self, stored: Value) -> Option<Value> {
        if !self.hashed {
            return Some(stored);
        }
        let mut data: Bytes = stored.data().clone();
        if data.try_get_u8() != Ok(ENVELOPE) {
            return None;
        }
        let len = usize::from(data.try_get_u16().ok()?);
        if data.len() < len || data.split_to(len) != self.text.as_bytes() {
            return None;
        }
        Some(Value::new(data).with_flags(stored.flags()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn app() -> App {
        App::new("cid").unwrap()
    }

    #[test]
    fn up_to_200_bytes_are_sent_as_they_are() {
        let plain = CacheKey::new(&app(), &"k".repeat(196)).unwrap();
        assert_eq!(plain.wire.as_bytes(), plain.text.as_bytes());
        assert_eq!(plain.wire.as_bytes().len(), 200);
        let hashed = CacheKey::new(&app(), &"k".repeat(197)).unwrap();
        assert_eq!(hashed.wire.as_bytes().len(), "cid:#".len() + 64);
    }

    #[test]
    fn the_hash_is_sha256_of_the_whole_key() {
        // printf 'cid:#x' | sha256sum
        let key = CacheKey::new(&app(), "#x").unwrap();
        let want = "cid:#bbfbec619265a8892958946ccd57de7f088d748fdbfede827154cff36e8d4d19";
        assert_eq!(std::str::from_utf8(key.wire.as_bytes()), Ok(want));
    }

    #[test]
    fn what_would_break_the_protocol_is_refused_with_its_place() {
        for (key, error) in [
            ("", KeyError::Empty),
            ("a b", KeyError::Forbidden { byte: b' ', at: 1 }),
            ("a\r\nflush_all", KeyError::Forbidden { byte: b'\r', at: 1 }),
            ("ab\0", KeyError::Forbidden { byte: 0, at: 2 }),
            ("\x7f", KeyError::Forbidden { byte: 0x7f, at: 0 }),
        ] {
            assert_eq!(CacheKey::new(&app(), key).unwrap_err(), error, "{key:?}");
        }
        assert!(matches!(
            CacheKey::new(&app(), &"k".repeat(70_000)),
            Err(KeyError::TooLong { .. })
        ));
        assert_eq!(App::new("a:b"), Err(KeyError::Forbidden { byte: b':', at: 1 }));
    }

    #[test]
    fn another_keys_value_is_a_miss() {
        let [one, two] = ["#one", "#two"].map(|key| CacheKey::new(&app(), key).unwrap());
        let stored = one.wrap(Value::new("data"));
        assert_eq!(two.unwrap(stored.clone()), None, "a collision of hashes");
        assert_eq!(one.unwrap(stored), Some(Value::new("data")));
        for junk in ["", "\x01", "\x01\x00", "\x01\x00\x09cid", "plain"] {
            assert_eq!(one.unwrap(Value::new(junk)), None, "{junk:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_wrapped_comes_back(key in "[!-~]{1,300}", data: Vec<u8>, flags: u32) {
            let key = CacheKey::new(&app(), &key).unwrap();
            let value = Value::new(data).with_flags(flags);
            let stored = key.wrap(value.clone());
            prop_assert_eq!(stored.data().len(), value.data().len() + key.overhead());
            prop_assert_eq!(key.unwrap(stored), Some(value));
        }

        #[test]
        fn different_keys_are_different_on_the_wire(a in "#?[!-~]{1,250}", b in "#?[!-~]{1,250}") {
            prop_assume!(a != b);
            let [a, b] = [a, b].map(|key| CacheKey::new(&app(), &key).unwrap().wire);
            prop_assert_ne!(a, b);
        }
    }
}
