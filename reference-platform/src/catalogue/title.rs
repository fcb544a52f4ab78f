//! One title, and how it is drawn.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::{SEGMENT, ZIPF, names};
use crate::ctx::stable_hash;

/// A title's identity: `t00042` in texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TitleId(u32);

/// A text that is no title's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadTitleId;

/// What kind of film it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Genre {
    Adventure,
    Animation,
    Comedy,
    Documentary,
    Drama,
    Fantasy,
    Mystery,
    Thriller,
}

/// From which age on a title may be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Maturity {
    /// By all.
    All,
    /// From 6 years.
    Six,
    /// From 12 years.
    Twelve,
    /// From 16 years.
    Sixteen,
    /// From 18 years.
    Adult,
}

/// One title of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title {
    id: TitleId,
    name: String,
    genre: Genre,
    year: u16,
    maturity: Maturity,
    synopsis: String,
    rank: u32,
    length: u64,
    content_key: u64,
}

/// Draws the title at `index`. It depends on the seed and the index; its name also on the names that are taken.
pub(super) fn draw(seed: u64, index: u32, rank: u32, taken: &mut BTreeSet<String>) -> Title {
    let of = |purpose: &[u8]| stable_hash(&[&seed.to_le_bytes(), purpose, &index.to_le_bytes()]);
    let mut draws = Draws::new(of(b"title"));
    let name = names::unique(&mut draws, taken);
    let genre = draws.pick(&Genre::ALL);
    let maturity = match draws.below(100) {
        0..30 => Maturity::All,
        30..50 => Maturity::Six,
        50..75 => Maturity::Twelve,
        75..90 => Maturity::Sixteen,
        _ => Maturity::Adult,
    };
    Title {
        id: TitleId(index),
        name,
        genre,
        year: 1960 + draws.below(66) as u16,
        maturity,
        synopsis: names::synopsis(&mut draws),
        rank,
        // Three to six segments, the last one cut anywhere: 32 KiB to 96 KiB.
        length: (2 + draws.below(4)) * SEGMENT + 1 + draws.below(SEGMENT),
        content_key: of(b"content"),
    }
}

// ===== impl Title =====

impl Title {
    /// Its identity.
    pub const fn id(&self) -> TitleId {
        self.id
    }

    /// Unique in its catalogue.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What kind of film it is.
    pub const fn genre(&self) -> Genre {
        self.genre
    }

    /// When it came out: 1960 to 2025.
    pub const fn year(&self) -> u16 {
        self.year
    }

    /// From which age on it may be watched.
    pub const fn maturity(&self) -> Maturity {
        self.maturity
    }

    /// What happens in it, in two sentences.
    pub fn synopsis(&self) -> &str {
        &self.synopsis
    }

    /// Its place by popularity: 1 is watched most.
    pub const fn rank(&self) -> u32 {
        self.rank
    }

    /// How often it is watched, relative to the others: 1 for the first, by Zipf's law for the rest.
    pub fn popularity(&self) -> f64 {
        f64::from(self.rank).powf(-ZIPF)
    }

    /// Its bytes.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// How many segments it has.
    pub const fn segments(&self) -> u32 {
        self.length.div_ceil(SEGMENT) as u32
    }

    /// The bytes of one segment; `None` if there is no such segment.
    pub fn segment_range(&self, segment: u32) -> Option<Range<u64>> {
        let start = u64::from(segment) * SEGMENT;
        (start < self.length).then(|| start..(start + SEGMENT).min(self.length))
    }

    pub(super) const fn content_key(&self) -> u64 {
        self.content_key
    }
}

// ===== impl TitleId =====

impl TitleId {
    /// The title at this place of the catalogue.
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// Its place in the catalogue.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for TitleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{:05}", self.0)
    }
}

impl FromStr for TitleId {
    type Err = BadTitleId;

    fn from_str(text: &str) -> Result<Self, BadTitleId> {
        let digits = text.strip_prefix('t').ok_or(BadTitleId)?;
        let id = digits.parse().map(Self).map_err(|_| BadTitleId)?;
        // One text for one title: what is signed is the text.
        if id.to_string() == text { Ok(id) } else { Err(BadTitleId) }
    }
}

impl TryFrom<String> for TitleId {
    type Error = BadTitleId;

    fn try_from(text: String) -> Result<Self, BadTitleId> {
        text.parse()
    }
}

impl From<TitleId> for String {
    fn from(id: TitleId) -> Self {
        id.to_string()
    }
}

// ===== impl BadTitleId =====

impl fmt::Display for BadTitleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a title's id is `t` and at least five digits, like t00042")
    }
}

impl std::error::Error for BadTitleId {}

// ===== impl Genre =====

impl Genre {
    /// All of them, by name.
    pub const ALL: [Self; 8] = [
        Self::Adventure,
        Self::Animation,
        Self::Comedy,
        Self::Documentary,
        Self::Drama,
        Self::Fantasy,
        Self::Mystery,
        Self::Thriller,
    ];

    /// Its name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Adventure => "adventure",
            Self::Animation => "animation",
            Self::Comedy => "comedy",
            Self::Documentary => "documentary",
            Self::Drama => "drama",
            Self::Fantasy => "fantasy",
            Self::Mystery => "mystery",
            Self::Thriller => "thriller",
        }
    }
}

impl fmt::Display for Genre {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

// ===== impl Maturity =====

impl Maturity {
    /// The age in years: 0, 6, 12, 16 or 18.
    pub const fn age(self) -> u8 {
        match self {
            Self::All => 0,
            Self::Six => 6,
            Self::Twelve => 12,
            Self::Sixteen => 16,
            Self::Adult => 18,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_text() {
        assert_eq!(TitleId::new(42).to_string(), "t00042");
        assert_eq!("t00042".parse(), Ok(TitleId::new(42)));
        assert_eq!("t123456".parse(), Ok(TitleId::new(123_456)));
        for bad in ["", "t", "42", "t42", "t0000042", "T00042", "t+0042", "t00042 ", "t99999999999"]
        {
            assert_eq!(bad.parse::<TitleId>(), Err(BadTitleId), "{bad:?}");
        }
        let read: TitleId = serde_json::from_str("\"t00007\"").unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), "\"t00007\"");
        assert!(serde_json::from_str::<TitleId>("7").is_err());
    }

    #[test]
    fn a_title_does_not_depend_on_how_many_there_are() {
        let one = draw(4, 17, 3, &mut BTreeSet::new());
        let mut taken = BTreeSet::from([one.name().to_owned()]);
        let two = draw(4, 17, 3, &mut taken);
        assert_eq!((one.length(), one.content_key()), (two.length(), two.content_key()));
        assert_ne!(one.name(), two.name(), "the name was taken");
    }
}
