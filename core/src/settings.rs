//! Units and ranges for settings, checked where they are made.

use std::{error::Error, fmt};

/// A share within 0 to 1.
///
/// # Examples
///
/// ```
/// use orlop_core::Ratio;
///
/// assert_eq!(Ratio::new(0.5)?.get(), 0.5);
/// assert_eq!(Ratio::new(1.5).unwrap_err().to_string(), "a ratio must be within 0..=1, got 1.5");
/// # Ok::<(), orlop_core::InvalidRatio>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "f64", into = "f64"))]
pub struct Ratio(f64);

/// A number that is no share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InvalidRatio(f64);

impl Ratio {
    /// Nothing.
    pub const ZERO: Self = Self(0.0);
    /// One half.
    pub const HALF: Self = Self(0.5);
    /// All.
    pub const ONE: Self = Self(1.0);

    /// Checks the range.
    ///
    /// # Errors
    ///
    /// If the value is below 0, above 1, or no number.
    pub const fn new(value: f64) -> Result<Self, InvalidRatio> {
        if value >= 0.0 && value <= 1.0 { Ok(Self(value)) } else { Err(InvalidRatio(value)) }
    }

    /// So many hundredths; more than 100 count as 100.
    pub const fn percent(percent: u8) -> Self {
        if percent >= 100 { Self::ONE } else { Self(percent as f64 / 100.0) }
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Ratio {
    type Error = InvalidRatio;

    fn try_from(value: f64) -> Result<Self, InvalidRatio> {
        Self::new(value)
    }
}

impl From<Ratio> for f64 {
    fn from(ratio: Ratio) -> Self {
        ratio.0
    }
}

impl fmt::Display for InvalidRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a ratio must be within 0..=1, got {}", self.0)
    }
}

impl Error for InvalidRatio {}

/// Durations as text with a unit: `"250ms"`, `"1m 30s"`. For `#[serde(with = "orlop_core::duration")]`.
#[cfg(feature = "serde")]
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
pub mod duration {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use std::time::Duration;

    /// Writes a duration with its unit.
    ///
    /// # Errors
    ///
    /// Only the serializer's own.
    pub fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        humantime::format_duration(*value).to_string().serialize(to)
    }

    /// Reads a duration with its unit.
    ///
    /// # Errors
    ///
    /// If the text is no duration; it is named with what is allowed.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        parse(&String::deserialize(from)?)
    }

    pub(super) fn parse<E: Error>(text: &str) -> Result<Duration, E> {
        humantime::parse_duration(text).map_err(|_| {
            E::custom(format_args!(
                "a duration must be a number with a unit such as \"250ms\" or \"1m 30s\", got {text:?}"
            ))
        })
    }
}

/// Optional durations as text with a unit. For `#[serde(default, with = "orlop_core::duration_option")]`.
#[cfg(feature = "serde")]
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
pub mod duration_option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;

    /// Writes a duration with its unit, if there is one.
    ///
    /// # Errors
    ///
    /// Only the serializer's own.
    pub fn serialize<S: Serializer>(value: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        value.map(|value| humantime::format_duration(value).to_string()).serialize(to)
    }

    /// Reads a duration with its unit, if there is one.
    ///
    /// # Errors
    ///
    /// If the text is no duration; it is named with what is allowed.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| super::duration::parse(&text)).transpose()
    }
}
