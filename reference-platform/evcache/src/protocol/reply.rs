use bytes::{Bytes, BytesMut};

use super::{Key, encode};

/// One reply of a node. The items of a `get` come one by one, then [`Reply::End`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// To a meta command.
    Meta {
        /// How it went.
        status: Status,
        /// What was asked for.
        flags: Vec<ReplyFlag>,
        /// Only with `VA`.
        value: Option<Bytes>,
    },
    /// One item of a `get` or `gets`.
    Value {
        /// Its key.
        key: Key,
        /// The client's own 32 bits.
        flags: u32,
        /// Its CAS number, with `gets`.
        cas: Option<u64>,
        /// The value.
        value: Bytes,
    },
    /// The end of a `get`.
    End,
    /// Stored.
    Stored,
    /// Not stored: something was there, or nothing was.
    NotStored,
    /// Not stored: changed since.
    Exists,
    /// There is no such key.
    NotFound,
    /// Removed.
    Deleted,
    /// Touched.
    Touched,
    /// Done.
    Ok,
    /// The node's version.
    Version(Bytes),
    /// No such command.
    Error,
    /// The command was wrong.
    ClientError(Bytes),
    /// The node cannot.
    ServerError(Bytes),
}

/// The two letters that begin a meta reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// `HD`: done, or there but no value asked for.
    Hd,
    /// `VA`: there, and the value follows.
    Va,
    /// `EN`: not there.
    En,
    /// `NS`: not stored.
    Ns,
    /// `EX`: changed since.
    Ex,
    /// `NF`: no such key.
    Nf,
    /// `MN`: the answer to `mn`.
    Mn,
}

/// A flag of a meta reply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyFlag {
    /// `k`: the key.
    Key(Key),
    /// `t`: seconds left to live; -1 is for ever.
    Ttl(i64),
    /// `f`: the client flags.
    Flags(u32),
    /// `c`: the CAS number.
    Cas(u64),
    /// `s`: the size in bytes.
    Size(u64),
    /// `O`: the opaque of the command.
    Opaque(Bytes),
    /// Anything else, letter and token, for example `W`, `X`, `Z`.
    Other(Bytes),
}

// ===== impl Reply =====

impl Reply {
    /// Writes the reply as it goes over the wire.
    pub fn encode(&self, out: &mut BytesMut) {
        encode::reply(self, out);
    }
}

// ===== impl Status =====

impl Status {
    /// The two letters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hd => "HD",
            Self::Va => "VA",
            Self::En => "EN",
            Self::Ns => "NS",
            Self::Ex => "EX",
            Self::Nf => "NF",
            Self::Mn => "MN",
        }
    }
}
