//! The form of [`Settings`] in files: plain numbers and texts, checked on the way in.

use crate::{
    InvalidSetting, OpenTime, Settings, Trip, Window,
    settings::{Rule, Span},
};
use orlop_core::Ratio;
use serde::{Deserialize, Serialize};
use std::{
    num::{NonZeroU8, NonZeroU16, NonZeroU32},
    time::Duration,
};

// Numbers are `i64` and durations text, so that a value out of range is reported with its path by us, not without
// one by serde.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct File {
    trip: Vec<FileTrip>,
    trip_on_success: bool,
    open: FileOpen,
    max_retry_after: String,
    probes: i64,
    successes: i64,
    probe_timeout: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileTrip {
    #[serde(skip_serializing_if = "Option::is_none")]
    consecutive_failures: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_calls: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    within: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    buckets: Option<i64>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileOpen {
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<String>,
}

const DURATION: &str = "a number with a unit such as \"250ms\" or \"1m 30s\"";
const RATE: &str =
    "one of { consecutive_failures } and { failure_rate, minimum_calls, last or within, buckets }";
const OPEN: &str = "one of { fixed } and { first, max }";

impl TryFrom<File> for Settings {
    type Error = InvalidSetting;

    fn try_from(file: File) -> Result<Self, InvalidSetting> {
        let rules = file.trip.into_iter().enumerate();
        let trip = rules
            .map(|(i, rule)| {
                Trip::try_from(rule).map_err(|error| match error.path() {
                    "" => InvalidSetting::new(format!("trip[{i}]"), error.value().to_owned(), RATE),
                    _ => error.inside(&format!("trip[{i}]")),
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Self::default()
            .trip(trip)
            .trip_on_success(file.trip_on_success)
            .open(file.open.try_into()?)
            .max_retry_after(duration("max_retry_after", &file.max_retry_after)?)
            .probes(number("probes", file.probes, "within 1..=65535")?)
            .successes(number("successes", file.successes, "within 1..=4294967295")?)
            .probe_timeout(duration("probe_timeout", &file.probe_timeout)?)
    }
}

impl TryFrom<FileTrip> for Trip {
    type Error = InvalidSetting;

    /// An error with an empty path is about the rule as a whole.
    fn try_from(file: FileTrip) -> Result<Self, InvalidSetting> {
        const U32: &str = "within 1..=4294967295";
        let whole = |what: &str| Err(InvalidSetting::new("", what.to_owned(), RATE));
        match file {
            FileTrip {
                consecutive_failures: Some(failures),
                failure_rate: None,
                minimum_calls: None,
                last: None,
                within: None,
                buckets: None,
            } => Ok(Self::consecutive_failures(number("consecutive_failures", failures, U32)?)),
            FileTrip { consecutive_failures: Some(_), .. } => whole("both"),
            FileTrip { failure_rate: None, .. } => whole("neither"),
            FileTrip {
                failure_rate: Some(ratio), minimum_calls, last, within, buckets, ..
            } => {
                let ratio = Ratio::new(ratio).map_err(|_| {
                    InvalidSetting::new("failure_rate", ratio.to_string(), "within 0..=1")
                })?;
                let minimum = number("minimum_calls", minimum_calls.unwrap_or(20), U32)?;
                let window = match (last, within, buckets) {
                    (Some(calls), None, None) => {
                        Window::last(number("last", calls, "within 1..=65535")?)
                    }
                    (None, Some(length), buckets) => {
                        let buckets = buckets.unwrap_or(i64::from(Window::BUCKETS.get()));
                        Window::within_buckets(
                            duration("within", &length)?,
                            number("buckets", buckets, "within 1..=255")?,
                        )?
                    }
                    (Some(_), Some(_), _) => return whole("both last and within"),
                    (Some(_), None, Some(_)) => return whole("last with buckets"),
                    (None, None, _) => return whole("neither last nor within"),
                };
                Ok(Self::failure_rate(ratio, minimum, window))
            }
        }
    }
}

impl TryFrom<FileOpen> for OpenTime {
    type Error = InvalidSetting;

    fn try_from(file: FileOpen) -> Result<Self, InvalidSetting> {
        match (file.fixed, file.first, file.max) {
            (Some(fixed), None, None) => Ok(Self::fixed(duration("open.fixed", &fixed)?)),
            (None, Some(first), Some(max)) => {
                let (first, longest) =
                    (duration("open.first", &first)?, duration("open.max", &max)?);
                if longest < first {
                    return Err(InvalidSetting::new("open.max", max, "at least open.first"));
                }
                Ok(Self::exponential(first, longest))
            }
            (None, None, None) => Err(InvalidSetting::new("open", "neither".to_owned(), OPEN)),
            (Some(_), ..) => Err(InvalidSetting::new("open", "both".to_owned(), OPEN)),
            _ => Err(InvalidSetting::new("open", "half of the second".to_owned(), OPEN)),
        }
    }
}

impl From<Settings> for File {
    fn from(settings: Settings) -> Self {
        let open = settings.open;
        Self {
            trip: settings.trip.iter().map(|trip| trip.0.into()).collect(),
            trip_on_success: settings.trip_on_success,
            open: match open.max {
                None => FileOpen { fixed: Some(text(open.first)), ..FileOpen::default() },
                Some(max) => FileOpen {
                    first: Some(text(open.first)),
                    max: Some(text(max)),
                    ..FileOpen::default()
                },
            },
            max_retry_after: text(settings.max_retry_after),
            probes: settings.probes.get().into(),
            successes: settings.successes.get().into(),
            probe_timeout: text(settings.probe_timeout),
        }
    }
}

impl From<Rule> for FileTrip {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::Consecutive(failures) => {
                Self { consecutive_failures: Some(failures.get().into()), ..Self::default() }
            }
            Rule::Rate { ratio, minimum_calls, window } => {
                let rate = Self {
                    failure_rate: Some(ratio.get()),
                    minimum_calls: Some(minimum_calls.get().into()),
                    ..Self::default()
                };
                match window.0 {
                    Span::Calls(calls) => Self { last: Some(calls.get().into()), ..rate },
                    Span::Time { length, buckets } => Self {
                        within: Some(text(length)),
                        buckets: Some(buckets.get().into()),
                        ..rate
                    },
                }
            }
        }
    }
}

impl Default for File {
    fn default() -> Self {
        Settings::default().into()
    }
}

fn duration(path: &str, text: &str) -> Result<Duration, InvalidSetting> {
    humantime::parse_duration(text)
        .map_err(|_| InvalidSetting::new(path, format!("{text:?}"), DURATION))
}

fn number<N: Ranged>(path: &str, value: i64, allowed: &'static str) -> Result<N, InvalidSetting> {
    N::from_i64(value).ok_or_else(|| InvalidSetting::new(path, value.to_string(), allowed))
}

trait Ranged: Sized {
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

fn text(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}
