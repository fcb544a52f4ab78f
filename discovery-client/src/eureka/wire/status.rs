//! The words of the protocol.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::scalar::Scalar;

/// What an instance, or an operator over its head, says of its health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum InstanceStatus {
    /// Takes no calls: its own check fails.
    Down,
    /// Taken out of traffic on purpose.
    OutOfService,
    /// Not ready yet.
    Starting,
    /// Not known; also what any other word becomes.
    #[default]
    Unknown,
    /// Takes calls.
    Up,
}

/// What happened last to an instance, in a delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ActionType {
    /// It registered, perhaps again.
    Added,
    /// Its status changed.
    Modified,
    /// It left, or its lease ran out.
    Deleted,
}

// ===== impl InstanceStatus =====

impl InstanceStatus {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "DOWN",
            Self::OutOfService => "OUT_OF_SERVICE",
            Self::Starting => "STARTING",
            Self::Unknown => "UNKNOWN",
            Self::Up => "UP",
        }
    }

    /// The status of a word of the protocol, in any case; `None` for other words.
    pub fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Down, Self::OutOfService, Self::Starting, Self::Unknown, Self::Up];
        all.into_iter().find(|status| status.as_str().eq_ignore_ascii_case(word))
    }
}

impl fmt::Display for InstanceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for InstanceStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for InstanceStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Scalar::deserialize(deserializer)?.text();
        Ok(Self::from_word(&word).unwrap_or_default())
    }
}

// ===== impl ActionType =====

impl ActionType {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Added, Self::Modified, Self::Deleted];
        all.into_iter().find(|action| action.as_str().eq_ignore_ascii_case(word))
    }
}

impl Serialize for ActionType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
