//! Open files and connections of this process: how many it may have, and how many it has.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Allows this process as many as the system lets it have; a shell's usual 1,024 would be a thousand clients.
pub fn raise() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
        if let Err(error) = raised {
            tracing::warn!(%error, "the limit of open files was not raised");
        }
    }
}

/// How many it may have; `None`: as many as it likes.
pub fn most() -> Option<usize> {
    getrlimit(Resource::Nofile).current.and_then(|most| usize::try_from(most).ok())
}

/// How many it has; `None` where the system does not list them.
pub fn open() -> Option<usize> {
    std::fs::read_dir("/proc/self/fd").ok().map(Iterator::count)
}
