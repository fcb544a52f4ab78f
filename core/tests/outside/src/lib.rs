//! What somebody outside of this project writes with the public API alone: a gate, a classifier and a source of
//! endpoints.

mod days;
mod grades;
mod phone_book;

pub use self::{days::OpenHours, grades::Grades, phone_book::PhoneBook};

/// An answer with a grade in it, of a protocol that orlop has never heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graded {
    /// 1 is best, 6 is worst.
    pub grade: u8,
    /// Who answered.
    pub by: String,
}
