//! Rows of titles: those that are the same for all, and those made for a member. Pure functions of the catalogue, so
//! that whoever has it can check an answer.

use serde::{Deserialize, Serialize};

use crate::catalogue::{Catalogue, Genre, Title};
use crate::ctx::stable_hash;

/// Titles in a row.
const WIDTH: usize = 12;
/// Genres that a member's home has rows of.
const TASTES: usize = 3;

/// A row of titles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its heading.
    pub name: String,
    /// Its titles, first to last.
    pub titles: Vec<Card>,
}

/// A title in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The title's id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// The answer of `/home`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// Set when these are not the member's own fresh rows: `cached`, `popular` or `static`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// The answer of `/browse`, and what services pass to each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// The rows.
    pub rows: Vec<Row>,
}

/// One row a genre, most popular titles first: the same for all.
pub fn browse(catalogue: &Catalogue) -> Vec<Row> {
    Genre::ALL.into_iter().map(|genre| row(genre.as_str(), catalogue.of_genre(genre))).collect()
}

/// Most popular titles of all genres: one row, the same for all.
pub fn popular(catalogue: &Catalogue) -> Vec<Row> {
    vec![row("popular", catalogue.by_popularity())]
}

/// What is shown when nothing else is there: one row, whatever the cache and personalization do.
pub fn last_resort(catalogue: &Catalogue) -> Vec<Row> {
    vec![row("for everyone", catalogue.titles().iter())]
}

/// Rows made for one member: genres and a place in each of them that follow from who the member is.
pub fn personal(catalogue: &Catalogue, member: &str) -> Vec<Row> {
    let mut random = fastrand::Rng::with_seed(stable_hash(&[b"taste", member.as_bytes()]));
    let mut genres = Genre::ALL.to_vec();
    random.shuffle(&mut genres);
    genres.truncate(TASTES);
    let rows = genres.into_iter().map(|genre| {
        let skip = random.usize(..catalogue.of_genre(genre).count().max(1));
        row(genre.as_str(), catalogue.of_genre(genre).cycle().skip(skip))
    });
    rows.collect()
}

fn row<'a>(name: &str, titles: impl Iterator<Item = &'a Title>) -> Row {
    let card = |title: &Title| Card { id: title.id().to_string(), name: title.name().to_owned() };
    Row { name: name.to_owned(), titles: titles.take(WIDTH).map(card).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_differ_by_member_and_not_by_call() {
        let catalogue = Catalogue::generate(7, 600);
        let mut seen = std::collections::BTreeSet::new();
        for member in 0..200 {
            let member = format!("member-{member}");
            let rows = personal(&catalogue, &member);
            assert_eq!(rows, personal(&catalogue, &member));
            assert_eq!(rows.len(), TASTES);
            assert!(rows.iter().all(|row| row.titles.len() == WIDTH));
            seen.insert(format!("{rows:?}"));
        }
        assert!(seen.len() > 195, "{} of 200 members have rows of their own", seen.len());
    }

    #[test]
    fn rows_for_all_are_sorted_by_popularity() {
        let catalogue = Catalogue::generate(7, 600);
        let first = catalogue.by_popularity().next().unwrap();
        assert_eq!(popular(&catalogue)[0].titles[0].id, first.id().to_string());
        assert_eq!(browse(&catalogue).len(), Genre::ALL.len());
        assert_eq!(last_resort(&catalogue)[0].titles.len(), WIDTH);
    }
}
