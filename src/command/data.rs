//! `frontdesk collection`, `import` and `export`.

use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

use super::cli::{CollectionCommand, ImportArgs};
use super::outcome::{Outcome, print};
use crate::collections::{CollectionName, Collections, NewCollection, WebOrigin};
use crate::config::Config;
use crate::db::Pool;
use crate::entries::{Entries, How, ImportReport, Reader, Settings, Survey, parse_query};
use crate::files::{Options, Source};
use crate::filter::Format;
use crate::moment::Clock;
use crate::staff::Author;
use crate::web::{pairs, sent_pieces};

pub(super) async fn collection(command: CollectionCommand, config: &Config) -> Outcome {
    let pool = Pool::open(&config.database_url()).await?;
    match command {
        CollectionCommand::Add { name, open, public_read, origin, kind } => {
            let origins = origin.iter().map(|origin| WebOrigin::parse(origin)).collect::<Result<_, _>>()?;
            let name = CollectionName::parse(&name)?;
            let new = NewCollection { name, title: String::new(), open, public_read, kind, origins };
            let made = collections(&pool).create(&Author::command_line(), new).await?;
            print(&format!("{}\n", made.publishable_key))?;
        }
        CollectionCommand::List => {
            for known in collections(&pool).list().await? {
                print(&format!("{}\t{}\n", known.collection.name, known.collection.title))?;
            }
        }
        CollectionCommand::Key { name } => {
            let known = collections(&pool).get(&name).await?;
            print(&format!("{}\n", known.collection.publishable_key))?;
        }
    }
    pool.close().await;
    Ok(())
}

fn collections(pool: &Pool) -> Collections {
    Collections::new(pool.clone(), Clock::system())
}

/// Entries for a command: without limits, the budgets of a person who waits.
pub(super) fn entries(pool: &Pool, config: &Config) -> Entries {
    let mut settings = Settings::of(config, [0; 32]);
    settings.rates = None;
    Entries::new(pool.clone(), Clock::system(), collections(pool), settings)
}

pub(super) async fn import(args: &ImportArgs, config: &Config) -> Outcome {
    let name = args.file.to_string_lossy();
    let (file, name) = match &*name {
        "-" => (standard_input()?, ""),
        path => (File::open(path).map_err(|error| format!("{path}: {error}"))?, file_name(path)),
    };
    let options = Options::parse(|option| match option {
        "encoding" => &args.encoding,
        "format" => &args.format,
        "delimiter" => &args.delimiter,
        "quote" => &args.quote,
        "header" => &args.header,
        _ => &args.list,
    })?;
    let how = How::parse(args.again, &args.ids)?;
    let source = Arc::new(Source::open(file, name, &options)?);
    let survey = Arc::new(Survey::of(&source).await?);
    eprintln!("read as {source}: {} rows", survey.rows);
    let pool = Pool::open(&config.database_url()).await?;
    let entries = entries(&pool, config);
    if args.dry_run {
        let known = collections(&pool).by_name(&args.collection).await?;
        let would =
            entries.would_import(known.as_ref().map(|known| &known.collection), name, &(source, survey, how)).await?;
        return tell(&would);
    }
    let by = Author::command_line();
    let collection = entries.find_or_make(&by, &args.collection).await?;
    let bar = progress_bar(survey.rows);
    let work = (source, survey, how);
    let report = entries.import_file(&by, &collection, name, work, &mut |done| bar.set_position(done)).await?;
    bar.finish_and_clear();
    drop(entries);
    pool.close().await;
    tell(&report.ok_or("it was cancelled; nothing of it is stored")?)
}

/// The last part of a path: what a file is called, wherever it lies.
fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What is read twice has to be a file.
fn standard_input() -> std::io::Result<File> {
    let mut file = tempfile::tempfile()?;
    std::io::copy(&mut std::io::stdin().lock(), &mut file)?;
    Ok(file)
}

/// Only a terminal is shown a bar.
fn progress_bar(rows: u64) -> indicatif::ProgressBar {
    let bar = if std::io::stderr().is_terminal() {
        indicatif::ProgressBar::new(rows)
    } else {
        indicatif::ProgressBar::hidden()
    };
    match indicatif::ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} rows, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn tell(report: &ImportReport) -> Outcome {
    eprintln!("{} ({})", report.words(), report.rule_words());
    report.notices.iter().for_each(|notice| eprintln!("  {notice}"));
    report.reasons.iter().for_each(|(place, reason)| eprintln!("  {place}: {reason}"));
    if report.hidden > 0 {
        eprintln!("  {} of the stored ones are marked as spam or deleted, as the file says", report.hidden);
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
    let mut params = pairs(&query.unwrap_or_default())?;
    params.extend(collection.map(|name| ("_collection".to_owned(), name)));
    let format = match format {
        "ndjson" => Format::Ndjson,
        "json" => Format::Json,
        _ => Format::Csv,
    };
    let query = parse_query(&params, Clock::system().now(), false)?;
    let export = entries.export(&Reader::System, None, query, format).await?;
    let (sender, mut pieces) = sent_pieces();
    let writer = entries.clone();
    let writing = tokio::spawn(async move { writer.send(export, sender).await });
    while let Some(piece) = pieces.next().await? {
        std::io::stdout().write_all(&piece)?;
    }
    writing.await?;
    pool.close().await;
    Ok(())
}
