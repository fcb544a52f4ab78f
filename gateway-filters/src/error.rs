//! Errors of building and switching a chain.

use std::{error::Error, fmt};
#[cfg(feature = "serde")]
use std::{ops::RangeInclusive, time::Duration};

/// A chain, a route table or a setting that cannot be.
///
/// Says what was set (`path`), to what, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSetting {
    path: String,
    value: String,
    allowed: String,
}

/// No filter of the chain has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFilter {
    name: String,
    known: Vec<String>,
}

/// Something panicked and was caught.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panicked;

// ===== impl BadSetting =====

impl BadSetting {
    pub(crate) fn new(
        path: impl Into<String>,
        value: impl fmt::Display,
        allowed: impl Into<String>,
    ) -> Self {
        Self { path: path.into(), value: value.to_string(), allowed: allowed.into() }
    }

    /// A duration that is in this range.
    #[cfg(feature = "serde")]
    pub(crate) fn span(
        path: &str,
        span: Duration,
        range: RangeInclusive<Duration>,
    ) -> Result<Duration, Self> {
        if range.contains(&span) {
            return Ok(span);
        }
        let allowed = format!("within {:?}..={:?}", range.start(), range.end());
        Err(Self::new(path, format!("{span:?}"), allowed))
    }

    /// Which setting.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What it was set to.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What it may be.
    pub fn allowed(&self) -> &str {
        &self.allowed
    }
}

impl fmt::Display for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be {}, got {}", self.path, self.allowed, self.value)
    }
}

impl Error for BadSetting {}

// ===== impl UnknownFilter =====

impl UnknownFilter {
    pub(crate) fn new(name: &str, known: Vec<String>) -> Self {
        Self { name: name.into(), known }
    }

    /// The name that was asked for.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for UnknownFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no filter is named {:?}, there are: {}", self.name, self.known.join(", "))
    }
}

impl Error for UnknownFilter {}

// ===== impl Panicked =====

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("panicked")
    }
}

impl Error for Panicked {}
