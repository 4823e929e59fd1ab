//! How much of anything is taken: every limit that is not a setting. docs/limits.md explains them, and a test holds
//! them against that page. Rates and time budgets are settings ([`crate::config::Config`]).

/// Bytes of the fields of a request (its headers).
pub const MAX_HEAD: usize = 64 * 1024;

/// Bytes of a JSON body of the API.
pub const MAX_JSON: u64 = 1_000_000;
/// Bytes of a form without files.
pub const MAX_FORM: u64 = 1_000_000;
/// Fields of a form, and parameters of an address.
pub const MAX_FORM_FIELDS: usize = 2000;
/// Bytes of a table of records that is imported, and of what is pasted.
pub const MAX_TABLE: u64 = 10_000_000;

/// Seconds in which a body must have come.
pub const BODY_SECONDS: u64 = 60;
/// Bytes of a body that are read and thrown away once it is refused, so that the refusal is read.
pub const MAX_EXCESS: u64 = 32_000_000;
/// Seconds in which they must have come.
pub const EXCESS_SECONDS: u64 = 30;

/// Bytes of a request to `/add`, unpacked.
pub const MAX_BODY: u64 = 1_000_000;
/// Bytes of a multipart form sent to `/add` with its files, which are skipped while they are read.
pub const MAX_UPLOAD: u64 = 100_000_000;
/// Seconds in which such a form must have come.
pub const UPLOAD_SECONDS: u64 = 600;
/// Bytes of a file that is uploaded to be imported.
pub const MAX_IMPORT: u64 = 200_000_000;
/// Names of fields that one address may bring to a collection within an hour.
pub const MAX_NEW_FIELDS: usize = 500;
/// Bytes of an entry.
pub const MAX_ENTRY: usize = 64 * 1024;
/// Entries of a request.
pub const MAX_ENTRIES: usize = 100;
/// Levels of an entry.
pub const MAX_DEPTH: usize = 16;
/// Values of an entry.
pub const MAX_LEAVES: usize = 512;
/// Bytes of a name in an entry.
pub const MAX_NAME: usize = 256;

/// Conditions of a list.
pub const MAX_CONDITIONS: usize = 64;
/// Values of one condition (`in`, `notin`), and of all conditions of a list.
pub const MAX_VALUES: usize = 500;
/// Fields by which a list is sorted.
pub const MAX_SORT_KEYS: usize = 4;
/// Fields that a list or a download names (`_fields`).
pub const MAX_COLUMNS: usize = 500;
/// Fields whose values are counted.
pub const MAX_FACETS: usize = 5;
/// Characters of a search.
pub const MAX_SEARCH: usize = 1000;
/// Entries or records on a page, at most.
pub const MAX_LIMIT: u32 = 1000;
/// Entries or records of a page if nobody asks for a number.
pub const DEFAULT_LIMIT: u32 = 50;

/// Downloads of entries at once, of strangers and as many of staff.
pub const MAX_DOWNLOADS: usize = 32;
/// Those of one address, or of one account of staff.
pub const MAX_DOWNLOADS_EACH: usize = 8;
/// Seconds that one statement of a stranger's download may take.
pub const DOWNLOAD_BUDGET_SECONDS: u64 = 10;
/// Bytes a second that a download's reader has to take, over half a minute.
pub const MIN_DOWNLOAD_SPEED: u64 = 8 * 1024;
/// Seconds for which a download is of one moment.
pub const SNAPSHOT_SECONDS: u64 = 10;

/// Fields of a collection that are remembered by name.
pub const MAX_FIELDS: usize = 5000;
/// Pinned fields of a collection.
pub const MAX_PINS: usize = 20;

/// Bytes that must be free on SQLite's disk for `/readyz` to say yes.
pub const DISK_RESERVE: u64 = 16 * 1024 * 1024;

/// Pages and programs that follow a queue or a place at once, if the system allows as many open files.
pub const MAX_STREAMS: usize = 10_000;
/// Those of one address (IPv6: one /64).
pub const MAX_STREAMS_PER_ADDRESS: usize = 1000;
/// Those of strangers who follow one place.
pub const MAX_STREAMS_PER_PLACE: usize = 8;

/// Pools of a relay; those of an aggregate are its parts.
pub const MAX_RELAY_POOLS: usize = 16;
/// Upstreams of a pool.
pub const MAX_RELAY_UPSTREAMS: usize = 32;
/// Rules of a relay.
pub const MAX_RELAY_RULES: usize = 100;
/// Bytes of a request's body that a relay can be set to take.
pub const MAX_RELAY_BODY: u64 = 256 * 1024 * 1024;
/// Bytes of a request's body that rules can read, and that are kept for a second try.
pub const MAX_RELAY_REPLAY: usize = 64 * 1024;
/// Requests under way at one upstream.
pub const MAX_RELAY_IN_FLIGHT: u32 = 256;
/// Bytes of a part of an aggregate, and of a last good answer.
pub const MAX_RELAY_PART: usize = 1024 * 1024;
/// Connections to the relay's own listener.
pub const MAX_RELAY_CONNECTIONS: usize = 4096;
/// Those of one address (IPv6: one /64).
pub const MAX_RELAY_CONNECTIONS_PER_ADDRESS: usize = 1024;

/// Bytes of an update's text.
pub const MAX_UPDATE: usize = 100_000;
/// Tags of an update.
pub const MAX_UPDATE_TAGS: usize = 20;
