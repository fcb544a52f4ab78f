//! The form of [`ThrottleSettings`] in files: plain numbers and texts, checked on the way in.

use super::{Accepts, ThrottleSettings};
use crate::{
    InvalidSetting,
    file::{duration, ratio, text},
};
use serde::{Deserialize, Serialize};

// Plain numbers and texts, so that a value out of range is reported with its path by us, not without one by serde.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    k: f64,
    within: String,
    max_rejection: f64,
    minimum_calls: i64,
    grace: String,
    accepts: String,
}

const SUCCESS: &str = "success";
const ANSWERED: &str = "answered";

impl TryFrom<File> for ThrottleSettings {
    type Error = InvalidSetting;

    fn try_from(file: File) -> Result<Self, InvalidSetting> {
        let minimum_calls = u32::try_from(file.minimum_calls).map_err(|_| {
            let allowed = "within 0..=4294967295";
            InvalidSetting::new("minimum_calls", file.minimum_calls.to_string(), allowed)
        })?;
        let accepts = match file.accepts.as_str() {
            SUCCESS => Accepts::Success,
            ANSWERED => Accepts::Answered,
            other => {
                let allowed = "one of \"success\" and \"answered\"";
                return Err(InvalidSetting::new("accepts", format!("{other:?}"), allowed));
            }
        };
        Ok(Self::default()
            .k(file.k)?
            .within(duration("within", &file.within)?)?
            .max_rejection(ratio("max_rejection", file.max_rejection)?)
            .minimum_calls(minimum_calls)
            .grace(duration("grace", &file.grace)?)?
            .accepts(accepts))
    }
}

impl From<ThrottleSettings> for File {
    fn from(settings: ThrottleSettings) -> Self {
        Self {
            k: settings.k,
            within: text(settings.within),
            max_rejection: settings.max_rejection.get(),
            minimum_calls: settings.minimum_calls.into(),
            grace: text(settings.grace),
            accepts: match settings.accepts {
                Accepts::Success => SUCCESS,
                Accepts::Answered => ANSWERED,
            }
            .to_owned(),
        }
    }
}

impl Default for File {
    fn default() -> Self {
        ThrottleSettings::default().into()
    }
}
