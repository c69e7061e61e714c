//! What one RPC reads from outside: once, and the same for all that it does.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

type Found = Arc<dyn Any + Send + Sync>;

/// What an RPC has read so far, such as directories.
#[derive(Clone, Default)]
pub struct Reads(Arc<Mutex<HashMap<(TypeId, String), Found>>>);

impl Reads {
    /// What `read` makes of what is at `place`, by the first who asks for it. For each type one `read`, which asks for
    /// nothing else here.
    pub fn once<T: Send + Sync + 'static>(&self, place: &str, read: impl FnOnce() -> T) -> Arc<T> {
        let key = (TypeId::of::<T>(), place.to_owned());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.get(&key).cloned();
        if let Some(found) = found.and_then(|found| found.downcast().ok()) {
            return found;
        }
        let read = Arc::new(read());
        all.insert(key, read.clone());
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_once() {
        let reads = Reads::default();
        assert_eq!(*reads.clone().once("a", || 1), 1);
        assert_eq!(*reads.once("a", || 2), 1);
        assert_eq!(*reads.once("b", || 2), 2);
        assert_eq!(*reads.once("a", || "text"), "text");
        assert_eq!(*Reads::default().once("a", || 3), 3);
    }
}
