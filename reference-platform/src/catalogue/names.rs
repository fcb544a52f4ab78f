//! Names and synopses out of word lists.

use std::collections::BTreeSet;

use super::draws::Draws;
use super::words::{ADJECTIVES, DEEDS, NOUNS, PEOPLE, PLACES, ROLES, TWISTS};

/// Draws of a name before a number is added: there are some 400,000 names.
const TRIES: u32 = 16;

/// A name that is not taken, and is from now on. Takes as many draws whether or not it was taken at first.
pub(super) fn unique(draws: &mut Draws, taken: &mut BTreeSet<String>) -> String {
    // A stream of its own, so that a collision does not shift what is drawn after the name.
    let mut names = Draws::new(draws.next());
    let mut drawn = name(&mut names);
    for _ in 1..TRIES {
        if taken.insert(drawn.clone()) {
            return drawn;
        }
        drawn = name(&mut names);
    }
    let mut number = 2_u32;
    loop {
        let numbered = format!("{drawn} {number}");
        if taken.insert(numbered.clone()) {
            return numbered;
        }
        number += 1;
    }
}

/// Each pattern holds an invented place or person, so that no real film is named.
fn name(draws: &mut Draws) -> String {
    let (adjective, noun) = (draws.pick(ADJECTIVES), draws.pick(NOUNS));
    let (place, person, role) = (draws.pick(PLACES), draws.pick(PEOPLE), draws.pick(ROLES));
    match draws.below(8) {
        0..3 => format!("The {adjective} {noun} of {place}"),
        3..5 => format!("{person} and the {adjective} {noun}"),
        5 => format!("{place}: The {noun}"),
        6 => format!("One {noun} for {person}"),
        _ => format!("The {role} of {place}"),
    }
}

/// Two sentences.
pub(super) fn synopsis(draws: &mut Draws) -> String {
    let adjective = draws.pick(ADJECTIVES).to_lowercase();
    let role = draws.pick(ROLES).to_lowercase();
    let (noun, other) = (draws.pick(NOUNS).to_lowercase(), draws.pick(NOUNS).to_lowercase());
    let (place, person) = (draws.pick(PLACES), draws.pick(PEOPLE));
    let (deed, twist) = (draws.pick(DEEDS), draws.pick(TWISTS));
    format!(
        "In {place}, {person} the {role} {deed} the {adjective} {noun}. {twist} and only the {other} can tell."
    )
}
