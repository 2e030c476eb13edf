//! Work on many items becomes their results, in the items' order, on every processor.
//!
//! For work that only computes: nothing here waits for anything else, and no result may depend on what is done beside it.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Fewer items than this for each thread are not worth starting it.
const WORTH_A_THREAD: usize = 8;

/// As much as the thread that starts a program has: readers of nested text use stack.
const STACK_BYTES: usize = 8 << 20;

/// What `work` makes of each item.
pub fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = processors.min(items.len() / WORTH_A_THREAD);
    if threads < 2 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return done };
            done.push((at, work(item)));
        }
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let start = |_| thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, take).ok();
        let others: Vec<_> = (1..threads).map_while(start).collect();
        let mut done = take();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::map;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        for count in [0_u64, 1, 7, 1_000] {
            let items: Vec<u64> = (0..count).collect();
            let squares = map(&items, |item| {
                // The first ones take longest.
                std::thread::sleep(std::time::Duration::from_micros(if *item < 4 { 500 } else { 0 }));
                item * item
            });
            assert_eq!(squares, items.iter().map(|item| item * item).collect::<Vec<_>>());
        }
    }

    #[test]
    #[should_panic(expected = "item 999")]
    fn a_panic_is_the_callers() {
        let items: Vec<u64> = (0..1_000).collect();
        map(&items, |item| assert!(*item != 999, "item {item}"));
    }
}
