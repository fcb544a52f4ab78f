//! Titles by words. Each instance has the whole index in its memory and calls nobody, so search survives everything else.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tantivy::collector::TopDocs;
use tantivy::query::QueryParser;
use tantivy::schema::{Field, STORED, Schema, TEXT, Value};
use tantivy::{Index, IndexReader, TantivyDocument, doc};

use super::health;
use crate::catalogue::{Catalogue, TitleId};
use crate::ctx::Ctx;
use crate::net::Listener;
use crate::rows::Card;
use crate::{BoxError, http as server};

/// Titles in an answer.
const LIMIT: usize = 10;
/// Longer queries are refused: nobody types so much.
const LONGEST: usize = 200;
/// Memory for indexing; tantivy's minimum is 15 MB a thread.
const INDEXING: usize = 20_000_000;

/// The answer of `/search`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Best first.
    pub titles: Vec<Card>,
}

#[derive(Deserialize)]
struct Asked {
    q: String,
}

/// The titles, by the words of their names and synopses.
struct Titles {
    catalogue: Arc<Catalogue>,
    reader: IndexReader,
    parser: QueryParser,
    id: Field,
}

/// Serves `GET /search?q=words`.
///
/// # Errors
///
/// When the index cannot be built.
pub async fn serve(ctx: Ctx, listener: Listener) -> Result<(), BoxError> {
    let titles = Titles::index(Catalogue::of(ctx.settings()))?;
    let router = Router::new()
        .route("/search", get(search))
        .with_state(Arc::new(titles))
        .merge(health::router(&ctx));
    server::serve(ctx, listener, router).await;
    Ok(())
}

async fn search(State(titles): State<Arc<Titles>>, Query(asked): Query<Asked>) -> Response {
    if asked.q.len() > LONGEST {
        let text = format!("q may have {LONGEST} bytes, got {}", asked.q.len());
        return (StatusCode::BAD_REQUEST, text).into_response();
    }
    // A few dozen microseconds on this index: not worth a thread of its own.
    match titles.find(&asked.q) {
        Ok(found) => Json(found).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

impl Titles {
    fn index(catalogue: Arc<Catalogue>) -> tantivy::Result<Self> {
        let mut schema = Schema::builder();
        let id = schema.add_u64_field("id", STORED);
        let name = schema.add_text_field("name", TEXT);
        let synopsis = schema.add_text_field("synopsis", TEXT);
        let index = Index::create_in_ram(schema.build());
        // One thread: the same titles give the same index, in the same order.
        let mut writer = index.writer_with_num_threads(1, INDEXING)?;
        for title in catalogue.titles() {
            writer.add_document(doc!(
                id => title.id().index() as u64,
                name => title.name(),
                synopsis => title.synopsis(),
            ))?;
        }
        writer.commit()?;
        writer.wait_merging_threads()?;
        let mut parser = QueryParser::for_index(&index, vec![name, synopsis]);
        parser.set_field_boost(name, 4.0);
        Ok(Self { catalogue, reader: index.reader()?, parser, id })
    }

    fn find(&self, words: &str) -> tantivy::Result<Found> {
        // Lenient: what is no query is taken as words.
        let (query, _) = self.parser.parse_query_lenient(words);
        let searcher = self.reader.searcher();
        let best = searcher.search(&query, &TopDocs::with_limit(LIMIT).order_by_score())?;
        let mut titles = Vec::with_capacity(best.len());
        for (_, address) in best {
            let kept: TantivyDocument = searcher.doc(address)?;
            let index = kept.get_first(self.id).and_then(|id| id.as_u64()).unwrap_or(u64::MAX);
            let id = u32::try_from(index).map(TitleId::new);
            if let Ok(Some(title)) = id.map(|id| self.catalogue.get(id)) {
                titles.push(Card { id: title.id().to_string(), name: title.name().to_owned() });
            }
        }
        Ok(Found { titles })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_title_is_found_by_its_name() {
        let catalogue = Arc::new(Catalogue::generate(7, 400));
        let titles = Titles::index(Arc::clone(&catalogue)).unwrap();
        for title in catalogue.titles() {
            let found = titles.find(title.name()).unwrap();
            let id = title.id().to_string();
            assert!(found.titles.iter().any(|card| card.id == id), "{}", title.name());
        }
    }

    #[test]
    fn whatever_is_typed_is_a_query() {
        let titles = Titles::index(Arc::new(Catalogue::generate(7, 50))).unwrap();
        for typed in ["", "AND", "name:", "\"", "((", "+-+", "a:b:c", "*", "日本", "id:[1 TO"] {
            titles.find(typed).unwrap();
        }
    }
}
