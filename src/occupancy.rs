//! How many of something there are at once: in all, and for each key.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;

/// Seats of which only so many are held at once. Cheap to clone; all clones share them.
#[derive(Clone)]
pub struct Occupancy<K: Hash + Eq + Clone>(Arc<Shared<K>>);

struct Shared<K> {
    most: usize,
    most_each: usize,
    held: Mutex<Held<K>>,
}

struct Held<K> {
    all: usize,
    each: HashMap<K, usize>,
}

/// A seat, given back when it is dropped.
pub struct Seat<K: Hash + Eq + Clone> {
    shared: Arc<Shared<K>>,
    key: Option<K>,
}

impl<K: Hash + Eq + Clone> Occupancy<K> {
    /// At most `most`, and at most `most_each` for one key.
    pub fn new(most: usize, most_each: usize) -> Occupancy<K> {
        let held = Mutex::new(Held { all: 0, each: HashMap::new() });
        Occupancy(Arc::new(Shared { most, most_each, held }))
    }

    /// A seat; `None` if as many are held as may be. Without a key it counts in all only.
    pub fn take(&self, key: Option<K>) -> Option<Seat<K>> {
        let mut held = self.0.held.lock();
        if held.all >= self.0.most {
            return None;
        }
        if let Some(key) = &key {
            let each = held.each.get(key).copied().unwrap_or(0);
            if each >= self.0.most_each {
                return None;
            }
            held.each.insert(key.clone(), each + 1);
        }
        held.all += 1;
        Some(Seat { shared: self.0.clone(), key })
    }

    /// Seats that are held.
    pub fn held(&self) -> usize {
        self.0.held.lock().all
    }
}

impl<K: Hash + Eq + Clone> Drop for Seat<K> {
    fn drop(&mut self) {
        let mut held = self.shared.held.lock();
        held.all -= 1;
        let Some(key) = &self.key else { return };
        match held.each.get_mut(key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(held.each.remove(key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Occupancy;

    #[test]
    fn seats_are_bounded_in_all_and_for_each_key_and_come_back() {
        let seats = Occupancy::new(3, 2);
        let (first, _second) = (seats.take(Some("a")).unwrap(), seats.take(Some("a")).unwrap());
        assert!(seats.take(Some("a")).is_none(), "the third of one key");
        let other = seats.take(Some("b")).unwrap();
        assert!(seats.take(Some("c")).is_none() && seats.take(None).is_none(), "the fourth of all");
        drop(other);
        assert!(seats.take(None).is_some(), "without a key it counts in all only");
        drop(first);
        assert!(seats.take(Some("a")).is_some());
        assert_eq!(seats.held(), 1);
        assert_eq!(seats.0.held.lock().each.len(), 1, "nothing is kept of those who left");
    }
}
