//! The form of [`Settings`] in files: plain numbers and texts, checked on the way in.

mod parse;
mod trip;

pub(crate) use self::parse::{duration, number, ratio, text};

use self::trip::FileTrip;
use crate::{
    Dropped, Initial, InvalidSetting, OpenTime, Ramp, Recovery, Settings, Trip, open_time,
    recovery::{CountAs, Want},
};
use serde::{Deserialize, Serialize};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    successes: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery: Option<FileRecovery>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ramp: Option<String>,
    probe_timeout: String,
    dropped: FileDropped,
    initial: String,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    advised: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileRecovery {
    #[serde(skip_serializing_if = "Option::is_none")]
    successes: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileDropped {
    count_as: String,
    after: String,
}

const OPEN: &str = "one of { fixed }, { first, max } and { advised }";
const RECOVERY: &str = "one of { successes, of } and { failure_rate, calls }";
const U32: &str = "within 1..=4294967295";
const COUNT_AS: [(&str, CountAs); 3] =
    [("neutral", CountAs::Neutral), ("slow", CountAs::Slow), ("failure", CountAs::Failure)];
const INITIAL: [(&str, Initial); 4] = [
    ("closed", Initial::Closed),
    ("forced_open", Initial::ForcedOpen),
    ("disabled", Initial::Disabled),
    ("shadow", Initial::Shadow),
];

// ===== from files =====

impl TryFrom<File> for Settings {
    type Error = InvalidSetting;

    fn try_from(file: File) -> Result<Self, InvalidSetting> {
        let rules = file.trip.into_iter().enumerate();
        let trip = rules
            .map(|(i, rule)| rule.read(&format!("trip[{i}]")))
            .collect::<Result<Vec<Trip>, _>>()?;
        let settings = Self::default();
        let recovery = match (file.successes, file.recovery) {
            (None, None) => settings.recovery,
            (Some(needed), None) => Recovery::successes(number("successes", needed, U32)?),
            (None, Some(recovery)) => recovery.try_into()?,
            (Some(_), Some(_)) => {
                let allowed = "left out where successes is given";
                return Err(InvalidSetting::new("recovery", "both".to_owned(), allowed));
            }
        };
        let ramp = match &file.ramp {
            None => Ramp::NONE,
            Some(time) => Ramp::over(duration("ramp", time)?)?,
        };
        settings
            .trip(trip)
            .trip_on_success(file.trip_on_success)
            .open(file.open.try_into()?)
            .max_retry_after(duration("max_retry_after", &file.max_retry_after)?)
            .probes(number("probes", file.probes, "within 1..=65535")?)
            .recovery(recovery)
            .ramp(ramp)
            .dropped(file.dropped.try_into()?)
            .initial(named("initial", &file.initial, &INITIAL)?)
            .probe_timeout(duration("probe_timeout", &file.probe_timeout)?)
    }
}

impl TryFrom<FileOpen> for OpenTime {
    type Error = InvalidSetting;

    fn try_from(file: FileOpen) -> Result<Self, InvalidSetting> {
        let whole = |what: &str| Err(InvalidSetting::new("open", what.to_owned(), OPEN));
        match (file.fixed, file.first, file.max, file.advised) {
            (Some(fixed), None, None, None) => Ok(Self::fixed(duration("open.fixed", &fixed)?)),
            (None, Some(first), Some(max), None) => {
                let (first, longest) =
                    (duration("open.first", &first)?, duration("open.max", &max)?);
                if longest < first {
                    return Err(InvalidSetting::new("open.max", max, "at least open.first"));
                }
                Ok(Self::exponential(first, longest))
            }
            (None, None, None, Some(otherwise)) => {
                Ok(Self::advised(duration("open.advised", &otherwise)?))
            }
            (None, None, None, None) => whole("none of them"),
            (None, Some(_), None, None) | (None, None, Some(_), None) => {
                whole("half of { first, max }")
            }
            _ => whole("more than one of them"),
        }
    }
}

impl TryFrom<FileRecovery> for Recovery {
    type Error = InvalidSetting;

    fn try_from(file: FileRecovery) -> Result<Self, InvalidSetting> {
        match (file.successes, file.of, file.failure_rate, file.calls) {
            (Some(needed), of, None, None) => {
                let needed = number("recovery.successes", needed, U32)?;
                match of {
                    None => Ok(Self::successes(needed)),
                    Some(of) => {
                        let all = number("recovery.of", of, U32)?;
                        if all < needed {
                            let allowed = "at least recovery.successes";
                            return Err(InvalidSetting::new(
                                "recovery.of",
                                of.to_string(),
                                allowed,
                            ));
                        }
                        Ok(Self::successes_of(needed, all))
                    }
                }
            }
            (None, None, Some(rate), Some(calls)) => Ok(Self::failure_rate(
                ratio("recovery.failure_rate", rate)?,
                number("recovery.calls", calls, U32)?,
            )),
            (None, None, None, None) => {
                Err(InvalidSetting::new("recovery", "neither".to_owned(), RECOVERY))
            }
            _ => Err(InvalidSetting::new("recovery", "parts of both".to_owned(), RECOVERY)),
        }
    }
}

impl TryFrom<FileDropped> for Dropped {
    type Error = InvalidSetting;

    fn try_from(file: FileDropped) -> Result<Self, InvalidSetting> {
        let count_as = named("dropped.count_as", &file.count_as, &COUNT_AS)?;
        Ok(Self { count_as, after: duration("dropped.after", &file.after)? })
    }
}

fn named<T: Copy>(path: &str, name: &str, all: &[(&'static str, T)]) -> Result<T, InvalidSetting> {
    all.iter().find(|(known, _)| *known == name).map(|(_, value)| *value).ok_or_else(|| {
        let allowed = match all.len() {
            3 => "one of \"neutral\", \"slow\" and \"failure\"",
            _ => "one of \"closed\", \"forced_open\", \"disabled\" and \"shadow\"",
        };
        InvalidSetting::new(path, format!("{name:?}"), allowed)
    })
}

fn name_of<T: PartialEq>(value: T, all: &[(&'static str, T)]) -> String {
    let found = all.iter().find(|(_, known)| *known == value);
    found.map_or_else(String::new, |(name, _)| (*name).to_owned())
}

// ===== to files =====

impl From<Settings> for File {
    fn from(settings: Settings) -> Self {
        let Settings { recovery, dropped, .. } = settings;
        let (successes, recovery) = match recovery.0 {
            Want::Successes { needed, of } if needed == of => (Some(needed.get().into()), None),
            Want::Successes { needed, of } => (
                None,
                Some(FileRecovery {
                    successes: Some(needed.get().into()),
                    of: Some(of.get().into()),
                    ..FileRecovery::default()
                }),
            ),
            Want::Rate { ratio, calls } => (
                None,
                Some(FileRecovery {
                    failure_rate: Some(ratio.get()),
                    calls: Some(calls.get().into()),
                    ..FileRecovery::default()
                }),
            ),
        };
        Self {
            trip: settings.trip.iter().map(|trip| trip.0.into()).collect(),
            trip_on_success: settings.trip_on_success,
            open: (&settings.open).into(),
            max_retry_after: text(settings.max_retry_after),
            probes: settings.probes.get().into(),
            successes,
            recovery,
            ramp: settings.ramp.0.map(text),
            probe_timeout: text(settings.probe_timeout),
            dropped: FileDropped {
                count_as: name_of(dropped.count_as, &COUNT_AS),
                after: text(dropped.after),
            },
            initial: name_of(settings.initial, &INITIAL),
        }
    }
}

impl From<&OpenTime> for FileOpen {
    /// A function cannot be written down: the default stands for it.
    fn from(open: &OpenTime) -> Self {
        match &open.0 {
            open_time::Rule::Fixed(time) => Self { fixed: Some(text(*time)), ..Self::default() },
            open_time::Rule::Exponential { first, max } => {
                Self { first: Some(text(*first)), max: Some(text(*max)), ..Self::default() }
            }
            open_time::Rule::Advised { otherwise } => {
                Self { advised: Some(text(*otherwise)), ..Self::default() }
            }
            open_time::Rule::By(_) => (&Settings::default().open).into(),
        }
    }
}

impl Default for File {
    fn default() -> Self {
        let mut file = Self::from(Settings::default());
        // Given in neither form, so that either may be.
        (file.successes, file.recovery) = (None, None);
        file
    }
}

impl Default for FileDropped {
    fn default() -> Self {
        File::from(Settings::default()).dropped
    }
}
