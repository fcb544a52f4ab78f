//! Numbers and texts of files, with the path of what is wrong.

use crate::InvalidSetting;
use orlop_core::Ratio;
use std::{
    num::{NonZeroU8, NonZeroU16, NonZeroU32},
    time::Duration,
};

const DURATION: &str = "a number with a unit such as \"250ms\" or \"1m 30s\"";

pub(crate) fn duration(path: &str, text: &str) -> Result<Duration, InvalidSetting> {
    humantime::parse_duration(text)
        .map_err(|_| InvalidSetting::new(path, format!("{text:?}"), DURATION))
}

pub(crate) fn text(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

pub(crate) fn ratio(path: &str, value: f64) -> Result<Ratio, InvalidSetting> {
    Ratio::new(value).map_err(|_| InvalidSetting::new(path, value.to_string(), "within 0..=1"))
}

pub(crate) fn number<N: Ranged>(
    path: &str,
    value: i64,
    allowed: &'static str,
) -> Result<N, InvalidSetting> {
    N::from_i64(value).ok_or_else(|| InvalidSetting::new(path, value.to_string(), allowed))
}

pub(crate) trait Ranged: Sized {
    fn from_i64(value: i64) -> Option<Self>;
}

macro_rules! ranged {
    ($($ranged:ty, $plain:ty;)*) => {$(
        impl Ranged for $ranged {
            fn from_i64(value: i64) -> Option<Self> {
                <$plain>::try_from(value).ok().and_then(Self::new)
            }
        }
    )*};
}

ranged! { NonZeroU8, u8; NonZeroU16, u16; NonZeroU32, u32; }
