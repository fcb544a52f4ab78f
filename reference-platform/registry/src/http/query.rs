//! What a query says.

use percent_encoding::percent_decode_str;

use orlop_discovery_client::eureka::wire::InstanceStatus;

/// The pairs of a query, decoded; a key without a value has an empty one.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(query: Option<&str>) -> Self {
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let decode = |text: &str| {
            // Forms write a space as a plus, and so do the clients that use a form's encoder.
            percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
        };
        Self(
            pairs
                .map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(key), decode(value))
                })
                .collect(),
        )
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    pub(super) fn into_pairs(self) -> impl Iterator<Item = (String, String)> {
        self.0.into_iter().filter(|(key, _)| !key.is_empty())
    }

    /// The sender's last dirty timestamp. An error is the text to answer with.
    pub(super) fn dirty(&self) -> Result<Option<u64>, String> {
        match self.get("lastDirtyTimestamp") {
            None | Some("") => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| {
                format!("lastDirtyTimestamp must be milliseconds since 1970, got {text:?}")
            }),
        }
    }

    /// The status under this key, if it is there. An error is the text to answer with.
    pub(super) fn status(&self, key: &str) -> Result<Option<InstanceStatus>, String> {
        match self.get(key) {
            None | Some("") => Ok(None),
            Some(word) => InstanceStatus::from_word(word).map(Some).ok_or_else(|| {
                format!("{key} must be UP, DOWN, STARTING, OUT_OF_SERVICE or UNKNOWN, got {word:?}")
            }),
        }
    }
}
