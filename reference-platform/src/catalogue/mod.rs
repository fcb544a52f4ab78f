//! The titles: generated from a seed, so that every process has the same ones and nothing is stored.
//!
//! A title's bytes are a pure function of the seed, the title and the offset: any range can be made at any time, and
//! whoever has the seed can check what an appliance served.
//!
//! All names are made of invented places and people; none is a real film's.

mod content;
mod draws;
mod names;
mod title;
mod words;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use self::draws::Draws;
pub use self::title::{BadTitleId, Genre, Maturity, Title, TitleId};
use crate::ctx::stable_hash;
use crate::settings::PlatformSettings;

/// Bytes in a segment; a title's last one may be shorter. 16 KiB.
pub const SEGMENT: u64 = 16 * 1024;

/// Popularity falls with the rank to this power: Zipf's law, a little flatter than 1 so that the tail is watched too.
const ZIPF: f64 = 0.9;

/// A SHA-256.
pub type Digest = [u8; 32];

/// All titles of one seed.
#[derive(Debug)]
pub struct Catalogue {
    seed: u64,
    /// At its id's place.
    titles: Vec<Title>,
    /// Ids, most popular first.
    ranked: Vec<TitleId>,
    /// Summed popularity of `ranked` up to and including each.
    cumulative: Vec<f64>,
    /// Of each title's segments, computed when first asked for.
    digests: Vec<OnceLock<Box<[Digest]>>>,
}

// ===== impl Catalogue =====

impl Catalogue {
    /// Makes `count` titles. The same arguments give the same catalogue on every machine; 2,400 titles take a few
    /// milliseconds.
    pub fn generate(seed: u64, count: u32) -> Self {
        let mut draws = Draws::new(stable_hash(&[&seed.to_le_bytes(), b"catalogue"]));
        let ranks = draws.permutation(count);
        let mut names = BTreeSet::new();
        let titles: Vec<Title> = (0..count)
            .map(|index| title::draw(seed, index, ranks[index as usize] + 1, &mut names))
            .collect();
        let mut ranked: Vec<TitleId> = titles.iter().map(Title::id).collect();
        ranked.sort_by_key(|id| titles[id.index()].rank());
        let cumulative = ranked
            .iter()
            .scan(0.0, |sum, id| {
                *sum += titles[id.index()].popularity();
                Some(*sum)
            })
            .collect();
        let digests = titles.iter().map(|_| OnceLock::new()).collect();
        Self { seed, titles, ranked, cumulative, digests }
    }

    /// The catalogue of a platform: by the seed and the number of titles in its settings.
    pub fn of(settings: &PlatformSettings) -> Arc<Self> {
        Arc::new(Self::generate(settings.seed, settings.titles))
    }

    /// What it was made from.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// All titles in the order of their ids.
    pub fn titles(&self) -> &[Title] {
        &self.titles
    }

    /// The title with this id.
    pub fn get(&self, id: TitleId) -> Option<&Title> {
        self.titles.get(id.index())
    }

    /// All titles, most popular first.
    pub fn by_popularity(&self) -> impl Iterator<Item = &Title> + Clone {
        self.ranked.iter().map(|id| &self.titles[id.index()])
    }

    /// The titles of a genre, most popular first.
    pub fn of_genre(&self, genre: Genre) -> impl Iterator<Item = &Title> + Clone {
        self.by_popularity().filter(move |title| title.genre() == genre)
    }

    /// Draws a title as members choose: in proportion to its popularity. `None` only if there are no titles.
    pub fn sample(&self, random: &mut fastrand::Rng) -> Option<&Title> {
        let at = random.f64() * self.cumulative.last()?;
        let index = self.cumulative.partition_point(|sum| *sum <= at);
        // Rounding may put the highest draw behind the end.
        let id = self.ranked[index.min(self.ranked.len() - 1)];
        self.get(id)
    }

    /// A range of a title's bytes. What lies behind the title's end is left out.
    pub fn bytes(&self, title: &Title, range: Range<u64>) -> Bytes {
        let end = range.end.min(title.length());
        let start = range.start.min(end);
        let mut bytes = vec![0; (end - start) as usize];
        content::fill(title.content_key(), start, &mut bytes);
        bytes.into()
    }

    /// The SHA-256 of one segment; `None` if the title has no such segment. A title's digests are computed when the
    /// first of them is asked for, and kept.
    pub fn segment_digest(&self, title: &Title, segment: u32) -> Option<Digest> {
        let kept = self.digests.get(title.id().index())?;
        let all = kept.get_or_init(|| {
            let ranges = (0..title.segments()).filter_map(|at| title.segment_range(at));
            ranges.map(|range| Sha256::digest(self.bytes(title, range)).into()).collect()
        });
        all.get(segment as usize).copied()
    }

    /// Whether `bytes` are exactly this segment.
    pub fn is_segment(&self, title: &Title, segment: u32, bytes: &[u8]) -> bool {
        let digest: Digest = Sha256::digest(bytes).into();
        self.segment_digest(title, segment) == Some(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_gives_the_same_catalogue_and_another_seed_another() {
        let (one, two) = (Catalogue::generate(7, 300), Catalogue::generate(7, 300));
        assert_eq!(one.titles(), two.titles());
        assert_ne!(one.titles(), Catalogue::generate(8, 300).titles());
        let title = &one.titles()[42];
        assert_eq!(one.bytes(title, 0..99), two.bytes(title, 0..99));
        let other = Catalogue::generate(8, 300);
        assert_ne!(one.bytes(title, 0..99), other.bytes(&other.titles()[42], 0..99));
    }

    #[test]
    fn the_catalogue_is_the_same_on_every_machine_and_in_every_version() {
        // A change here makes members refuse what appliances of another version serve. The digest was computed by a
        // second implementation of the bytes; the rest was recorded once.
        let catalogue = Catalogue::generate(1, 2_400);
        let title = &catalogue.titles()[42];
        let digest = hex::encode(catalogue.segment_digest(title, 0).unwrap());
        let first = catalogue.by_popularity().next().unwrap();
        assert_eq!(
            (title.name(), title.length(), digest.as_str(), first.name()),
            (
                "Quorra Lind and the Thirsty Thread",
                69_607,
                "f9a329d6d8511cebba36743759a696b6d32a26e1ea3ff58443be616d96546b13",
                "Kellindor: The Arrow",
            )
        );
    }

    #[test]
    fn names_are_unique_and_ids_are_places() {
        let catalogue = Catalogue::generate(1, 2_400);
        let names: BTreeSet<_> = catalogue.titles().iter().map(Title::name).collect();
        assert_eq!(names.len(), 2_400);
        for (index, title) in catalogue.titles().iter().enumerate() {
            assert_eq!(title.id().index(), index);
            assert_eq!(catalogue.get(title.id()), Some(title));
        }
        assert_eq!(catalogue.get(TitleId::new(2_400)), None);
    }

    #[test]
    fn a_range_is_the_same_bytes_however_it_is_asked_for() {
        let catalogue = Catalogue::generate(3, 10);
        let title = &catalogue.titles()[4];
        let whole = catalogue.bytes(title, 0..u64::MAX);
        assert_eq!(whole.len() as u64, title.length());
        let end = title.length();
        for (from, to) in [(0, 1), (1, 8), (7, 9), (8, 16), (13, 13), (5, 16_390), (end - 3, end)] {
            let part = catalogue.bytes(title, from..to);
            assert_eq!(part, whole[from as usize..to as usize], "{from}..{to}");
        }
        assert!(catalogue.bytes(title, end..end + 5).is_empty());
        assert!(catalogue.bytes(title, Range { start: 9, end: 3 }).is_empty());
    }

    #[test]
    fn segments_cover_a_title_and_their_digests_tell_wrong_bytes() {
        let catalogue = Catalogue::generate(5, 50);
        for title in catalogue.titles() {
            let ranges: Vec<_> =
                (0..title.segments()).map(|at| title.segment_range(at).unwrap()).collect();
            assert_eq!(ranges[0].start, 0);
            assert_eq!(ranges.last().unwrap().end, title.length());
            assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert!(title.segment_range(title.segments()).is_none());
            assert!(catalogue.segment_digest(title, title.segments()).is_none());
        }
        let title = &catalogue.titles()[9];
        let mut bytes = catalogue.bytes(title, title.segment_range(1).unwrap()).to_vec();
        assert!(catalogue.is_segment(title, 1, &bytes));
        assert!(!catalogue.is_segment(title, 2, &bytes));
        bytes[100] ^= 1;
        assert!(!catalogue.is_segment(title, 1, &bytes));
    }

    #[test]
    fn popular_titles_are_drawn_as_often_as_zipf_says() {
        let catalogue = Catalogue::generate(1, 200);
        let mut random = fastrand::Rng::with_seed(11);
        let total: f64 = catalogue.titles().iter().map(Title::popularity).sum();
        let mut seen = vec![0_u32; 201];
        const DRAWS: u32 = 50_000;
        for _ in 0..DRAWS {
            seen[catalogue.sample(&mut random).unwrap().rank() as usize] += 1;
        }
        for rank in [1, 2, 10] {
            let title = catalogue.by_popularity().nth(rank - 1).unwrap();
            let p = title.popularity() / total;
            let (mean, n) = (p * f64::from(DRAWS), f64::from(DRAWS));
            // Binomial; five standard deviations.
            let off = (f64::from(seen[rank]) - mean).abs();
            assert!(
                off < 5.0 * (n * p * (1.0 - p)).sqrt(),
                "rank {rank}: {} for {mean}",
                seen[rank]
            );
        }
        assert!(Catalogue::generate(1, 0).sample(&mut random).is_none());
    }

    #[test]
    fn every_genre_has_titles_and_most_are_for_everybody_grown_up() {
        let catalogue = Catalogue::generate(1, 2_400);
        for genre in Genre::ALL {
            let ranks: Vec<_> = catalogue.of_genre(genre).map(Title::rank).collect();
            assert!(ranks.len() > 100, "{genre}: {}", ranks.len());
            assert!(ranks.is_sorted());
        }
        let adult = catalogue.titles().iter().filter(|t| t.maturity() == Maturity::Adult).count();
        assert!((100..500).contains(&adult), "{adult}");
    }
}
