use bytes::{Bytes, BytesMut};

use super::{Expiry, Key, encode};

/// One command of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// `mg`: read one key, or touch it.
    MetaGet {
        /// Which.
        key: Key,
        /// Of `k v t f c q s T O`.
        flags: Vec<MetaFlag>,
    },
    /// `ms`: store one value.
    MetaSet {
        /// Under which key.
        key: Key,
        /// Of `F T C M c k O q`.
        flags: Vec<MetaFlag>,
        /// What.
        value: Bytes,
    },
    /// `md`: remove one key.
    MetaDelete {
        /// Which.
        key: Key,
        /// Of `k O q C`.
        flags: Vec<MetaFlag>,
    },
    /// `mn`: answers `MN`, which says that all before it is done.
    MetaNoop,
    /// `get` or `gets`.
    Get {
        /// One or more.
        keys: Vec<Key>,
        /// `gets`: with the CAS number.
        cas: bool,
    },
    /// `set`, `add` or `replace`.
    Store {
        /// Which of the three.
        verb: Store,
        /// Under which key.
        key: Key,
        /// The client's own 32 bits.
        flags: u32,
        /// Until when.
        expiry: Expiry,
        /// What.
        value: Bytes,
        /// No reply wanted.
        noreply: bool,
    },
    /// `delete`.
    Delete {
        /// Which.
        key: Key,
        /// No reply wanted.
        noreply: bool,
    },
    /// `touch`: a new expiry time.
    Touch {
        /// Which.
        key: Key,
        /// Until when.
        expiry: Expiry,
        /// No reply wanted.
        noreply: bool,
    },
    /// `flush_all`: forget everything, now.
    FlushAll {
        /// No reply wanted.
        noreply: bool,
    },
    /// `version`.
    Version,
    /// `quit`: close the connection.
    Quit,
}

/// The classic storage commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Store {
    /// In any case.
    Set,
    /// Only where nothing is.
    Add,
    /// Only where something is.
    Replace,
}

/// A flag of a meta command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetaFlag {
    /// `k`: give the key back.
    Key,
    /// `v`: with the value.
    Value,
    /// `t`: with the seconds left to live.
    Ttl,
    /// `f`: with the client flags.
    Flags,
    /// `c`: with the CAS number.
    Cas,
    /// `q`: no reply in the usual case.
    Quiet,
    /// `s`: with the size.
    Size,
    /// `T`: a new expiry time.
    SetTtl(Expiry),
    /// `F`: the client's own 32 bits.
    SetFlags(u32),
    /// `C`: only if the CAS number is this.
    Compare(u64),
    /// `M`: how to store.
    Mode(Mode),
    /// `O`: give these 1 to 32 bytes back.
    Opaque(Bytes),
}

/// How `ms` stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// `S`: in any case.
    #[default]
    Set,
    /// `E`: only where nothing is.
    Add,
    /// `R`: only where something is.
    Replace,
}

// ===== impl Command =====

impl Command {
    /// Writes the command as it goes over the wire.
    pub fn encode(&self, out: &mut BytesMut) {
        encode::command(self, out);
    }
}

// ===== impl MetaFlag =====

impl MetaFlag {
    /// The letter that names it.
    pub const fn letter(&self) -> u8 {
        match self {
            Self::Key => b'k',
            Self::Value => b'v',
            Self::Ttl => b't',
            Self::Flags => b'f',
            Self::Cas => b'c',
            Self::Quiet => b'q',
            Self::Size => b's',
            Self::SetTtl(_) => b'T',
            Self::SetFlags(_) => b'F',
            Self::Compare(_) => b'C',
            Self::Mode(_) => b'M',
            Self::Opaque(_) => b'O',
        }
    }
}
