//! memcached's text protocol: the meta commands that the client speaks, and the classic ones that a node also answers.
//!
//! Parsers are incremental: give them a growing [`BytesMut`](bytes::BytesMut) and call `next` until it says `None`.
//! They never panic, never look past the limits, and give the same answers however the input was split.
//!
//! Source: memcached's `doc/protocol.txt` of 1.6. Stricter than it on purpose: control characters in keys are refused;
//! a payload is never read as commands (a storage line without a readable length ends the connection; with one, the
//! payload is skipped).

mod command;
mod encode;
mod error;
mod expiry;
mod key;
mod limits;
mod line;
mod parse_command;
mod parse_reply;
mod reply;

pub use command::{Command, MetaFlag, Mode, Store};
pub use error::{ParseError, ParseErrorKind};
pub use expiry::{Expiry, Lifetime};
pub use key::{Key, KeyError};
pub use limits::Limits;
pub use parse_command::CommandParser;
pub use parse_reply::ReplyParser;
pub use reply::{Reply, ReplyFlag, Status};

pub(crate) use encode::{meta_delete, meta_get, meta_set};
pub(crate) use key::check as check_key;
