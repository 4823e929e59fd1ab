//! `frontdesk collection`, `import` and `export`.

use std::io::{IsTerminal as _, Read as _, Write as _};

use super::{CollectionCommand, Outcome, print};
use crate::collections::{self, CollectionName, Collections, NewCollection, WebOrigin};
use crate::config::Config;
use crate::db::Pool;
use crate::entries::{Entries, Format, ImportReport, Reader, Source, find_or_make, parse_query};
use crate::moment::Clock;
use crate::staff::Author;

pub(super) async fn collection(command: CollectionCommand, config: &Config) -> Outcome {
    let pool = Pool::open(&config.database_url()).await?;
    match command {
        CollectionCommand::Add { name, open, public_read, origin, kind } => {
            let origins = origin.iter().map(|origin| WebOrigin::parse(origin)).collect::<Result<_, _>>()?;
            let name = CollectionName::parse(&name)?;
            let new = NewCollection { name, title: String::new(), open, public_read, kind, origins };
            let made = collections::create(&pool, &Author::command_line(), new, Clock::system().now()).await?;
            print(&format!("{}\n", made.publishable_key))?;
        }
        CollectionCommand::List => {
            for known in Collections::new(pool.clone()).list().await? {
                print(&format!("{}\t{}\n", known.collection.name, known.collection.title))?;
            }
        }
        CollectionCommand::Key { name } => {
            let found =
                collections::find(&pool, &name).await?.ok_or_else(|| format!("there is no collection \"{name}\""))?;
            print(&format!("{}\n", found.publishable_key))?;
        }
    }
    pool.close().await;
    Ok(())
}

/// Entries for a command: without limits, the budgets of a person who waits.
pub(super) fn entries(pool: &Pool, config: &Config) -> Entries {
    let mut settings = crate::app::settings(config, [0; 32]);
    settings.rates = None;
    Entries::new(pool.clone(), Clock::system(), Collections::new(pool.clone()), settings)
}

pub(super) async fn import(file: &std::path::Path, collection: &str, config: &Config) -> Outcome {
    let mut text = String::new();
    let name = file.to_string_lossy();
    if name == "-" {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    }
    let pool = Pool::open(&config.database_url()).await?;
    let entries = entries(&pool, config);
    let import = Source::recognise(&text, &name).read()?;
    let bar = progress_bar(import.rows.len());
    let collection = find_or_make(&entries, &Author::command_line(), collection).await?;
    let report =
        entries.import(&Author::command_line(), &collection, import, &mut |done| bar.set_position(done as u64)).await?;
    bar.finish_and_clear();
    drop(entries);
    pool.close().await;
    tell(&report)
}

/// Only a terminal is shown a bar.
fn progress_bar(rows: usize) -> indicatif::ProgressBar {
    let bar = if std::io::stderr().is_terminal() {
        indicatif::ProgressBar::new(rows as u64)
    } else {
        indicatif::ProgressBar::hidden()
    };
    match indicatif::ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} rows, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn tell(report: &ImportReport) -> Outcome {
    eprintln!("{} stored, {} known already, {} refused", report.stored, report.known, report.refused);
    for (row, reason) in &report.reasons {
        eprintln!("  row {row}: {reason}");
    }
    if report.refused > 0 { Err("some rows were refused; the others are stored".into()) } else { Ok(()) }
}

pub(super) async fn export(
    collection: Option<String>,
    format: &str,
    query: Option<String>,
    config: &Config,
) -> Outcome {
    let pool = Pool::open(&config.database_url()).await?;
    let entries = entries(&pool, config);
    let mut params = crate::web::pairs(&query.unwrap_or_default())?;
    params.extend(collection.map(|name| ("_collection".to_owned(), name)));
    let format = match format {
        "ndjson" => Format::Ndjson,
        "json" => Format::Json,
        _ => Format::Csv,
    };
    let query = parse_query(&params, Clock::system().now(), false)?;
    let export = entries.export(&Reader::Staff(0), query, format).await?;
    let (sender, mut pieces) = tokio::sync::mpsc::channel(4);
    let writer = entries.clone();
    let writing = tokio::spawn(async move { writer.send(export, sender).await });
    while let Some(piece) = pieces.recv().await {
        std::io::stdout().write_all(&piece?)?;
    }
    writing.await?;
    pool.close().await;
    Ok(())
}
